"""Variables and their scope (section 6), and what waits and events leave behind (section 5)."""

from __future__ import annotations

import pytest

from tests.conformance.observed import Case

SCOPE = [
    Case(
        "variables are known to later steps",
        """
        - {variables: {x: 1}}
        - {action: test.act, data: {v: '{{ x }}'}}
        """,
        [1],
    ),
    Case(
        "variables see those before them",
        """
        - {variables: {a: 1, b: '{{ a + 1 }}', c: '{{ b + 1 }}'}}
        - {action: test.act, data: {v: '{{ c }}'}}
        """,
        [3],
    ),
    Case(
        "variables set again hold the newer value",
        """
        - {variables: {x: 1}}
        - {variables: {x: '{{ x + 1 }}'}}
        - {action: test.act, data: {v: '{{ x }}'}}
        """,
        [2],
    ),
    Case(
        "variables may be lists and mappings",
        """
        - {variables: {x: {a: [1, '{{ 1 + 1 }}']}}}
        - {action: test.act, data: {v: '{{ x.a[1] }}'}}
        """,
        [2],
    ),
    Case(
        "variables set in then are known after it",
        """
        - {variables: {x: 1}}
        - {if: '{{ true }}', then: {variables: {x: 2}}}
        - {action: test.act, data: {v: '{{ x }}'}}
        """,
        [2],
    ),
    Case(
        "variables first set in then are known after it",
        """
        - {if: '{{ true }}', then: {variables: {x: 2}}}
        - {action: test.act, data: {v: '{{ x }}'}}
        """,
        [2],
    ),
    Case(
        "variables set in choose are known after it",
        """
        - {variables: {x: 1}}
        - {choose: {conditions: [], sequence: {variables: {x: 2}}}}
        - {action: test.act, data: {v: '{{ x }}'}}
        """,
        [2],
    ),
    Case(
        "variables set in a sequence are known after it",
        """
        - {sequence: [{variables: {x: 2}}]}
        - {action: test.act, data: {v: '{{ x }}'}}
        """,
        [2],
    ),
    Case(
        "a counter in a loop counts",
        """
        - {variables: {n: 0}}
        - {repeat: {count: 4, sequence: [{variables: {n: '{{ n + repeat.index }}'}}]}}
        - {action: test.act, data: {v: '{{ n }}'}}
        """,
        [10],
    ),
    Case(
        "a list in a loop grows",
        """
        - {variables: {found: []}}
        - repeat:
            for_each: [a, b]
            sequence: [{variables: {found: '{{ found + [repeat.item] }}'}}]
        - {action: test.act, data: {v: '{{ found }}'}}
        """,
        [["a", "b"]],
    ),
    Case(
        "variables of the rule are known to conditions and steps",
        "- {action: test.act, data: {v: '{{ x }}'}}",
        [3],
        keys="""
        variables: {x: 3}
        conditions: '{{ x == 3 }}'
        """,
    ),
    Case(
        "variables of the rule see those before them",
        "- {action: test.act, data: {v: '{{ y }}'}}",
        [4],
        keys="variables: {x: 3, y: '{{ x + 1 }}'}",
    ),
    Case(
        "variables of the rule see the trigger",
        "- {action: test.act, data: {v: '{{ n }}'}}",
        [5],
        keys="variables: {n: '{{ trigger.event.data.n }}'}",
        happens=[{"n": 5}],
    ),
    Case(
        "variables of the rule may ask for states",
        "- {action: test.act, data: {v: '{{ s }}'}}",
        ["warm"],
        keys="variables: {s: '{{ states(\"sensor.x\") }}'}",
        happens=[("sensor.x", "warm"), "go"],
    ),
    Case(
        "variables of the rule are worked out once",
        """
        - {delay: 5}
        - {action: test.act, data: {v: '{{ s }}'}}
        """,
        ["warm"],
        keys="variables: {s: '{{ states(\"sensor.x\") }}'}",
        happens=[("sensor.x", "warm"), "go", ("sensor.x", "cold"), 5],
    ),
    Case(
        "steps override variables of the rule",
        """
        - {variables: {x: 9}}
        - {action: test.act, data: {v: '{{ x }}'}}
        """,
        [9],
        keys="variables: {x: 3}",
    ),
    Case(
        "variables of the rule override trigger_variables",
        "- {action: test.act, data: {v: '{{ x }}'}}",
        [3],
        keys="""
        trigger_variables: {x: 1}
        variables: {x: 3}
        """,
    ),
    Case(
        "trigger_variables are known to steps",
        "- {action: test.act, data: {v: '{{ x }}'}}",
        [1],
        keys="trigger_variables: {x: 1}",
    ),
    Case(
        "variables of the rule see trigger_variables",
        "- {action: test.act, data: {v: '{{ y }}'}}",
        [2],
        keys="""
        trigger_variables: {x: 1}
        variables: {y: '{{ x + 1 }}'}
        """,
    ),
    Case(
        "variables of the trigger are not overridden by those of the rule",
        "- {action: test.act, data: {v: '{{ x }}'}}",
        [7],
        keys="""
        triggers: {trigger: event, event_type: go, variables: {x: 7}}
        variables: {x: 1}
        """,
    ),
    Case(
        "trigger_variables name the event",
        "- {action: test.act, data: {v: 1}}",
        [1],
        keys="""
        trigger_variables: {kind: go}
        triggers: {trigger: event, event_type: '{{ kind }}'}
        """,
    ),
    Case(
        "variables of a trigger are known to steps",
        "- {action: test.act, data: {v: '{{ x }}'}}",
        [7],
        keys="triggers: {trigger: event, event_type: go, variables: {x: 7}}",
    ),
    Case(
        "variables of a trigger see the trigger",
        "- {action: test.act, data: {v: '{{ x }}'}}",
        [8],
        keys="""
        triggers:
          trigger: event
          event_type: go
          variables: {x: '{{ trigger.event.data.n }}'}
        """,
        happens=[{"n": 8}],
    ),
    Case(
        "variables of the rule see those of the trigger",
        "- {action: test.act, data: {v: '{{ y }}'}}",
        [8],
        keys="""
        triggers: {trigger: event, event_type: go, variables: {x: 7}}
        variables: {y: '{{ x + 1 }}'}
        """,
    ),
    Case(
        "each run has variables of its own",
        """
        - {variables: {n: '{{ trigger.event.data.n }}'}}
        - {delay: 5}
        - {action: test.act, data: {v: '{{ n }}'}}
        """,
        [1, 2],
        ["finished"] * 2,
        [{"n": 1}, {"n": 2}, 5],
        mode="parallel",
    ),
    Case(
        "variables of the rule in error end the run before its conditions",
        "- {action: test.act, data: {v: 1}}",
        [],
        ["error"],
        keys="""
        variables: {x: '{{ 1 / 0 }}'}
        conditions: '{{ false }}'
        """,
    ),
    Case(
        "variables in error among the steps end the run",
        """
        - {variables: {x: '{{ 1 / 0 }}'}}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["error"],
    ),
    Case(
        "the default filter covers what is not defined",
        "- {action: test.act, data: {v: '{{ nix | default(3) }}'}}",
        [3],
    ),
    Case(
        "a name that is not defined in variables is empty",
        """
        - {variables: {x: '{{ nix }}'}}
        - {action: test.act, data: {v: '<{{ x }}>'}}
        """,
        ["<>"],
    ),
]

TYPES = [
    Case(
        f"{written} is {value!r}",
        f"- variables: {{x: \"{{{{ {written} }}}}\"}}\n- {{action: test.act, data: {{v: '{{{{ x }}}}'}}}}",
        [value],
    )
    for written, value in (
        ("1 + 1", 2),
        ("1.5 * 2", 3.0),
        ("[1, 'a']", [1, "a"]),
        ("{'a': {'b': 1}}", {"a": {"b": 1}}),
        ("1 == 1", True),
        ("none", None),
        ("'0091'", "0091"),
        ("'1e5'", "1e5"),
        ("'yes'", "yes"),
        ("'2026-03-02'", "2026-03-02"),
        ("'tel:+919876543210'", "tel:+919876543210"),
        ("'a' ~ 1", "a1"),
        ("'+919876543210'", "+919876543210"),
        ("'12'", "12"),
        ("'12' | int", 12),
        ("'True'", "True"),
        ("'1,2'", "1,2"),
        ("'None'", "None"),
        ("[1, 2] | sum", 3),
        ("'a,b'.split(',')", ["a", "b"]),
        ("dict(a=1)", {"a": 1}),
    )
]

ALWAYS_THERE = [
    Case("this is the rule's own entity", "- {action: test.act, data: {v: '{{ this.entity_id }}'}}", ["automation.r"]),
    Case("this tells that the rule is on", "- {action: test.act, data: {v: '{{ this.state }}'}}", ["on"]),
    Case("this tells the name", "- {action: test.act, data: {v: '{{ this.attributes.friendly_name }}'}}", ["r"]),
    Case(
        "this tells the mode",
        "- {action: test.act, data: {v: '{{ this.attributes.mode }}'}}",
        ["restart"],
        mode="restart",
    ),
    Case("this tells the id", "- {action: test.act, data: {v: '{{ this.attributes.id }}'}}", ["r"]),
    Case(
        "this was taken when the rule was triggered",
        "- {action: test.act, data: {v: '{{ this.attributes.last_triggered is none }}'}}",
        [True, False],
        ["finished"] * 2,
        ["go", 1, "go"],
    ),
    Case(
        "this is known to variables and conditions of the rule",
        "- {action: test.act, data: {v: '{{ me }}'}}",
        ["automation.r"],
        keys="""
        variables: {me: '{{ this.entity_id }}'}
        conditions: '{{ this.state == "on" }}'
        """,
    ),
    Case(
        "trigger tells the event",
        "- {action: test.act, data: {v: '{{ trigger.event.data.n }}'}}",
        [4],
        happens=[{"n": 4}],
    ),
    Case(
        "trigger tells the type of the event",
        "- {action: test.act, data: {v: '{{ trigger.event.event_type }}'}}",
        ["go"],
    ),
    Case("trigger tells its platform", "- {action: test.act, data: {v: '{{ trigger.platform }}'}}", ["event"]),
    Case(
        "trigger has its index as id",
        "- {action: test.act, data: {v: ['{{ trigger.id }}', '{{ trigger.idx }}']}}",
        [["1", "1"]],
        keys="triggers: [{trigger: event, event_type: never}, {trigger: event, event_type: go}]",
    ),
    Case(
        "trigger has the id that was given",
        "- {action: test.act, data: {v: ['{{ trigger.id }}', '{{ trigger.idx }}']}}",
        [["mine", "0"]],
        keys="triggers: [{trigger: event, event_type: go, id: mine}]",
    ),
    Case(
        "trigger tells its alias",
        "- {action: test.act, data: {v: '{{ trigger.alias }}'}}",
        ["Off we go"],
        keys="triggers: [{trigger: event, event_type: go, alias: Off we go}]",
    ),
    Case("trigger without alias has none", "- {action: test.act, data: {v: '{{ trigger.alias }}'}}", [None]),
    Case(
        "trigger of a state tells both states",
        """
        - action: test.act
          data: {v: '{{ trigger.from_state.state ~ trigger.to_state.state }}'}
        """,
        ["12"],
        keys="triggers: {trigger: state, entity_id: sensor.x, from: '1'}",
        happens=[("sensor.x", "1"), ("sensor.x", "2")],
    ),
    Case("context has an id", "- {action: test.act, data: {v: '{{ context.id is string }}'}}", [True]),
    Case(
        "trigger keeps what it was during a delay",
        """
        - {delay: 5}
        - {action: test.act, data: {v: '{{ trigger.event.data.n }}'}}
        """,
        [4],
        happens=[{"n": 4}, 5],
    ),
]

WAITS = [
    Case(
        "a template that is true already goes on at once",
        """
        - {wait_template: '{{ true }}'}
        - {action: test.act, data: {v: '{{ wait.completed }}'}}
        """,
        [True],
    ),
    Case(
        "a template is waited for",
        """
        - {wait_template: '{{ is_state("sensor.x", "on") }}'}
        - {action: test.act, data: {v: '{{ wait.completed }}'}}
        """,
        [True],
        happens=["go", 5, ("sensor.x", "on")],
        at=[5],
    ),
    Case(
        "a template that stays false is waited for without end",
        """
        - {wait_template: '{{ is_state("sensor.x", "on") }}'}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        [""],
        ["go", 100000],
    ),
    Case(
        "without a timeout nothing remains",
        """
        - {wait_template: '{{ true }}'}
        - {action: test.act, data: {v: '{{ wait.remaining }}'}}
        """,
        [None],
    ),
    Case(
        "a template true at once leaves the whole timeout",
        """
        - {wait_template: '{{ true }}', timeout: 10}
        - {action: test.act, data: {v: '{{ wait.remaining }}'}}
        """,
        [10.0],
    ),
    Case(
        "what remains is told in seconds",
        """
        - {wait_template: '{{ is_state("sensor.x", "on") }}', timeout: {minutes: 1}}
        - {action: test.act, data: {v: '{{ wait.remaining }}'}}
        """,
        [55.0],
        happens=["go", 5, ("sensor.x", "on")],
    ),
    Case(
        "a timeout of a template goes on",
        """
        - {wait_template: '{{ false }}', timeout: 10}
        - {action: test.act, data: {v: ['{{ wait.completed }}', '{{ wait.remaining }}']}}
        """,
        [[False, 0.0]],
        happens=["go", 10],
        at=[10],
    ),
    Case(
        "a wait for a template knows no trigger",
        """
        - {wait_template: '{{ true }}'}
        - {action: test.act, data: {v: '{{ wait.trigger is defined }}'}}
        """,
        [False],
    ),
    Case(
        "a timeout may be a clock text",
        """
        - {wait_template: '{{ false }}', timeout: '00:00:10'}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=["go", 10],
        at=[10],
    ),
    Case(
        "a timeout may be a template",
        """
        - {wait_template: '{{ false }}', timeout: '{{ 5 + 5 }}'}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=["go", 10],
        at=[10],
    ),
    Case(
        "a timeout may hold templates",
        """
        - {wait_template: '{{ false }}', timeout: {seconds: '{{ 5 + 5 }}'}}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=["go", 10],
        at=[10],
    ),
    Case(
        "a bad timeout aborts",
        """
        - {wait_template: '{{ false }}', timeout: "{{ 'soon' }}"}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["aborted"],
        ["go", 10],
    ),
    Case(
        "a timeout of nothing looks once",
        """
        - {wait_template: '{{ false }}', timeout: 0}
        - {action: test.act, data: {v: '{{ wait.completed }}'}}
        """,
        [False],
        at=[0],
    ),
    Case(
        "a timeout of nothing is enough where the template is true",
        """
        - {wait_template: '{{ true }}', timeout: 0}
        - {action: test.act, data: {v: '{{ wait.completed }}'}}
        """,
        [True],
        at=[0],
    ),
    Case(
        "continue_on_timeout: false aborts when the time is up",
        """
        - {wait_template: '{{ false }}', timeout: 10, continue_on_timeout: false}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["aborted"],
        ["go", 10],
    ),
    Case(
        "continue_on_timeout: false goes on when there was time",
        """
        - wait_template: '{{ is_state("sensor.x", "on") }}'
          timeout: 10
          continue_on_timeout: false
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=["go", 5, ("sensor.x", "on")],
    ),
    Case(
        "continue_on_timeout: false aborts out of a block",
        """
        - if: '{{ true }}'
          then: {wait_template: '{{ false }}', timeout: 10, continue_on_timeout: false}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["aborted"],
        ["go", 10],
    ),
    Case(
        "a waited template sees the run's variables",
        """
        - {variables: {want: warm}}
        - {wait_template: '{{ states("sensor.x") == want }}'}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=["go", ("sensor.x", "cold"), 3, ("sensor.x", "warm")],
        at=[3],
    ),
    Case(
        "a waited template sees the trigger",
        """
        - {wait_template: '{{ states("sensor.x") == trigger.event.data.want }}'}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=[{"want": "warm"}, 3, ("sensor.x", "warm")],
        at=[3],
    ),
    Case(
        "a waited template that asks for the time is looked at each minute",
        """
        - {wait_template: '{{ now().minute >= 2 }}'}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=["go", 600],
        at=[120],
    ),
    Case(
        "a waited template may read a variable that has the name of a function",
        """
        - variables: {max: 5}
        - wait_template: '{{ states("sensor.x") | int > max }}'
        - {action: test.act, data: {v: '{{ wait.completed }}'}}
        """,
        [True],
        happens=[("sensor.x", "1"), "go", ("sensor.x", "7")],
    ),
    Case(
        "a waited template in error ends the run",
        """
        - {wait_template: '{{ 1 / 0 }}', timeout: 5}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["error"],
        ["go", 5],
    ),
    Case(
        "a waited template that fails meanwhile is waited for",
        """
        - {wait_template: '{{ states("sensor.x") | int > 5 }}', timeout: 60}
        - {action: test.act, data: {v: '{{ wait.completed }}'}}
        """,
        [True],
        happens=[("sensor.x", "1"), "go", 5, ("sensor.x", "unknown"), 5, ("sensor.x", "9")],
        at=[10],
    ),
    Case(
        "a wait is known after its block",
        """
        - {sequence: [{wait_template: '{{ true }}'}]}
        - {action: test.act, data: {v: '{{ wait.completed }}'}}
        """,
        [True],
    ),
    Case(
        "a newer wait takes the place of the one before",
        """
        - {wait_template: '{{ false }}', timeout: 1}
        - {wait_template: '{{ true }}'}
        - {action: test.act, data: {v: '{{ wait.completed }}'}}
        """,
        [True],
        happens=["go", 1],
    ),
    Case(
        "wait is unknown where nothing was waited for",
        "- {action: test.act, data: {v: '{{ wait is defined }}'}}",
        [False],
    ),
    Case(
        "a trigger is waited for",
        """
        - {wait_for_trigger: {trigger: event, event_type: done}}
        - {action: test.act, data: {v: '{{ wait.trigger.event.data.n }}'}}
        """,
        [],
        [""],
        ["go", 5],
    ),
    Case(
        "a trigger that fires is told",
        """
        - {wait_for_trigger: {trigger: event, event_type: done}}
        - action: test.act
          data:
            v:
              - '{{ wait.completed }}'
              - '{{ wait.trigger.event.event_type }}'
              - '{{ wait.remaining }}'
        """,
        [[True, "done", None]],
        happens=["go", 5, "done"],
        at=[5],
    ),
    Case(
        "one of several triggers is enough",
        """
        - wait_for_trigger:
            - {trigger: event, event_type: a}
            - {trigger: event, event_type: b, id: bee}
        - {action: test.act, data: {v: '{{ wait.trigger.id }}'}}
        """,
        ["bee"],
        happens=["go", "b"],
    ),
    Case(
        "older words name triggers that are waited for",
        """
        - {wait_for_trigger: {platform: event, event_type: a}}
        - {action: test.act, data: {v: '{{ wait.trigger.platform }}'}}
        """,
        ["event"],
        happens=["go", "a"],
    ),
    Case(
        "a trigger that fired before does not count",
        """
        - {wait_for_trigger: {trigger: state, entity_id: sensor.x, to: 'on'}}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        [""],
        [("sensor.x", "on"), "go", 5],
    ),
    Case(
        "a trigger's hold is waited for",
        """
        - {wait_for_trigger: {trigger: state, entity_id: sensor.x, to: 'on', for: 10}}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=[("sensor.x", "off"), "go", 1, ("sensor.x", "on"), 5, ("sensor.x", "off"), ("sensor.x", "on"), 20],
        at=[16],
    ),
    Case(
        "a wait for a trigger that times out has none",
        """
        - {wait_for_trigger: {trigger: event, event_type: done}, timeout: 10}
        - action: test.act
          data: {v: ['{{ wait.completed }}', '{{ wait.trigger }}', '{{ wait.remaining }}']}
        """,
        [[False, None, 0.0]],
        happens=["go", 10],
        at=[10],
    ),
    Case(
        "a wait for a trigger with no time goes on at once",
        """
        - {wait_for_trigger: {trigger: event, event_type: done}, timeout: 0}
        - {action: test.act, data: {v: ['{{ wait.completed }}', '{{ wait.trigger }}']}}
        """,
        [[False, None]],
        at=[0],
    ),
    Case(
        "a wait for a trigger that may not time out aborts",
        """
        - wait_for_trigger: {trigger: event, event_type: done}
          timeout: 10
          continue_on_timeout: false
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["aborted"],
        ["go", 10],
    ),
    Case(
        "a trigger that is waited for may read variables",
        """
        - {variables: {kind: done}}
        - {wait_for_trigger: {trigger: event, event_type: '{{ kind }}'}}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=["go", "done"],
    ),
    Case(
        "a waited trigger's data must fit",
        """
        - {wait_for_trigger: {trigger: event, event_type: done, event_data: {n: 2}}}
        - {action: test.act, data: {v: '{{ wait.trigger.event.data.n }}'}}
        """,
        [2],
        happens=["go", lambda w: w.fire("done", {"n": 1}), lambda w: w.fire("done", {"n": 2})],
    ),
    Case(
        "a time is waited for",
        """
        - {wait_for_trigger: {trigger: time, at: '09:00:30'}}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=["go", 60],
        at=[30],
    ),
    Case(
        "a waited template trigger needs a change",
        """
        - wait_for_trigger:
            trigger: template
            value_template: '{{ is_state("sensor.x", "on") }}'
          timeout: 9
        - {action: test.act, data: {v: '{{ wait.completed }}'}}
        """,
        [False],
        happens=[("sensor.x", "on"), "go", 9],
    ),
    Case(
        "a wait goes on over a restart",
        """
        - {wait_for_trigger: {trigger: event, event_type: done}}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=["go", lambda w: w.restart(), "done"],
    ),
]

NEW = "{{ trigger.event.data.new_state.state }}"
EVENTS = [
    Case(
        "a change of any entity is an event as well",
        f"- {{action: test.act, data: {{v: '{NEW}'}}}}",
        ["2"],
        happens=[("sensor.x", "2"), ("sensor.y", "3")],
        keys="triggers: {trigger: event, event_type: state_changed, event_data: {entity_id: sensor.x}}",
    ),
    Case(
        "an entity that goes is told with what it was",
        "- {action: test.act, data: {v: '{{ trigger.event.data.new_state is none }}'}}",
        [False, True],
        ["finished"] * 2,
        happens=[("sensor.x", "2"), ("sensor.x", None)],
        keys="triggers: {trigger: event, event_type: state_changed}",
    ),
    Case(
        "a branch hears what another branch of the same run fires",
        """
        - parallel:
            - {wait_for_trigger: {trigger: event, event_type: ready}, timeout: 60}
            - event: ready
        - {action: test.act, data: {v: '{{ trigger.platform }}'}}
        """,
        ["event"],
        at=[0],
    ),
    Case(
        "a branch hears what another branch of the same run changes",
        """
        - parallel:
            - {wait_template: '{{ is_state("input_boolean.x", "on") }}', timeout: 60}
            - {action: input_boolean.turn_on, target: {entity_id: input_boolean.x}}
        - {action: test.act, data: {v: '{{ states("input_boolean.x") }}'}}
        """,
        ["on"],
        files="input_boolean: {x: {initial: off}}",
        at=[0],
    ),
    Case(
        "an event is fired with its data",
        "- {event: told, event_data: {n: '{{ 1 + 1 }}'}}",
        [2],
        files="""
        - id: other
          triggers: {trigger: event, event_type: told}
          actions: {action: test.act, data: {v: '{{ trigger.event.data.n }}'}}
        """,
    ),
    Case(
        "an event without data has none",
        "- event: told",
        [{}],
        files="""
        - id: other
          triggers: {trigger: event, event_type: told}
          actions: {action: test.act, data: {v: '{{ trigger.event.data }}'}}
        """,
    ),
    Case(
        "event_data_template is the older word",
        "- {event: told, event_data_template: {n: '{{ 3 }}'}}",
        [3],
        files="""
        - id: other
          triggers: {trigger: event, event_type: told}
          actions: {action: test.act, data: {v: '{{ trigger.event.data.n }}'}}
        """,
    ),
    Case(
        "an event in error does not end the run",
        """
        - {event: told, event_data: {bad: '{{ 1 / 0 }}', n: 2}}
        - {action: test.act, data: {v: x}}
        """,
        ["x"],
    ),
]

EVERY = [*SCOPE, *TYPES, *ALWAYS_THERE, *WAITS, *EVENTS]


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
async def test_a_run_knows_what_people_know(case: Case) -> None:
    await case.holds()
