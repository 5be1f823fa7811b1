"""Conditions as Home Assistant's users know them: section 4 of the semantics."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.values import Json
from tests.conformance.course import Case, cases, observed


def holds(says: str, conditions: str, course: str = "", **more: Json) -> Case:
    """A rule with these conditions runs on an event that comes after the course."""
    return _case(says, conditions, course, ["ran"], **more)


def fails(says: str, conditions: str, course: str = "", **more: Json) -> Case:
    """It does not run."""
    return _case(says, conditions, course, [], **more)


def _case(says: str, conditions: str, course: str, told: list[Json], variables: str = "", **more: Json) -> Case:
    given = f"\n  conditions: {conditions}" + (f"\n  variables: {variables}" if variables else "")
    trigger = "[{trigger: event, event_type: go, id: first}, {trigger: event, event_type: went}, "
    trigger += "{trigger: event, event_type: other, id: second}]"
    return Case(says, trigger, f"{course}\nfire go", told, "ran", given, **more)


def state(more: str, entity: str = "sensor.a") -> str:
    return f"[{{condition: state, entity_id: {entity}, {more}}}]"


@cases(
    holds("the state", state("state: x"), "sensor.a = x"),
    fails("another state", state("state: x"), "sensor.a = y"),
    holds("one of a list", state("state: [x, y]"), "sensor.a = y"),
    fails("none of a list", state("state: [x, y]"), "sensor.a = z"),
    holds("a number in quotes", state("state: '5'"), "sensor.a = 5"),
    fails("the text of a number is compared as text", state("state: '5.0'"), "sensor.a = 5"),
    fails("an entity that is not there", state("state: x")),
    fails("case matters", state("state: On"), "sensor.a = on"),
    holds("all of several", state("state: x", "[sensor.a, sensor.b]"), "sensor.a = x\nsensor.b = x"),
    fails("not all of several", state("state: x", "[sensor.a, sensor.b]"), "sensor.a = x\nsensor.b = y"),
    holds("any of several", state("state: x, match: any", "[sensor.a, sensor.b]"), "sensor.a = y\nsensor.b = x"),
    fails("not any of several", state("state: x, match: any", "[sensor.a, sensor.b]"), "sensor.a = y\nsensor.b = y"),
    holds("entities with commas", state("state: x", "'sensor.a, sensor.b'"), "sensor.a = x\nsensor.b = x"),
    holds(
        "each of several may be any of a list",
        state("state: [x, y]", "[sensor.a, sensor.b]"),
        "sensor.a = x\nsensor.b = y",
    ),
    holds("unavailable is a state", state("state: unavailable"), "sensor.a = unavailable"),
    holds("an attribute", state("attribute: n, state: 200"), "sensor.a = x {n: 200}"),
    fails("an attribute is typed: a number is no text", state("attribute: n, state: '200'"), "sensor.a = x {n: 200}"),
    holds("an attribute of text", state("attribute: n, state: '200'"), 'sensor.a = x {n: "200"}'),
    holds("an attribute that is true", state("attribute: n, state: true"), "sensor.a = x {n: true}"),
    fails("an attribute that is not there", state("attribute: m, state: 1"), "sensor.a = x {n: 1}"),
    holds("any of some values of an attribute", state("attribute: n, state: [1, 2]"), "sensor.a = x {n: 2}"),
    holds("an input's state", state("state: input_select.w"), "input_select.w = x\nsensor.a = x"),
    fails("another than an input's state", state("state: input_text.w"), "input_text.w = y\nsensor.a = x"),
    holds("an input among a list", state("state: [y, input_text.w]"), "input_text.w = x\nsensor.a = x"),
    fails("an input that is not there", state("state: input_text.w"), "sensor.a = x"),
    holds("for long enough", state("state: x, for: 10"), "sensor.a = x\nwait 11"),
    fails("not for long enough", state("state: x, for: 10"), "sensor.a = x\nwait 9"),
    fails("exactly as long is not long enough", state("state: x, for: 10"), "sensor.a = x\nwait 10"),
    holds(
        "attributes do not begin it anew",
        state("state: x, for: 10"),
        "sensor.a = x\nwait 9\nsensor.a = x {b: 1}\nwait 2",
    ),
    fails(
        "another state in between does",
        state("state: x, for: 10"),
        "sensor.a = x\nwait 9\nsensor.a = y\nsensor.a = x\nwait 2",
    ),
    holds("for as a mapping", state("state: x, for: {minutes: 1}"), "sensor.a = x\nwait 61"),
    holds("for as text", state("state: x, for: '00:01:00'"), "sensor.a = x\nwait 61"),
    fails("for of a template", state("state: x, for: '{{ 60 }}'"), "sensor.a = x\nwait 59"),
    holds(
        "for of a template in a mapping",
        state("state: x, for: {minutes: '{{ n }}'}"),
        "sensor.a = x\nwait 61",
        variables="{n: 1}",
    ),
    holds(
        "for of an attribute counts since the state changed",
        state("attribute: n, state: 2, for: 10"),
        "sensor.a = x {n: 1}\nwait 11\nsensor.a = x {n: 2}",
    ),
    holds(
        "for with any of several",
        state("state: x, match: any, for: 10", "[sensor.a, sensor.b]"),
        "sensor.a = x\nwait 11\nsensor.b = x",
    ),
    fails(
        "for with all of several",
        state("state: x, for: 10", "[sensor.a, sensor.b]"),
        "sensor.a = x\nwait 11\nsensor.b = x",
    ),
    holds(
        "for lasts over a restart, which is ours",
        state("state: x, for: 10"),
        "sensor.a = x\nload\nwait 9\nrestart\nwait 2",
    ),
    holds("a rule's own state", state("state: 'on'", "automation.r")),
    fails("it is not removed", state("state: x"), "sensor.a = x\nremove sensor.a"),
)
async def test_state(case: Case) -> None:
    assert await observed(case) == case.told


def number(more: str, entity: str = "sensor.a") -> str:
    return f"[{{condition: numeric_state, entity_id: {entity}, {more}}}]"


@cases(
    holds("above", number("above: 10"), "sensor.a = 11"),
    fails("the bound itself", number("above: 10"), "sensor.a = 10"),
    holds("below", number("below: 10"), "sensor.a = 9.9"),
    fails("the bound below itself", number("below: 10"), "sensor.a = 10"),
    holds("between", number("above: 5, below: 10"), "sensor.a = 7"),
    fails("not between", number("above: 5, below: 10"), "sensor.a = 11"),
    fails("unknown", number("above: 5"), "sensor.a = unknown"),
    fails("unavailable", number("below: 5"), "sensor.a = unavailable"),
    fails("other text", number("below: 5"), "sensor.a = cat"),
    fails("an entity that is not there", number("below: 5")),
    holds("an attribute", number("attribute: n, above: 5"), "sensor.a = cat {n: 6}"),
    holds("an attribute of text", number("attribute: n, above: 5"), 'sensor.a = cat {n: "6"}'),
    fails("an attribute that is not there", number("attribute: n, above: 5"), "sensor.a = 6"),
    holds(
        "a template", number("value_template: '{{ state.attributes.n | float * 2 }}', above: 5"), "sensor.a = x {n: 3}"
    ),
    holds(
        "a template of the state", number("value_template: '{{ state.state | int - 100 }}', below: 0"), "sensor.a = 3"
    ),
    fails("a template that fails", number("value_template: '{{ state.state | int }}', below: 0"), "sensor.a = cat"),
    holds("a bound of an entity", number("above: input_number.n"), "input_number.n = 5\nsensor.a = 6"),
    fails("a bound of an entity that is not there", number("above: input_number.n"), "sensor.a = 6"),
    fails("a bound of an entity that holds no number", number("above: sensor.n"), "sensor.n = cat\nsensor.a = 6"),
    holds(
        "two bounds of entities", number("above: sensor.l, below: sensor.h"), "sensor.l = 1\nsensor.h = 9\nsensor.a = 6"
    ),
    holds("all of several", number("above: 5", "[sensor.a, sensor.b]"), "sensor.a = 6\nsensor.b = 7"),
    fails("not all of several", number("above: 5", "[sensor.a, sensor.b]"), "sensor.a = 6\nsensor.b = 5"),
    holds("a negative bound", number("above: -1"), "sensor.a = -0.5"),
    holds("a bound as text", number("above: '5'"), "sensor.a = 6"),
)
async def test_numeric_state(case: Case) -> None:
    assert await observed(case) == case.told


def template(text: str) -> str:
    return '[{condition: template, value_template: "' + text + '"}]'


@cases(
    holds("true", template("{{ 1 == 1 }}")),
    fails("false", template("{{ 1 == 2 }}")),
    holds("text true", template("{{ 'true' }}")),
    holds("text True in capitals", template("{{ 'TRUE' }}")),
    holds("text without expression", template("{% if 1 == 1 %}true{% endif %}")),
    holds("blanks around it", template("{% if 1 == 1 %}  true  {% endif %}")),
    fails("on is not true", template("{{ 'on' }}")),
    fails("yes is not true", template("{{ 'yes' }}")),
    fails("1 is not true", template("{{ 1 }}")),
    fails("an error is false", template("{{ 1 / 0 }}")),
    fails("none is false", template("{{ none }}")),
    fails("nothing is false", template("{{ '' }}")),
    holds("the trigger", template("{{ trigger.event.event_type == 'go' }}")),
    holds("variables", template("{{ n > 1 }}"), variables="{n: 2}"),
    holds("states", template("{{ is_state('sensor.a', 'x') }}"), "sensor.a = x"),
    holds("a text alone", "\"{{ is_state('sensor.a', 'x') }}\"", "sensor.a = x"),
    fails("a text alone that is false", "\"{{ is_state('sensor.a', 'x') }}\"", "sensor.a = y"),
    holds("texts in a list", '["{{ 1 == 1 }}", "{{ 2 == 2 }}"]'),
    fails("texts in a list, one of them false", '["{{ 1 == 1 }}", "{{ 2 == 3 }}"]'),
    holds("one condition without a list", "{condition: template, value_template: '{{ true }}'}"),
    holds("no conditions", "[]"),
    fails(
        "several are all of them",
        "[{condition: template, value_template: '{{ true }}'}, {condition: state, entity_id: sensor.a, state: y}]",
        "sensor.a = x",
    ),
)
async def test_template(case: Case) -> None:
    assert await observed(case) == case.told


T, F, X = "'{{ true }}'", "'{{ false }}'", "'{{ 1 / 0 }}'"
OFF = "{condition: template, value_template: '{{ true }}', enabled: false}"
OFF_FALSE = "{condition: template, value_template: '{{ false }}', enabled: false}"


@cases(
    holds("and", f"[{{condition: and, conditions: [{T}, {T}]}}]"),
    fails("and with a false one", f"[{{condition: and, conditions: [{T}, {F}]}}]"),
    fails("and with an error", f"[{{condition: and, conditions: [{T}, {X}]}}]"),
    holds("and of nothing", "[{condition: and, conditions: []}]"),
    holds("a false one wins over an error in and", f"[{{not: [{{and: [{X}, {F}]}}]}}]"),
    fails("an error in and goes up", f"[{{not: [{{and: [{X}, {T}]}}]}}]"),
    holds("or", f"[{{condition: or, conditions: [{F}, {T}]}}]"),
    fails("or without a true one", f"[{{condition: or, conditions: [{F}, {F}]}}]"),
    fails("or of nothing", "[{condition: or, conditions: []}]"),
    holds("a true one wins over an error in or", f"[{{or: [{X}, {T}]}}]"),
    fails("an error in or goes up", f"[{{not: [{{or: [{X}, {F}]}}]}}]"),
    holds("not", f"[{{condition: not, conditions: [{F}]}}]"),
    fails("not of a true one", f"[{{condition: not, conditions: [{T}]}}]"),
    fails("not of one that is true and one that is false", f"[{{not: [{T}, {F}]}}]"),
    holds("not of two that are false", f"[{{not: [{F}, {F}]}}]"),
    fails("not of an error", f"[{{not: [{X}]}}]"),
    holds("not of nothing", "[{condition: not, conditions: []}]"),
    holds("not of not", f"[{{not: [{{not: [{T}]}}]}}]"),
    holds("short and", f"{{and: [{T}, {T}]}}"),
    holds("short or", f"{{or: [{F}, {T}]}}"),
    holds("short not with one", f"{{not: {F}}}"),
    holds("or inside and", f"[{{and: [{T}, {{or: [{F}, {T}]}}]}}]"),
    holds("one that is off is as if absent in and", f"[{{and: [{T}, {OFF_FALSE}]}}]"),
    fails("or with all of them off", f"[{{or: [{OFF}, {OFF}]}}]"),
    holds("one that is off does not count in not", f"[{{not: [{OFF}]}}]"),
    holds("one that is off at the top", f"[{OFF_FALSE}]"),
    holds("a whole group that is off", f"[{{and: [{F}], enabled: false}}]"),
    holds(
        "a template that switches off",
        "[{condition: template, value_template: '{{ false }}', enabled: '{{ 1 == 2 }}'}]",
    ),
    fails(
        "a template that switches on", "[{condition: template, value_template: '{{ false }}', enabled: '{{ 1 == 1 }}'}]"
    ),
    holds("an alias", f"[{{alias: Some name, condition: or, conditions: [{T}]}}]"),
)
async def test_groups(case: Case) -> None:
    assert await observed(case) == case.told


def time(more: str) -> str:
    return f"[{{condition: time, {more}}}]"


def at(hour: int, minute: int = 0, second: int = 0, day: int = 2) -> datetime:
    return datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)


@cases(
    holds("after", time("after: '09:00'"), start=at(10)),
    holds("after is inclusive", time("after: '09:00'"), start=at(9)),
    fails("before after", time("after: '09:00'"), start=at(8, 59, 59)),
    holds("before", time("before: '09:00'"), start=at(8, 59, 59)),
    fails("before is exclusive", time("before: '09:00'"), start=at(9)),
    holds("between", time("after: '09:00', before: '17:00'"), start=at(12)),
    fails("not between", time("after: '09:00', before: '17:00'"), start=at(17)),
    holds("over midnight, late", time("after: '22:00', before: '06:00'"), start=at(23)),
    holds("over midnight, early", time("after: '22:00', before: '06:00'"), start=at(5)),
    fails("over midnight, at day", time("after: '22:00', before: '06:00'"), start=at(6)),
    holds("over midnight begins inclusive", time("after: '22:00', before: '06:00'"), start=at(22)),
    holds("seconds", time("after: '09:00:30'"), start=at(9, 0, 30)),
    fails("a second too early", time("after: '09:00:30'"), start=at(9, 0, 29)),
    holds("a day", time("weekday: mon")),
    fails("another day", time("weekday: tue")),
    holds("one of some days", time("weekday: [sat, mon]")),
    fails("none of some days", time("weekday: [sat, sun]")),
    holds("a day and a time", time("weekday: mon, after: '08:00'")),
    fails("the day of today, over midnight", time("weekday: sun, after: '22:00', before: '06:00'"), start=at(3)),
    holds("the day of now, over midnight", time("weekday: mon, after: '22:00', before: '06:00'"), start=at(3)),
    holds("local time", time("after: '14:30', before: '14:31'"), zone="Asia/Kolkata"),
    holds("the local day", time("weekday: tue"), start=at(20), zone="Asia/Kolkata"),
    holds("after the time of an entity", time("after: input_datetime.a"), "input_datetime.a = 08:00:00"),
    fails("before the time of an entity", time("before: input_datetime.a"), "input_datetime.a = 08:00:00"),
    holds(
        "between the times of entities",
        time("after: input_datetime.a, before: input_datetime.b"),
        "input_datetime.a = 08:00:00\ninput_datetime.b = 10:00:00",
    ),
    holds(
        "of a date and time only the time counts",
        time("after: input_datetime.a"),
        "input_datetime.a = 2026-05-05 08:00:00",
    ),
    holds(
        "a sensor's timestamp",
        time("after: sensor.t"),
        "sensor.t = 2026-03-02T08:00:00+00:00 {device_class: timestamp}",
    ),
    holds(
        "a sensor's timestamp in local time",
        time("after: sensor.t, before: '15:00'"),
        "sensor.t = 2026-03-02T09:00:00+00:00 {device_class: timestamp}",
        zone="Asia/Kolkata",
    ),
    fails("an entity that is not there", time("after: input_datetime.a")),
    fails("a sensor that is unavailable", time("after: sensor.t"), "sensor.t = unavailable {device_class: timestamp}"),
    holds("a time entity", time("after: time.t"), "time.t = 08:00:00"),
)
async def test_time(case: Case) -> None:
    assert await observed(case) == case.told


@cases(
    holds("the trigger's id", "[{condition: trigger, id: first}]"),
    fails("another id", "[{condition: trigger, id: second}]"),
    holds("one of some ids", "[{condition: trigger, id: [second, first]}]"),
    holds("the place where there is none", "[{condition: trigger, id: '1'}]", "fire went"),
    fails("the place of another", "[{condition: trigger, id: '1'}]"),
)
async def test_trigger(case: Case) -> None:
    assert await observed(case) == case.told


@cases(
    Case("by hand conditions are skipped", "[]", "trigger", ["x"], "x", f"\n  conditions: [{F}]"),
    Case(
        "a run that its conditions kept from running is not the last one",
        "{trigger: event, event_type: a}",
        "sensor.a = y\nfire a\nsensor.a = x\nfire a\nfire a",
        [True, False],
        "{{ this.attributes.last_triggered is none }}",
        "\n  conditions: {condition: state, entity_id: sensor.a, state: x}",
    ),
    Case(
        "shorthand with an old name",
        "{trigger: event, event_type: a}",
        "sensor.a = x\nfire a",
        ["x"],
        "x",
        "\n  condition: {condition: state, entity_id: sensor.a, state: x}",
    ),
)
async def test_conditions_of_a_rule(case: Case) -> None:
    assert await observed(case) == case.told


@cases(
    holds(
        "groups in groups",
        "[{condition: and, conditions: ['{{ true }}', {condition: or, conditions: ['{{ false }}', "
        "{condition: not, conditions: ['{{ false }}']}]}]}]",
    ),
    holds(
        "for in text", "[{condition: state, entity_id: sensor.a, state: x, for: '00:00:05'}]", "sensor.a = x\nwait 6"
    ),
    holds(
        "an attribute of text on",
        "[{condition: state, entity_id: sensor.a, attribute: n, state: on}]",
        'sensor.a = x {n: "on"}',
    ),
    fails(
        "null is not the text of it",
        "[{condition: state, entity_id: sensor.a, attribute: n, state: 'None'}]",
        "sensor.a = x {n: null}",
    ),
    holds("a second of the day", "[{condition: time, after: '09:00:00', before: '09:00:01'}]"),
    holds("from a time to the same is the whole day", "[{condition: time, after: '10:00', before: '10:00'}]"),
    fails("a bound that is unavailable", number("above: sensor.b"), "sensor.b = unavailable\nsensor.a = 6"),
    holds("which is no error", "[{not: " + number("above: sensor.b") + "}]", "sensor.b = unavailable\nsensor.a = 6"),
)
async def test_the_rest(case: Case) -> None:
    assert await observed(case) == case.told
