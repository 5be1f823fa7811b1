"""Steps (section 5 of the semantics): what each kind does, how it ends, and what ends with it."""

from __future__ import annotations

import pytest

from tests.conformance.observed import Case

CALLS = [
    Case("an action is called with its data", "- {action: test.act, data: {v: hello}}", ["hello"]),
    Case("one action alone needs no list", "{action: test.act, data: {v: 1}}", [1]),
    Case("the older word service still calls", "- {service: test.act, data: {v: 1}}", [1]),
    Case(
        "the older word service_template still calls", "- {service_template: 'test.{{ \"act\" }}', data: {v: 1}}", [1]
    ),
    Case(
        "the older word data_template still fills the data",
        "- {service: test.act, data_template: {v: '{{ 1 + 1 }}'}}",
        [2],
    ),
    Case("the name of an action may be a template", "- {action: \"{{ 'test.' ~ 'act' }}\", data: {v: 1}}", [1]),
    Case("data may be one template for the whole", "- {action: test.act, data: \"{{ {'v': 3} }}\"}", [3]),
    Case("templates in data keep numbers", "- {action: test.act, data: {v: '{{ 1 + 1 }}'}}", [2]),
    Case("templates in data keep lists", "- {action: test.act, data: {v: '{{ [1, 2] }}'}}", [[1, 2]]),
    Case("templates in data keep mappings", "- {action: test.act, data: {v: \"{{ {'a': 1} }}\"}}", [{"a": 1}]),
    Case("templates in data keep truth", "- {action: test.act, data: {v: '{{ 1 == 1 }}'}}", [True]),
    Case("templates in data keep nothing", "- {action: test.act, data: {v: '{{ none }}'}}", [None]),
    Case(
        "templates are worked out inside lists and mappings",
        "- {action: test.act, data: {v: {a: ['{{ 1 }}', {b: '{{ 2 }}'}]}}}",
        [{"a": [1, {"b": 2}]}],
    ),
    Case("text that is no template stays text", "- {action: test.act, data: {v: '12'}}", ["12"]),
    Case(
        "a target names the entities", "- {action: test.act, target: {entity_id: input_boolean.x}, data: {v: 1}}", [1]
    ),
    Case(
        "the older spelling names the entities beside the action",
        """
        - {service: input_boolean.turn_on, entity_id: input_boolean.x}
        - {action: test.act, data: {v: '{{ states("input_boolean.x") }}'}}
        """,
        ["on"],
        files="input_boolean: {x: {initial: off}}",
    ),
    Case("metadata changes nothing", "- {action: test.act, metadata: {}, data: {v: 1}}", [1]),
    Case("an alias changes nothing", "- {alias: Say it, action: test.act, data: {v: 1}}", [1]),
    Case(
        "empty data is no data",
        """
        - {action: test.get, data: {}}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
    ),
    Case(
        "a step waits for its action to end",
        """
        - {action: test.slow}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=["go", 30],
        at=[10],
    ),
    Case(
        "an answer is kept under a name",
        """
        - {action: test.get, response_variable: got}
        - {action: test.act, data: {v: '{{ got.n }}'}}
        """,
        [7],
    ),
    Case(
        "an answer that is a list of values keeps them",
        """
        - {action: test.get, response_variable: got}
        - {action: test.act, data: {v: '{{ got.list }}'}}
        """,
        [[1, 2]],
    ),
    Case(
        "an answer named in a block is known after it",
        """
        - {if: '{{ true }}', then: {action: test.get, response_variable: got}}
        - {action: test.act, data: {v: '{{ got.n }}'}}
        """,
        [7],
    ),
    Case(
        "an action that fails ends the run",
        """
        - {action: test.act, data: {v: 1}}
        - {action: test.bad}
        - {action: test.act, data: {v: 2}}
        """,
        [1],
        ["error"],
    ),
    Case(
        "a template error in data ends the run",
        """
        - {action: test.act, data: {v: '{{ 1 / 0 }}'}}
        - {action: test.act, data: {v: 2}}
        """,
        [],
        ["error"],
    ),
    Case(
        "an action whose worked-out name is unknown ends the run",
        """
        - {action: "{{ 'test.' ~ 'nix' }}"}
        - {action: test.act, data: {v: 2}}
        """,
        [],
        ["error"],
    ),
    Case(
        "continue_on_error goes on after an action that fails",
        """
        - {action: test.bad, continue_on_error: true}
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "continue_on_error: false is as without it",
        """
        - {action: test.bad, continue_on_error: false}
        - {action: test.act, data: {v: 2}}
        """,
        [],
        ["error"],
    ),
    Case(
        "continue_on_error does not cover an unknown action",
        """
        - {action: "{{ 'test.' ~ 'nix' }}", continue_on_error: true}
        - {action: test.act, data: {v: 2}}
        """,
        [],
        ["error"],
    ),
    Case(
        "continue_on_error does not cover a template error",
        """
        - {action: test.act, data: {v: '{{ 1 / 0 }}'}, continue_on_error: true}
        - {action: test.act, data: {v: 2}}
        """,
        [],
        ["error"],
    ),
    Case(
        "continue_on_error does not cover a stop",
        """
        - {stop: enough, continue_on_error: true}
        - {action: test.act, data: {v: 2}}
        """,
        [],
    ),
    Case(
        "continue_on_error does not cover a stop with error",
        """
        - {stop: enough, error: true, continue_on_error: true}
        - {action: test.act, data: {v: 2}}
        """,
        [],
        ["aborted"],
    ),
    Case(
        "continue_on_error does not cover a false condition",
        """
        - {condition: template, value_template: '{{ false }}', continue_on_error: true}
        - {action: test.act, data: {v: 2}}
        """,
        [],
        ["aborted"],
    ),
    Case(
        "continue_on_error does not cover a bad delay",
        """
        - {delay: '{{ "soon" }}', continue_on_error: true}
        - {action: test.act, data: {v: 2}}
        """,
        [],
        ["aborted"],
    ),
    Case(
        "continue_on_error does not cover a wait that may not time out",
        """
        - wait_template: '{{ false }}'
          timeout: 1
          continue_on_timeout: false
          continue_on_error: true
        - {action: test.act, data: {v: 2}}
        """,
        [],
        ["aborted"],
        ["go", 2],
    ),
    Case(
        "continue_on_error of a block covers an action inside",
        """
        - if: '{{ true }}'
          then: [{action: test.bad}, {action: test.act, data: {v: 1}}]
          continue_on_error: true
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "continue_on_error inside a block goes on inside it",
        """
        - if: '{{ true }}'
          then:
            - {action: test.bad, continue_on_error: true}
            - {action: test.act, data: {v: 1}}
        - {action: test.act, data: {v: 2}}
        """,
        [1, 2],
    ),
    Case(
        "continue_on_error of a repeat covers an action inside",
        """
        - repeat:
            count: 3
            sequence:
              - {action: test.act, data: {v: '{{ repeat.index }}'}}
              - {action: test.bad}
          continue_on_error: true
        - {action: test.act, data: {v: x}}
        """,
        [1, "x"],
    ),
    Case(
        "continue_on_error of a parallel covers a branch",
        """
        - parallel: [{action: test.bad}, {action: test.act, data: {v: 1}}]
          continue_on_error: true
        - {action: test.act, data: {v: 2}}
        """,
        [1, 2],
    ),
    Case(
        "an undefined name in text is empty text",
        "- {action: test.act, data: {v: 'a{{ nix | default(\"\") }}b'}}",
        ["ab"],
    ),
]

DELAYS = [
    Case(
        f"a delay of {words} waits {seconds:g} seconds",
        f"- delay: {written}\n- {{action: test.act, data: {{v: 1}}}}",
        [1],
        happens=["go", 400000],
        at=[seconds],
    )
    for words, written, seconds in (
        ("a number", "5", 5),
        ("a fraction", "1.5", 1.5),
        ("a number as text", "'5'", 5),
        ("hours, minutes and seconds", "'00:01:30'", 90),
        ("hours and minutes", "'01:30'", 5400),
        ("short hours, minutes and seconds", "'0:0:5'", 5),
        ("many minutes in a mapping", "{minutes: 90}", 5400),
        ("hours and minutes in a mapping", "{hours: 1, minutes: 1}", 3660),
        ("days in a mapping", "{days: 2}", 172800),
        ("milliseconds in a mapping", "{milliseconds: 500}", 0.5),
        ("seconds as text in a mapping", "{seconds: '7'}", 7),
        ("fractions in a mapping", "{seconds: 1.5}", 1.5),
        ("a template that gives a number", "'{{ 2 + 3 }}'", 5),
        ("a template that gives a clock text", "\"{{ '00:00:05' }}\"", 5),
        ("a template that gives a number as text", "\"{{ '5' }}\"", 5),
        ("a template that gives a mapping", "\"{{ {'seconds': 5} }}\"", 5),
        ("a template in a mapping", "{seconds: '{{ 2 + 3 }}'}", 5),
        ("two templates in a mapping", "{minutes: '{{ 1 }}', seconds: '{{ 2 }}'}", 62),
        ("templates in a clock text", "'00:00:{{ 5 }}'", 5),
        ("a timedelta", "'{{ timedelta(seconds=5) }}'", 5),
        ("nothing", "0", 0),
        ("no time as a clock text", "'00:00:00'", 0),
    )
] + [
    Case(
        f"a delay of {words} aborts the run",
        f"- delay: {written}\n- {{action: test.act, data: {{v: 1}}}}",
        [],
        ["aborted"],
        ["go", 10],
    )
    for words, written in (
        ("a template that gives words", "\"{{ 'soon' }}\""),
        ("a template that gives nothing", "'{{ none }}'"),
        ("a template that fails", "'{{ 1 / 0 }}'"),
        ("a template in a mapping that gives words", "{seconds: \"{{ 'soon' }}\"}"),
        ("a template that gives an unknown unit", "\"{{ {'fortnights': 1} }}\""),
        ("a template that gives less than nothing", "'{{ -5 }}'"),
    )
]

CONDITIONS = [
    Case(
        "a true condition goes on",
        """
        - {condition: template, value_template: '{{ true }}'}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
    ),
    Case(
        "a false condition at the top aborts",
        """
        - {condition: template, value_template: '{{ false }}'}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["aborted"],
    ),
    Case(
        "a condition in error at the top aborts",
        """
        - {condition: template, value_template: '{{ 1 / 0 }}'}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["aborted"],
    ),
    Case(
        "a template alone is a condition",
        """
        - '{{ 1 == 2 }}'
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["aborted"],
    ),
    Case(
        "and as a key is a condition",
        """
        - {and: ['{{ true }}', '{{ 1 == 1 }}']}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
    ),
    Case(
        "or as a key is a condition",
        """
        - {or: ['{{ false }}', '{{ 1 == 1 }}']}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
    ),
    Case(
        "not as a key is a condition",
        """
        - {not: ['{{ true }}']}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["aborted"],
    ),
    Case(
        "not may name one condition alone",
        """
        - {not: '{{ false }}'}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
    ),
    Case(
        "condition: and with conditions is a step",
        """
        - {condition: and, conditions: ['{{ true }}']}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
    ),
    Case(
        "only the text true counts",
        """
        - {condition: template, value_template: "{{ 'on' }}"}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["aborted"],
    ),
    Case(
        "the number one is not true",
        """
        - '{{ 1 }}'
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["aborted"],
    ),
    Case(
        "true in capitals is true",
        """
        - "{{ 'TRUE' }}"
        - {action: test.act, data: {v: 1}}
        """,
        [1],
    ),
    Case(
        "a condition switched off is as if absent",
        """
        - {condition: template, value_template: '{{ false }}', enabled: false}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
    ),
    Case(
        "a false condition in then ends then alone",
        """
        - {if: '{{ true }}', then: ['{{ false }}', {action: test.act, data: {v: 1}}]}
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "a false condition in else ends else alone",
        """
        - if: '{{ false }}'
          then: []
          else: ['{{ false }}', {action: test.act, data: {v: 1}}]
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "a false condition in an option of choose ends the option alone",
        """
        - choose:
            conditions: '{{ true }}'
            sequence: ['{{ false }}', {action: test.act, data: {v: 1}}]
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "a false condition in default ends default alone",
        """
        - {choose: [], default: ['{{ false }}', {action: test.act, data: {v: 1}}]}
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "a false condition in a sequence ends the sequence alone",
        """
        - {sequence: ['{{ false }}', {action: test.act, data: {v: 1}}]}
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "a false condition in a repeat goes on with the next round",
        """
        - repeat:
            count: 3
            sequence:
              - '{{ repeat.index != 2 }}'
              - {action: test.act, data: {v: '{{ repeat.index }}'}}
        - {action: test.act, data: {v: x}}
        """,
        [1, 3, "x"],
    ),
    Case(
        "a false condition in a branch of parallel ends the branch alone",
        """
        - parallel:
            - {sequence: ['{{ false }}', {action: test.act, data: {v: 1}}]}
            - {action: test.act, data: {v: 2}}
        - {action: test.act, data: {v: 3}}
        """,
        [2, 3],
    ),
    Case(
        "a condition in error in then ends then alone",
        """
        - {if: '{{ true }}', then: ['{{ 1 / 0 }}', {action: test.act, data: {v: 1}}]}
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "a false condition two blocks down ends the innermost alone",
        """
        - if: '{{ true }}'
          then:
            - if: '{{ true }}'
              then: ['{{ false }}', {action: test.act, data: {v: 1}}]
            - {action: test.act, data: {v: 2}}
        - {action: test.act, data: {v: 3}}
        """,
        [2, 3],
    ),
]

IFS = [
    Case(
        "if takes then when it holds",
        """
        - if: '{{ true }}'
          then: {action: test.act, data: {v: 1}}
          else: {action: test.act, data: {v: 2}}
        """,
        [1],
    ),
    Case(
        "if takes else when it does not",
        """
        - if: '{{ false }}'
          then: {action: test.act, data: {v: 1}}
          else: {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "if without else goes on",
        """
        - {if: '{{ false }}', then: {action: test.act, data: {v: 1}}}
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "if with a list wants all of it",
        """
        - if: ['{{ true }}', '{{ false }}']
          then: {action: test.act, data: {v: 1}}
          else: {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "if in error takes else",
        """
        - if: '{{ 1 / 0 }}'
          then: {action: test.act, data: {v: 1}}
          else: {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "a sole condition of if that is switched off takes then",
        """
        - if: {condition: template, value_template: '{{ false }}', enabled: false}
          then: {action: test.act, data: {v: 1}}
          else: {action: test.act, data: {v: 2}}
        """,
        [1],
    ),
    Case(
        "if without conditions takes then",
        """
        - if: []
          then: {action: test.act, data: {v: 1}}
          else: {action: test.act, data: {v: 2}}
        """,
        [1],
    ),
    Case(
        "if may ask for the trigger",
        """
        - {if: {condition: trigger, id: '0'}, then: {action: test.act, data: {v: 1}}}
        """,
        [1],
    ),
]

CHOICES = [
    Case(
        "choose takes the first option that fits",
        """
        - choose:
            - conditions: '{{ false }}'
              sequence: {action: test.act, data: {v: 1}}
            - {conditions: '{{ true }}', sequence: {action: test.act, data: {v: 2}}}
            - {conditions: '{{ true }}', sequence: {action: test.act, data: {v: 3}}}
        """,
        [2],
    ),
    Case(
        "choose takes default when nothing fits",
        """
        - choose: [{conditions: '{{ false }}', sequence: {action: test.act, data: {v: 1}}}]
          default: {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "choose goes on when nothing fits",
        """
        - {choose: [{conditions: '{{ false }}', sequence: {action: test.act, data: {v: 1}}}]}
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "an option in error does not fit",
        """
        - choose:
            - conditions: '{{ 1 / 0 }}'
              sequence: {action: test.act, data: {v: 1}}
            - {conditions: '{{ true }}', sequence: {action: test.act, data: {v: 2}}}
        """,
        [2],
    ),
    Case(
        "an option without conditions fits",
        "- choose: [{conditions: [], sequence: {action: test.act, data: {v: 1}}}]",
        [1],
    ),
    Case(
        "one option needs no list",
        "- choose: {conditions: '{{ true }}', sequence: {action: test.act, data: {v: 1}}}",
        [1],
    ),
    Case(
        "an option wants all of its conditions",
        """
        - choose:
            conditions: ['{{ true }}', '{{ false }}']
            sequence: {action: test.act, data: {v: 1}}
          default: {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "an option may have an alias",
        """
        - choose:
            alias: One
            conditions: '{{ true }}'
            sequence: {action: test.act, data: {v: 1}}
        """,
        [1],
    ),
    Case(
        "an option without steps chooses nothing to do",
        """
        - choose: {conditions: '{{ true }}', sequence: []}
          default: {action: test.act, data: {v: 2}}
        - {action: test.act, data: {v: 3}}
        """,
        [3],
    ),
    Case(
        "an option that is chosen keeps default away",
        """
        - choose: {conditions: '{{ true }}', sequence: {action: test.act, data: {v: 1}}}
          default: {action: test.act, data: {v: 2}}
        """,
        [1],
    ),
    Case(
        "choose inside choose",
        """
        - choose:
            conditions: '{{ true }}'
            sequence:
              - choose: {conditions: '{{ false }}', sequence: []}
                default: {action: test.act, data: {v: in}}
              - {action: test.act, data: {v: after}}
        """,
        ["in", "after"],
    ),
]

REPEATS = [
    *[
        Case(
            f"a count of {count} repeats {rounds} times",
            f'- repeat: {{count: "{{{{ {count} }}}}", sequence: {{action: test.act, data: {{v: 1}}}}}}',
            [1] * rounds,
        )
        for count, rounds in (("2.0", 2), ("2.7", 2), ("-2", 0), ("'3'", 3))
    ],
    Case(
        "a count repeats",
        "- repeat: {count: 3, sequence: {action: test.act, data: {v: '{{ repeat.index }}'}}}",
        [1, 2, 3],
    ),
    Case(
        "a count tells first and last",
        """
        - repeat:
            count: 3
            sequence:
              action: test.act
              data: {v: ['{{ repeat.first }}', '{{ repeat.last }}']}
        """,
        [[True, False], [False, False], [False, True]],
    ),
    Case(
        "a count may be a template",
        "- repeat: {count: '{{ 1 + 1 }}', sequence: {action: test.act, data: {v: 1}}}",
        [1, 1],
    ),
    Case(
        "a count may be a number as text", "- repeat: {count: '2', sequence: {action: test.act, data: {v: 1}}}", [1, 1]
    ),
    Case(
        "a count of none repeats nothing",
        """
        - {repeat: {count: 0, sequence: {action: test.act, data: {v: 1}}}}
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "a count that is no number aborts",
        "- repeat: {count: \"{{ 'many' }}\", sequence: {action: test.act, data: {v: 1}}}",
        [],
        ["aborted"],
    ),
    Case(
        "a count that fails aborts",
        "- repeat: {count: '{{ 1 / 0 }}', sequence: {action: test.act, data: {v: 1}}}",
        [],
        ["aborted"],
    ),
    Case(
        "a list is gone through",
        """
        - repeat:
            for_each: [a, b]
            sequence: {action: test.act, data: {v: '{{ repeat.item }}'}}
        """,
        ["a", "b"],
    ),
    Case(
        "a list keeps mappings",
        """
        - repeat:
            for_each: [{n: 1}, {n: 2}]
            sequence: {action: test.act, data: {v: '{{ repeat.item.n }}'}}
        """,
        [1, 2],
    ),
    Case(
        "templates inside the list are worked out",
        """
        - repeat:
            for_each: ['{{ 1 + 1 }}', {n: '{{ 3 }}'}]
            sequence: {action: test.act, data: {v: '{{ repeat.item }}'}}
        """,
        [2, {"n": 3}],
    ),
    Case(
        "the list may be a template",
        """
        - repeat:
            for_each: '{{ [1, 2] }}'
            sequence: {action: test.act, data: {v: '{{ repeat.item }}'}}
        """,
        [1, 2],
    ),
    Case(
        "a list tells first, last and index",
        """
        - repeat:
            for_each: [a, b]
            sequence:
              action: test.act
              data:
                v:
                  - '{{ repeat.index }}'
                  - '{{ repeat.first }}'
                  - '{{ repeat.last }}'
        """,
        [[1, True, False], [2, False, True]],
    ),
    Case(
        "an empty list repeats nothing",
        """
        - {repeat: {for_each: [], sequence: {action: test.act, data: {v: 1}}}}
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "a for_each that gives a text aborts",
        "- repeat: {for_each: \"{{ 'abc' }}\", sequence: {action: test.act, data: {v: 1}}}",
        [],
        ["aborted"],
    ),
    Case(
        "a for_each that gives a mapping aborts",
        "- repeat: {for_each: \"{{ {'a': 1} }}\", sequence: {action: test.act, data: {v: 1}}}",
        [],
        ["aborted"],
    ),
    Case(
        "a for_each that fails aborts",
        "- repeat: {for_each: '{{ 1 / 0 }}', sequence: {action: test.act, data: {v: 1}}}",
        [],
        ["aborted"],
    ),
    Case(
        "the items of split text are gone through",
        """
        - repeat:
            for_each: "{{ 'a,b'.split(',') }}"
            sequence: {action: test.act, data: {v: '{{ repeat.item }}'}}
        """,
        ["a", "b"],
    ),
    Case(
        "while is asked before each round",
        """
        - {variables: {n: 0}}
        - repeat:
            while: '{{ n < 2 }}'
            sequence:
              - {variables: {n: '{{ n + 1 }}'}}
              - {action: test.act, data: {v: '{{ n }}'}}
        """,
        [1, 2],
    ),
    Case(
        "while may see the round",
        """
        - repeat:
            while: '{{ repeat.index <= 3 }}'
            sequence: {action: test.act, data: {v: '{{ repeat.index }}'}}
        """,
        [1, 2, 3],
    ),
    Case(
        "while that is false at once repeats nothing",
        """
        - {repeat: {while: '{{ false }}', sequence: {action: test.act, data: {v: 1}}}}
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "while in error ends the repeat and the run goes on",
        """
        - {repeat: {while: '{{ 1 / 0 }}', sequence: {action: test.act, data: {v: 1}}}}
        - {action: test.act, data: {v: 2}}
        """,
        [2],
    ),
    Case(
        "while wants all of its conditions",
        """
        - repeat:
            while: ['{{ true }}', '{{ repeat.index < 3 }}']
            sequence: {action: test.act, data: {v: '{{ repeat.index }}'}}
        """,
        [1, 2],
    ),
    Case(
        "while tells no last",
        """
        - repeat:
            while: '{{ repeat.index < 2 }}'
            sequence: {action: test.act, data: {v: '{{ repeat.last is defined }}'}}
        """,
        [False],
    ),
    Case(
        "until is asked after each round",
        """
        - repeat:
            until: '{{ repeat.index == 3 }}'
            sequence: {action: test.act, data: {v: '{{ repeat.index }}'}}
        """,
        [1, 2, 3],
    ),
    Case(
        "until that is true at once still does one round",
        "- repeat: {until: '{{ true }}', sequence: {action: test.act, data: {v: 1}}}",
        [1],
    ),
    Case(
        "until in error ends the repeat after the round",
        """
        - {repeat: {until: '{{ 1 / 0 }}', sequence: {action: test.act, data: {v: 1}}}}
        - {action: test.act, data: {v: 2}}
        """,
        [1, 2],
    ),
    Case(
        "until sees what the round set",
        """
        - repeat:
            until: '{{ done }}'
            sequence:
              - {action: test.act, data: {v: '{{ repeat.index }}'}}
              - {variables: {done: '{{ repeat.index == 2 }}'}}
        """,
        [1, 2],
    ),
    Case(
        "a repeat inside a repeat has its own and the outer comes back",
        """
        - repeat:
            count: 2
            sequence:
              - repeat:
                  for_each: [x, y]
                  sequence:
                    action: test.act
                    data: {v: '{{ repeat.item }}'}
              - {action: test.act, data: {v: '{{ repeat.index }}'}}
        """,
        ["x", "y", 1, "x", "y", 2],
    ),
    Case(
        "repeat is unknown after its loop",
        """
        - {repeat: {count: 1, sequence: []}}
        - {action: test.act, data: {v: '{{ repeat is defined }}'}}
        """,
        [False],
    ),
    Case(
        "a repeat waits in each round",
        """
        - repeat:
            count: 2
            sequence:
              - {delay: 5}
              - {action: test.act, data: {v: '{{ repeat.index }}'}}
        """,
        [1, 2],
        happens=["go", 20],
        at=[5, 10],
    ),
    Case(
        "an action that fails ends repeat and run",
        """
        - repeat:
            count: 3
            sequence: [{action: test.act, data: {v: 1}}, {action: test.bad}]
        - {action: test.act, data: {v: 2}}
        """,
        [1],
        ["error"],
    ),
    Case(
        "a while that never ends is aborted after ten thousand rounds",
        """
        - {repeat: {while: '{{ true }}', sequence: [{variables: {n: '{{ repeat.index }}'}}]}}
        - {action: test.act, data: {v: 2}}
        """,
        [],
        ["aborted"],
    ),
    Case(
        "conditions of a repeat may ask for states",
        """
        - repeat:
            until: {condition: state, entity_id: input_boolean.x, state: 'on'}
            sequence:
              - {delay: 5}
              - {action: test.act, data: {v: '{{ repeat.index }}'}}
        """,
        [1, 2],
        happens=[("input_boolean.x", "off"), "go", 7, ("input_boolean.x", "on"), 20],
    ),
]

PARALLELS = [
    Case(
        "all branches begin at once",
        """
        - parallel:
            - {sequence: [{delay: 5}, {action: test.act, data: {v: a}}]}
            - {action: test.act, data: {v: b}}
        - {action: test.act, data: {v: c}}
        """,
        ["b", "a", "c"],
        happens=["go", 10],
        at=[0, 5, 5],
    ),
    Case(
        "a branch may be a list of steps",
        """
        - {parallel: [[{action: test.act, data: {v: a}}, {action: test.act, data: {v: b}}]]}
        - {action: test.act, data: {v: c}}
        """,
        ["a", "b", "c"],
    ),
    Case("one branch needs no list", "- parallel: {action: test.act, data: {v: a}}", ["a"]),
    Case(
        "no branches do nothing",
        """
        - {parallel: []}
        - {action: test.act, data: {v: c}}
        """,
        ["c"],
    ),
    Case(
        "all branches end before the failure of one is raised",
        """
        - parallel:
            - {action: test.bad}
            - {sequence: [{delay: 5}, {action: test.act, data: {v: a}}]}
        - {action: test.act, data: {v: c}}
        """,
        ["a"],
        ["error"],
        ["go", 10],
    ),
    Case(
        "stop in a branch ends the run after the others",
        """
        - parallel:
            - {stop: enough}
            - {sequence: [{delay: 5}, {action: test.act, data: {v: a}}]}
        - {action: test.act, data: {v: c}}
        """,
        ["a"],
        ["finished"],
        ["go", 10],
    ),
    Case(
        "variables of a branch reach the run",
        """
        - {variables: {n: 0}}
        - {parallel: [{sequence: [{variables: {n: 1}}]}]}
        - {action: test.act, data: {v: '{{ n }}'}}
        """,
        [1],
    ),
    Case(
        "a branch has a wait of its own",
        """
        - parallel:
            - sequence:
                - {wait_template: '{{ false }}', timeout: 1}
                - action: test.act
                  data: {v: '{{ wait.completed }}'}
            - sequence:
                - {wait_template: '{{ true }}', timeout: 9}
                - {delay: 3}
                - action: test.act
                  data: {v: '{{ wait.completed }}'}
        - {action: test.act, data: {v: '{{ wait is defined }}'}}
        """,
        [False, True, False],
        happens=["go", 10],
    ),
    Case(
        "a repeat in a branch is its own",
        """
        - parallel:
            - repeat:
                count: 2
                sequence:
                  - {delay: 1}
                  - action: test.act
                    data: {v: '{{ repeat.index }}'}
            - repeat:
                for_each: [x, y]
                sequence:
                  - {delay: 1}
                  - action: test.act
                    data: {v: '{{ repeat.item }}'}
        """,
        [1, "x", 2, "y"],
        happens=["go", 5],
    ),
    Case(
        "a branch that is switched off does nothing",
        """
        - parallel:
            - {action: test.act, data: {v: a}, enabled: false}
            - {action: test.act, data: {v: b}}
        """,
        ["b"],
    ),
    Case(
        "parallel inside parallel",
        """
        - parallel:
            - parallel:
                - {action: test.act, data: {v: a}}
                - {action: test.act, data: {v: b}}
            - {action: test.act, data: {v: c}}
        """,
        ["c", "a", "b"],
    ),
]

STOPS = [
    Case(
        "stop ends the run",
        """
        - {stop: enough}
        - {action: test.act, data: {v: 1}}
        """,
        [],
    ),
    Case(
        "stop with error aborts the run",
        """
        - {stop: enough, error: true}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["aborted"],
    ),
    Case(
        "stop with error: false finishes",
        """
        - {stop: enough, error: false}
        - {action: test.act, data: {v: 1}}
        """,
        [],
    ),
    Case(
        "stop without words finishes",
        """
        - stop:
        - {action: test.act, data: {v: 1}}
        """,
        [],
    ),
    Case(
        "stop in then ends the whole run",
        """
        - {if: '{{ true }}', then: {stop: enough}}
        - {action: test.act, data: {v: 1}}
        """,
        [],
    ),
    Case(
        "stop with error in choose ends the whole run",
        """
        - {choose: {conditions: [], sequence: {stop: enough, error: true}}}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["aborted"],
    ),
    Case(
        "stop in a repeat ends the whole run",
        """
        - repeat:
            count: 3
            sequence:
              - {action: test.act, data: {v: '{{ repeat.index }}'}}
              - {stop: enough}
        - {action: test.act, data: {v: x}}
        """,
        [1],
    ),
    Case(
        "stop in a sequence in a sequence ends the whole run",
        """
        - {sequence: [{sequence: [{stop: enough}]}]}
        - {action: test.act, data: {v: x}}
        """,
        [],
    ),
    Case(
        "stop that names an answer that is not there aborts",
        "- {stop: enough, response_variable: nix}",
        [],
        ["aborted"],
    ),
]

SWITCHED_OFF = [
    Case(
        f"a {word} that is switched off is passed over",
        f"- {{{step}, enabled: false}}\n- {{action: test.act, data: {{v: x}}}}",
        ["x"],
    )
    for word, step in (
        ("call", "action: test.act, data: {v: 1}"),
        ("call that would fail", "action: test.bad"),
        ("delay", "delay: 5"),
        ("wait for a template", "wait_template: '{{ false }}'"),
        ("wait for a trigger", "wait_for_trigger: {trigger: event, event_type: never}"),
        ("repeat", "repeat: {count: 3, sequence: {action: test.act, data: {v: 1}}}"),
        ("choice", "choose: [], default: {action: test.act, data: {v: 1}}"),
        ("if", "if: '{{ true }}', then: {action: test.act, data: {v: 1}}"),
        ("parallel", "parallel: [{action: test.act, data: {v: 1}}]"),
        ("sequence", "sequence: [{action: test.act, data: {v: 1}}]"),
        ("stop", "stop: enough"),
        ("event", "event: never"),
        ("condition", "condition: template, value_template: '{{ false }}'"),
    )
] + [
    Case(
        "a switched-off assignment sets nothing",
        """
        - {variables: {n: 1}, enabled: false}
        - {action: test.act, data: {v: '{{ n is defined }}'}}
        """,
        [False],
    ),
    Case("enabled may be a template that is true", "- {action: test.act, data: {v: 1}, enabled: '{{ 1 == 1 }}'}", [1]),
    Case("enabled may be a template that is false", "- {action: test.act, data: {v: 1}, enabled: '{{ 1 == 2 }}'}", []),
    Case(
        "enabled sees the run's variables",
        """
        - {variables: {on_it: false}}
        - {action: test.act, data: {v: 1}, enabled: '{{ on_it }}'}
        """,
        [],
    ),
    Case(
        "enabled that gives other text counts as on",
        "- {action: test.act, data: {v: 1}, enabled: \"{{ 'maybe' }}\"}",
        [1],
    ),
    Case(
        "enabled is looked at when the step is reached",
        """
        - {action: test.act, data: {v: 1}, enabled: '{{ is_state("input_boolean.x", "on") }}'}
        """,
        [1],
        happens=[("input_boolean.x", "on"), "go"],
    ),
]

EVERY = [*CALLS, *DELAYS, *CONDITIONS, *IFS, *CHOICES, *REPEATS, *PARALLELS, *STOPS, *SWITCHED_OFF]


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
async def test_a_step_does_what_people_know(case: Case) -> None:
    await case.holds()
