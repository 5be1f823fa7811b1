"""Triggers as Home Assistant's users know them: section 3 of the semantics."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.testing import World
from tests.conformance.course import Case, cases, observed

E = "{trigger: state, entity_id: light.hall"
MOVE = (
    "{{ trigger.from_state.state if trigger.from_state else '-' }}"
    ">{{ trigger.to_state.state if trigger.to_state else '-' }}"
)


@cases(
    Case("a change of state fires", E + "}", "light.hall = on", ["->on"], MOVE),
    Case("the old and the new state are told", E + "}", "light.hall = on\nload\nlight.hall = off", ["on>off"], MOVE),
    Case("the same state again is nothing", E + "}", "light.hall = on\nload\nlight.hall = on", []),
    Case("a removal fires", E + "}", "light.hall = on\nload\nremove light.hall", ["on>-"], MOVE),
    Case("a removal is no match for to", E + ", to: [on, off]}", "light.hall = on\nload\nremove light.hall", []),
    Case("from null fires on a removal", E + ", from: null}", "light.hall = on\nload\nremove light.hall", ["gone"]),
    Case("from null fires when it appears", E + ", from: null}", "light.hall = on", ["on"]),
    Case("to null fires when it appears", E + ", to: null}", "light.hall = on", ["on"]),
    Case("to null does not fire on attributes", E + ", to: null}", "light.hall = on\nload\nlight.hall = on {b: 1}", []),
    Case("attributes alone fire a bare trigger", E + "}", "light.hall = on\nload\nlight.hall = on {b: 1}", ["on"]),
    Case("the last attribute taken away fires", E + "}", "light.hall = on {b: 1}\nload\nlight.hall = on", ["on"]),
    Case("another entity is not ours", E + "}", "light.other = on", []),
    Case(
        "from is what it was, and only that",
        E + ", from: off}",
        "light.hall = off\nload\nlight.hall = on\nlight.hall = dim\nlight.hall = off\nlight.hall = dim",
        ["off>on", "off>dim"],
        MOVE,
    ),
    Case(
        "from and to have to fit both",
        E + ", from: off, to: on}",
        "light.hall = off\nload\nlight.hall = dim\nlight.hall = on\nlight.hall = off\nlight.hall = on",
        ["off>on"],
        MOVE,
    ),
    Case(
        "a list of to is any of them",
        E + ", to: [on, dim]}",
        "light.hall = off\nload\nlight.hall = on\nlight.hall = dim\nlight.hall = off",
        ["on", "dim"],
    ),
    Case(
        "a list of from is any of them",
        E + ", from: [on, dim]}",
        "light.hall = off\nload\nlight.hall = on\nlight.hall = dim\nlight.hall = off",
        ["dim", "off"],
    ),
    Case(
        "not_from shuts out what it was",
        E + ", not_from: [unknown, unavailable]}",
        "light.hall = unknown\nload\nlight.hall = on\nlight.hall = unavailable\nlight.hall = off\nlight.hall = on",
        ["unavailable", "on"],
    ),
    Case(
        "not_to shuts out what it becomes",
        E + ", not_to: [unknown, unavailable]}",
        "light.hall = on\nload\nlight.hall = unavailable\nlight.hall = unknown\nlight.hall = off",
        ["off"],
    ),
    Case(
        "from with not_to",
        E + ", from: on, not_to: dim}",
        "light.hall = on\nload\nlight.hall = dim\nlight.hall = on\nlight.hall = off",
        ["off"],
    ),
    Case(
        "not_from with to",
        E + ", not_from: dim, to: off}",
        "light.hall = dim\nload\nlight.hall = off\nlight.hall = on\nlight.hall = off",
        ["on>off"],
        MOVE,
    ),
    Case("not_to does not fire on attributes", E + ", not_to: x}", "light.hall = on\nload\nlight.hall = on {b: 1}", []),
    Case("not_from null never fires when it appears", E + ", not_from: null}", "light.hall = on", []),
    Case(
        "several entities, each by itself",
        "{trigger: state, entity_id: [light.a, light.b], to: on}",
        "light.a = on\nlight.b = on\nlight.c = on",
        ["light.a", "light.b"],
        "{{ trigger.entity_id }}",
    ),
    Case(
        "entities with commas between",
        '{trigger: state, entity_id: "light.a, light.b", to: on}',
        "light.a = on\nlight.b = on",
        ["light.a", "light.b"],
        "{{ trigger.entity_id }}",
    ),
    Case(
        "the old spelling with platform",
        "{platform: state, entity_id: light.a, to: on}",
        "light.a = on",
        ["state"],
        "{{ trigger.platform }}",
    ),
    Case("a number as to is the text of it", "{trigger: state, entity_id: sensor.n, to: '5'}", "sensor.n = 5", ["5"]),
    Case("case matters", E + ", to: on}", "light.hall = On", []),
)
async def test_state(case: Case) -> None:
    assert await observed(case) == case.told


A = "{trigger: state, entity_id: sensor.box, attribute: level"
LEVEL = "{{ trigger.to_state.attributes.level | default('none') if trigger.to_state else 'gone' }}"


@cases(
    Case(
        "an attribute that changes fires",
        A + "}",
        "sensor.box = a {level: 1}\nload\nsensor.box = a {level: 2}",
        [2],
        LEVEL,
    ),
    Case(
        "one that does not change does not",
        A + "}",
        "sensor.box = a {level: 1}\nload\nsensor.box = b {level: 1}",
        [],
        LEVEL,
    ),
    Case(
        "another attribute does not count",
        A + "}",
        "sensor.box = a {level: 1}\nload\nsensor.box = a {level: 1, x: 2}",
        [],
    ),
    Case("an attribute that appears fires", A + "}", "sensor.box = a\nload\nsensor.box = a {level: 1}", [1], LEVEL),
    Case("an attribute that goes fires", A + "}", "sensor.box = a {level: 1}\nload\nsensor.box = a", ["none"], LEVEL),
    Case(
        "an entity that goes takes its attribute along",
        A + "}",
        "sensor.box = a {level: 1}\nload\nremove sensor.box",
        ["gone"],
        LEVEL,
    ),
    Case("an entity without it that appears is nothing", A + "}", "sensor.box = a", []),
    Case("to is typed: a number", A + ", to: 2}", 'sensor.box = a {level: "2"}\nsensor.box = a {level: 2}', [2], LEVEL),
    Case("to is typed: text", A + ", to: '2'}", 'sensor.box = a {level: 2}\nsensor.box = a {level: "2"}', ["2"], LEVEL),
    Case(
        "to is typed: true",
        A + ", to: true}",
        "sensor.box = a {level: false}\nsensor.box = a {level: true}",
        [True],
        LEVEL,
    ),
    Case(
        "from true to false",
        A + ", from: true, to: false}",
        "sensor.box = a {level: true}\nload\nsensor.box = a {level: false}",
        [False],
        LEVEL,
    ),
    Case(
        "to null is any new value",
        A + ", to: null}",
        "sensor.box = a {level: 1}\nload\nsensor.box = a {level: 2}\nsensor.box = b {level: 2}",
        [2],
        LEVEL,
    ),
    Case(
        "from null with an attribute that stays does not fire",
        A + ", from: null}",
        "sensor.box = a {level: 1}\nload\nsensor.box = b {level: 1}",
        [],
    ),
    Case(
        "a list of values",
        A + ", to: [2, 3]}",
        "sensor.box = a {level: 1}\nsensor.box = a {level: 2}\nsensor.box = a {level: 3}\nsensor.box = a {level: 4}",
        [2, 3],
        LEVEL,
    ),
    Case(
        "not_to",
        A + ", not_to: 2}",
        "sensor.box = a {level: 1}\nload\nsensor.box = a {level: 2}\nsensor.box = a {level: 3}",
        [3],
        LEVEL,
    ),
    Case("the attribute is told", A + "}", "sensor.box = a {level: 1}", ["level"], "{{ trigger.attribute }}"),
    Case(
        "for on an attribute ends when it is another",
        A + ", to: 2, for: 10}",
        "sensor.box = a {level: 2}\nwait 5\nsensor.box = a {level: 3}\nwait 20",
        [],
    ),
    Case(
        "for on an attribute goes on when the state changes",
        A + ", to: 2, for: 10}",
        "sensor.box = a {level: 2}\nwait 5\nsensor.box = b {level: 2}\nwait 5",
        [2],
        LEVEL,
    ),
    Case(
        "for on an attribute and other attributes",
        A + ", to: 2, for: 10}",
        "sensor.box = a {level: 2}\nwait 5\nsensor.box = a {level: 2, y: 1}\nwait 5",
        [2],
        LEVEL,
    ),
    Case(
        "for with from alone goes on to a third value",
        A + ", from: 1, for: 10}",
        "sensor.box = a {level: 1}\nload\nsensor.box = a {level: 2}\nwait 5\nsensor.box = a {level: 3}\nwait 5",
        [2],
        LEVEL,
    ),
    Case(
        "for with from alone ends at the old value",
        A + ", from: 1, for: 10}",
        "sensor.box = a {level: 1}\nload\nsensor.box = a {level: 2}\nwait 5\nsensor.box = a {level: 1}\nwait 50",
        [],
    ),
)
async def test_state_of_an_attribute(case: Case) -> None:
    assert await observed(case) == case.told


SINCE = "{{ now().strftime('%H:%M:%S') }} {{ trigger.to_state.state }}"


@cases(
    Case("for waits", E + ", to: on, for: 10}", "light.hall = on\nwait 9\nwait 1", ["09:00:10 on"], SINCE),
    Case("for as text", E + ", to: on, for: '00:01:05'}", "light.hall = on\nwait 100", ["09:01:05 on"], SINCE),
    Case(
        "for in hours and minutes", E + ", to: on, for: '01:05'}", "light.hall = on\nwait 4000", ["10:05:00 on"], SINCE
    ),
    Case(
        "for as a mapping",
        E + ", to: on, for: {minutes: 1, seconds: 5}}",
        "light.hall = on\nwait 100",
        ["09:01:05 on"],
        SINCE,
    ),
    Case("for of nothing fires at once", E + ", to: on, for: 0}", "light.hall = on", ["on"]),
    Case("for of nothing as a mapping fires at once", E + ", to: on, for: {seconds: 0}}", "light.hall = on", ["on"]),
    Case(
        "for ends when the state is another",
        E + ", to: on, for: 10}",
        "light.hall = on\nwait 5\nlight.hall = off\nwait 50",
        [],
    ),
    Case(
        "for begins anew",
        E + ", to: on, for: 10}",
        "light.hall = on\nwait 5\nlight.hall = off\nlight.hall = on\nwait 5\nwait 5",
        ["09:00:15 on"],
        SINCE,
    ),
    Case(
        "for goes on when attributes change",
        E + ", to: on, for: 10}",
        "light.hall = on\nwait 5\nlight.hall = on {b: 1}\nwait 5",
        ["09:00:10 on"],
        SINCE,
    ),
    Case(
        "for ends when the entity is removed",
        E + ", to: on, for: 10}",
        "light.hall = on\nwait 5\nremove light.hall\nwait 50",
        [],
    ),
    Case(
        "for with two states asked for ends between them",
        E + ", to: [on, dim], for: 10}",
        "light.hall = on\nwait 5\nlight.hall = dim\nwait 5\nwait 5",
        ["09:00:15 dim"],
        SINCE,
    ),
    Case(
        "for without to holds the new state",
        E + ", for: 10}",
        "light.hall = on\nwait 5\nlight.hall = off\nwait 5\nwait 5",
        ["09:00:15 off"],
        SINCE,
    ),
    Case(
        "for with from alone goes on to a third state",
        E + ", from: on, for: 10}",
        "light.hall = on\nload\nlight.hall = off\nwait 5\nlight.hall = dim\nwait 5",
        ["09:00:10 off"],
        SINCE,
    ),
    Case(
        "for with from alone ends at the old state",
        E + ", from: on, for: 10}",
        "light.hall = on\nload\nlight.hall = off\nwait 5\nlight.hall = on\nwait 50",
        [],
    ),
    Case(
        "for with not_from holds the new state",
        E + ", not_from: on, for: 10}",
        "light.hall = off\nload\nlight.hall = dim\nwait 5\nlight.hall = on\nwait 50",
        ["09:00:15 on"],
        SINCE,
    ),
    Case(
        "for with not_to",
        E + ", not_to: on, for: 10}",
        "light.hall = on\nload\nlight.hall = off\nwait 5\nlight.hall = on\nwait 50",
        [],
    ),
    Case(
        "for holds each entity",
        "{trigger: state, entity_id: [light.a, light.b], to: on, for: 10}",
        "light.a = on\nwait 5\nlight.b = on\nwait 2\nlight.a = off\nwait 20",
        ["light.b"],
        "{{ trigger.entity_id }}",
    ),
    Case(
        "for of a template",
        E + ', to: on, for: "{{ 5 + 5 }}"}',
        "light.hall = on\nwait 9\nwait 1",
        ["09:00:10 on"],
        SINCE,
    ),
    Case(
        "for with a template in a mapping",
        E + ", to: on, for: {seconds: \"{{ states('sensor.s') }}\"}}",
        "sensor.s = 7\nload\nlight.hall = on\nwait 6\nwait 1",
        ["09:00:07 on"],
        SINCE,
    ),
    Case(
        "for with a template of text",
        E + ", to: on, for: \"00:00:{{ '%02d' % 9 }}\"}",
        "light.hall = on\nwait 8\nwait 1",
        ["09:00:09 on"],
        SINCE,
    ),
    Case(
        "for that fails never fires",
        E + ", to: on, for: \"{{ states('sensor.s') | int }}\"}",
        "sensor.s = x\nload\nlight.hall = on\nwait 900",
        [],
    ),
    Case(
        "for by what the trigger knows",
        "{trigger: state, entity_id: [light.a, light.b], to: on, "
        "for: {seconds: \"{{ 5 if trigger.entity_id == 'light.a' else 10 }}\"}}",
        "light.a = on\nlight.b = on\nwait 6",
        ["light.a"],
        "{{ trigger.entity_id }}",
    ),
    Case(
        "for by the new state",
        E + ', to: on, for: "{{ trigger.to_state.attributes.wait }}"}',
        "light.hall = on {wait: 4}\nwait 4",
        ["on"],
    ),
    Case(
        "the hold is told as text",
        E + ", to: on, for: {minutes: 5}}",
        "light.hall = on\nwait 300",
        ["0:05:00"],
        "{{ trigger.for }}",
    ),
    Case(
        "the hold is told as a duration",
        E + ", to: on, for: {minutes: 5}}",
        "light.hall = on\nwait 300",
        [300.0],
        "{{ trigger.for.total_seconds() }}",
    ),
    Case(
        "the hold in seconds",
        E + ", to: on, for: {minutes: 5}}",
        "light.hall = on\nwait 300",
        [300],
        "{{ trigger.for.seconds }}",
    ),
    Case(
        "the hold can be calculated with",
        E + ", to: on, for: {minutes: 5}}",
        "light.hall = on\nwait 300",
        ["08:55"],
        "{{ (now() - trigger.for - trigger.for).strftime('%H:%M') }}",
    ),
    Case(
        "the hold can be compared",
        E + ", to: on, for: {minutes: 5}}",
        "light.hall = on\nwait 300",
        [True],
        "{{ trigger.for == timedelta(minutes=5) and trigger.for > timedelta(minutes=4) }}",
    ),
    Case("without for none is told", E + "}", "light.hall = on", [True], "{{ trigger.for is none }}"),
    Case(
        "after a hold the state is the one that began it",
        E + ", to: on, for: 10}",
        "light.hall = on {b: 1}\nwait 5\nlight.hall = on {b: 2}\nwait 5",
        [1],
        "{{ trigger.to_state.attributes.b }}",
    ),
    Case(
        "a hold lasts over a restart, which is ours",
        E + ", to: on, for: 10}",
        "light.hall = on\nwait 5\nrestart\nwait 5",
        ["09:00:10 on"],
        SINCE,
    ),
    Case(
        "a rule that was switched off forgets its hold",
        E + ", to: on, for: 10}",
        "light.hall = on\nwait 5\noff\non\nwait 50",
        [],
    ),
    Case("what happened while it was off does not count", E + ", to: on}", "off\nlight.hall = on\non\nwait 9", []),
    Case(
        "a reload of the same rule keeps the hold",
        E + ", to: on, for: 10}",
        "load\nlight.hall = on\nwait 5\nload\nwait 5",
        ["09:00:10 on"],
        SINCE,
    ),
)
async def test_state_that_lasts(case: Case) -> None:
    assert await observed(case) == case.told


@cases(
    Case(
        "the state before and after are whole",
        E + "}",
        "light.hall = off {b: 1}\nload\nlight.hall = on {b: 2}",
        [[1, 2]],
        "{{ [trigger.from_state.attributes.b, trigger.to_state.attributes['b']] }}",
    ),
    Case("none before", E + "}", "light.hall = on", [True], "{{ trigger.from_state is none }}"),
    Case("none after", E + "}", "light.hall = on\nload\nremove light.hall", [True], "{{ trigger.to_state is none }}"),
    Case("the id is the place", E + "}", "light.hall = on", [["0", "0"]], "{{ [trigger.id, trigger.idx] }}"),
    Case(
        "the id is the given one", E + ", id: it}", "light.hall = on", [["it", "0"]], "{{ [trigger.id, trigger.idx] }}"
    ),
    Case("the alias is told", E + ", alias: A name}", "light.hall = on", ["A name"], "{{ trigger.alias }}"),
    Case("no alias is none", E + "}", "light.hall = on", [True], "{{ trigger.alias is none }}"),
    Case("the description", E + "}", "light.hall = on", ["state of light.hall"], "{{ trigger.description }}"),
    Case(
        "when it changed is a date",
        E + "}",
        "wait 60\nlight.hall = on",
        ["09:01"],
        "{{ trigger.to_state.last_changed.strftime('%H:%M') }}",
    ),
    Case(
        "how long it had been is a duration",
        E + "}",
        "light.hall = off\nload\nwait 90\nlight.hall = on",
        [90.0],
        "{{ (trigger.to_state.last_changed - trigger.from_state.last_changed).total_seconds() }}",
    ),
    Case(
        "attributes alone update and do not change",
        E + "}",
        "light.hall = on\nload\nwait 60\nlight.hall = on {b: 1}",
        [60.0],
        "{{ (trigger.to_state.last_updated - trigger.to_state.last_changed).total_seconds() }}",
    ),
    Case(
        "its friendly name", E + "}", "light.hall = on {friendly_name: Hall}", ["Hall"], "{{ trigger.to_state.name }}"
    ),
    Case(
        "its name without a friendly name",
        "{trigger: state, entity_id: light.big_hall}",
        "light.big_hall = on",
        ["big hall"],
        "{{ trigger.to_state.name }}",
    ),
    Case(
        "its domain and object id",
        E + "}",
        "light.hall = on",
        ["light/hall"],
        "{{ trigger.to_state.domain }}/{{ trigger.to_state.object_id }}",
    ),
    Case(
        "an attribute that is not there is empty text",
        E + "}",
        "light.hall = on",
        ["it is"],
        "it is {{ trigger.to_state.attributes.nothing | default('') }}",
    ),
    Case(
        "a manual run has no trigger",
        E + "}",
        "trigger",
        [[True, True]],
        "{{ [trigger.platform is none, trigger.to_state is not defined] }}",
    ),
    Case("a manual run works while it is off", E + "}", "off\ntrigger", ["yes"], "yes"),
    Case(
        "this is the rule itself",
        E + "}",
        "light.hall = on",
        ["automation.r on"],
        "{{ this.entity_id }} {{ this.state }}",
    ),
    Case(
        "this has when it ran last",
        E + "}",
        "light.hall = on\nwait 60\nlight.hall = off",
        [True, False],
        "{{ this.attributes.last_triggered is none }}",
    ),
)
async def test_what_a_state_trigger_tells(case: Case) -> None:
    assert await observed(case) == case.told


N = "{trigger: numeric_state, entity_id: sensor.t"


@cases(
    Case("above fires on the way up", N + ", above: 10}", "sensor.t = 9\nload\nsensor.t = 11", ["11"]),
    Case("the bound itself is outside", N + ", above: 10}", "sensor.t = 9\nload\nsensor.t = 10", []),
    Case("from the bound to above fires", N + ", above: 10}", "sensor.t = 10\nload\nsensor.t = 11", ["11"]),
    Case("staying above is nothing", N + ", above: 10}", "sensor.t = 9\nload\nsensor.t = 11\nsensor.t = 12", ["11"]),
    Case("already above is nothing", N + ", above: 10}", "sensor.t = 11\nload\nsensor.t = 12", []),
    Case(
        "back and up again fires again", N + ", above: 10}", "sensor.t = 11\nload\nsensor.t = 10\nsensor.t = 12", ["12"]
    ),
    Case("below fires on the way down", N + ", below: 10}", "sensor.t = 11\nload\nsensor.t = 9", ["9"]),
    Case(
        "the lower bound itself is outside",
        N + ", below: 10}",
        "sensor.t = 11\nload\nsensor.t = 10\nsensor.t = 9.99",
        ["9.99"],
    ),
    Case(
        "between two bounds",
        N + ", above: 5, below: 10}",
        "sensor.t = 11\nload\nsensor.t = 4\nsensor.t = 7\nsensor.t = 8\nsensor.t = 10\nsensor.t = 9",
        ["7", "9"],
    ),
    Case("a leap over both bounds is nothing", N + ", above: 5, below: 10}", "sensor.t = 11\nload\nsensor.t = 4", []),
    Case("an entity that appears inside is nothing", N + ", below: 10}", "sensor.t = 9", []),
    Case("one that appears outside is armed", N + ", below: 10}", "sensor.t = 11\nsensor.t = 9", ["9"]),
    Case("unavailable arms", N + ", below: 10}", "sensor.t = 9\nload\nsensor.t = unavailable\nsensor.t = 9", ["9"]),
    Case("unknown arms", N + ", below: 10}", "sensor.t = 9\nload\nsensor.t = unknown\nsensor.t = 8", ["8"]),
    Case("unknown at the start is outside", N + ", below: 10}", "sensor.t = unknown\nload\nsensor.t = 8", ["8"]),
    Case("other text changes nothing", N + ", below: 10}", "sensor.t = 9\nload\nsensor.t = cat\nsensor.t = 8", []),
    Case("other text keeps it armed", N + ", below: 10}", "sensor.t = 11\nload\nsensor.t = cat\nsensor.t = 8", ["8"]),
    Case("a removal keeps it as it was", N + ", below: 10}", "sensor.t = 9\nload\nremove sensor.t\nsensor.t = 8", []),
    Case("attributes alone do not fire", N + ", below: 10}", "sensor.t = 9\nload\nsensor.t = 9 {x: 1}", []),
    Case("numbers in text with blanks and a sign", N + ", below: 0}", "sensor.t = 1\nload\nsensor.t = -0.5", ["-0.5"]),
    Case("an exponent is a number", N + ", above: 100}", "sensor.t = 1\nload\nsensor.t = 1e3", ["1e3"]),
    Case("a bound that is text", N + ", above: '10'}", "sensor.t = 9\nload\nsensor.t = 11", ["11"]),
    Case("a bound with a fraction", N + ", above: 9.5}", "sensor.t = 9\nload\nsensor.t = 9.6", ["9.6"]),
    Case(
        "a bound of an entity",
        N + ", above: input_number.top}",
        "input_number.top = 10\nsensor.t = 9\nload\nsensor.t = 11",
        ["11"],
    ),
    Case(
        "the entity of the bound alone never fires",
        N + ", above: input_number.top}",
        "input_number.top = 10\nsensor.t = 9\nload\ninput_number.top = 5\nwait 60",
        [],
    ),
    Case(
        "a bound that moved counts at the next change",
        N + ", above: input_number.top}",
        "input_number.top = 10\nsensor.t = 9\nload\ninput_number.top = 5\nsensor.t = 9.1",
        ["9.1"],
    ),
    Case(
        "a bound that is not there fires nothing",
        N + ", above: input_number.top}",
        "sensor.t = 9\nload\nsensor.t = 11",
        [],
    ),
    Case(
        "a bound of a sensor", N + ", below: sensor.low}", "sensor.low = 10\nsensor.t = 11\nload\nsensor.t = 9", ["9"]
    ),
    Case("an attribute", N + ", attribute: w, above: 10}", "sensor.t = x {w: 9}\nload\nsensor.t = x {w: 11}", ["x"]),
    Case(
        "an attribute that is text",
        N + ", attribute: w, above: 10}",
        'sensor.t = x {w: "9"}\nload\nsensor.t = x {w: "11"}',
        ["x"],
    ),
    Case(
        "an attribute that is not there is outside",
        N + ", attribute: w, above: 10}",
        "sensor.t = x\nload\nsensor.t = x {w: 11}",
        ["x"],
    ),
    Case(
        "the state does not matter with an attribute",
        N + ", attribute: w, above: 10}",
        "sensor.t = 1 {w: 9}\nload\nsensor.t = 50 {w: 9}",
        [],
    ),
    Case(
        "a template of the state",
        N + ', value_template: "{{ state.attributes.a | float + 1 }}", above: 10}',
        "sensor.t = x {a: 9}\nload\nsensor.t = x {a: 9.5}",
        ["x"],
    ),
    Case(
        "a template of a list",
        N + ', value_template: "{{ state.attributes.l[2] }}", below: 10}',
        "sensor.t = x {l: [1, 2, 11]}\nload\nsensor.t = x {l: [11, 12, 3]}",
        ["x"],
    ),
    Case(
        "a template of the state itself",
        N + ', value_template: "{{ state.state | multiply(10) | int }}", above: 100}',
        "sensor.t = 9\nload\nsensor.t = 11",
        ["11"],
    ),
    Case(
        "several entities are armed each",
        "{trigger: numeric_state, entity_id: [sensor.a, sensor.b], above: 10}",
        "sensor.a = 9\nsensor.b = 11\nload\nsensor.a = 12\nsensor.b = 13\nsensor.b = 1\nsensor.b = 14",
        ["sensor.a", "sensor.b"],
        "{{ trigger.entity_id }}",
    ),
    Case(
        "the bounds are told",
        N + ", above: 10, below: 20}",
        "sensor.t = 9\nload\nsensor.t = 11",
        [[10.0, 20.0]],
        "{{ [trigger.above, trigger.below] }}",
    ),
    Case(
        "a bound that is not given is none",
        N + ", above: 10}",
        "sensor.t = 9\nload\nsensor.t = 11",
        [True],
        "{{ trigger.below is none }}",
    ),
    Case(
        "a bound of an entity is told by its name",
        N + ", above: input_number.top}",
        "input_number.top = 10\nsensor.t = 9\nload\nsensor.t = 11",
        ["input_number.top"],
        "{{ trigger.above }}",
    ),
    Case("both states are told", N + ", above: 10}", "sensor.t = 9\nload\nsensor.t = 11", ["9>11"], MOVE),
    Case(
        "the description",
        N + ", above: 10}",
        "sensor.t = 9\nload\nsensor.t = 11",
        ["numeric state of sensor.t"],
        "{{ trigger.description }}",
    ),
    Case(
        "the platform",
        N + ", above: 10}",
        "sensor.t = 9\nload\nsensor.t = 11",
        ["numeric_state"],
        "{{ trigger.platform }}",
    ),
    Case(
        "for waits",
        N + ", above: 10, for: 60}",
        "sensor.t = 9\nload\nsensor.t = 11\nwait 59\nwait 1",
        ["09:01:00 11"],
        SINCE,
    ),
    Case(
        "for goes on inside the range",
        N + ", above: 10, for: 60}",
        "sensor.t = 9\nload\nsensor.t = 11\nwait 30\nsensor.t = 12\nwait 30",
        ["09:01:00 11"],
        SINCE,
    ),
    Case(
        "for ends outside",
        N + ", above: 10, for: 60}",
        "sensor.t = 9\nload\nsensor.t = 11\nwait 30\nsensor.t = 9\nwait 90",
        [],
    ),
    Case(
        "for ends at unavailable",
        N + ", above: 10, for: 60}",
        "sensor.t = 9\nload\nsensor.t = 11\nwait 30\nsensor.t = unavailable\nwait 90",
        [],
    ),
    Case(
        "for begins anew",
        N + ", above: 10, for: 60}",
        "sensor.t = 9\nload\nsensor.t = 11\nwait 30\nsensor.t = 9\nsensor.t = 13\nwait 60",
        ["09:01:30 13"],
        SINCE,
    ),
    Case("for of nothing", N + ", above: 10, for: 0}", "sensor.t = 9\nload\nsensor.t = 11", ["11"]),
    Case(
        "for of a template",
        N + ', above: 10, for: {minutes: "{{ 1 }}"}}',
        "sensor.t = 9\nload\nsensor.t = 11\nwait 60",
        ["09:01:00 11"],
        SINCE,
    ),
    Case(
        "for is told",
        N + ", above: 10, for: {minutes: 1}}",
        "sensor.t = 9\nload\nsensor.t = 11\nwait 60",
        [60.0],
        "{{ trigger.for.total_seconds() }}",
    ),
    Case(
        "for holds each entity",
        "{trigger: numeric_state, entity_id: [sensor.a, sensor.b], above: 10, for: 10}",
        "sensor.a = 9\nsensor.b = 9\nload\nsensor.a = 12\nwait 5\nsensor.b = 13\nsensor.a = 2\nwait 10",
        ["sensor.b"],
        "{{ trigger.entity_id }}",
    ),
    Case(
        "for of a template of the entity",
        "{trigger: numeric_state, entity_id: [sensor.a, sensor.b], above: 10, "
        "for: \"{{ 5 if trigger.entity_id == 'sensor.a' else 10 }}\"}",
        "sensor.a = 9\nsensor.b = 9\nload\nsensor.a = 12\nsensor.b = 12\nwait 5",
        ["sensor.a"],
        "{{ trigger.entity_id }}",
    ),
)
async def test_numeric_state(case: Case) -> None:
    assert await observed(case) == case.told


def when(template: str, more: str = "") -> str:
    return f'{{trigger: template, value_template: "{template}"{more}}}'


IS = when("{{ is_state('sensor.x', 'on') }}")
WHO = "{{ trigger.entity_id }}"


@cases(
    Case("it fires when it becomes true", IS, "sensor.x = off\nload\nsensor.x = on", ["on"]),
    Case("an entity that appears true fires", IS, "sensor.x = on", ["on"]),
    Case("true at the start is nothing", IS, "sensor.x = on\nload\nsensor.x = on {a: 1}", []),
    Case("true again after false fires again", IS, "sensor.x = on\nload\nsensor.x = off\nsensor.x = on", ["on"]),
    Case(
        "staying true is nothing",
        when("{{ states('sensor.x') | int(0) > 5 }}"),
        "sensor.x = 1\nload\nsensor.x = 6\nsensor.x = 7",
        ["6"],
    ),
    Case(
        "text true in capitals is true",
        when("{% if is_state('sensor.x', 'on') %}TRUE{% else %}no{% endif %}"),
        "sensor.x = on",
        ["on"],
    ),
    Case("text yes is true", when("{{ 'yes' if is_state('sensor.x', 'on') else 'no' }}"), "sensor.x = on", ["on"]),
    Case("text on is true", when("{{ states('sensor.x') }}"), "sensor.x = off\nsensor.x = on", ["on"]),
    Case(
        "a number other than nothing is true",
        when("{{ states('sensor.x') | int(0) }}"),
        "sensor.x = 0\nsensor.x = 3",
        ["3"],
    ),
    Case("other text is false", when("{{ states('sensor.x') }}"), "sensor.x = open\nsensor.x = whatever", []),
    Case(
        "an attribute",
        when("{{ state_attr('sensor.x', 'n') == 3 }}"),
        "sensor.x = a {n: 2}\nload\nsensor.x = a {n: 3}",
        ["a"],
    ),
    Case(
        "through states.sensor.x",
        when("{{ states.sensor.x.state == 'on' }}"),
        "sensor.x = off\nload\nsensor.x = on",
        ["on"],
    ),
    Case(
        "over all of a domain",
        when("{{ states.sensor | selectattr('state', 'eq', 'on') | list | count > 1 }}"),
        "sensor.x = on\nload\nsensor.y = on",
        ["sensor.y"],
        WHO,
    ),
    Case(
        "over several entities, the one that changed is told",
        when("{{ is_state('sensor.x', 'on') and is_state('sensor.y', 'on') }}"),
        "sensor.y = on\nload\nsensor.x = on",
        ["sensor.x"],
        WHO,
    ),
    Case(
        "or in old spelling with platform",
        "{platform: template, value_template: \"{{ is_state('sensor.x', 'on') }}\"}",
        "sensor.x = on",
        ["template"],
        "{{ trigger.platform }}",
    ),
    Case("an entity that nothing reads is nothing", IS, "sensor.other = on", []),
    Case(
        "an error fires nothing",
        when("{{ states('sensor.x') | int > 5 }}"),
        "sensor.x = 1\nload\nsensor.x = cat\nsensor.x = 6",
        ["6"],
    ),
    Case(
        "time is looked at once a minute",
        when("{{ now().minute == 2 }}"),
        "wait 30\nwait 120",
        ["09:02:00"],
        "{{ now().strftime('%H:%M:%S') }}",
    ),
    Case(
        "time tells no entity",
        when("{{ now().minute == 2 }}"),
        "wait 150",
        [True],
        "{{ trigger.entity_id is none and trigger.to_state is none }}",
    ),
    Case(
        "time since a change",
        when("{{ now() - states.sensor.x.last_changed > timedelta(minutes=5) }}"),
        "sensor.x = a\nload\nwait 400",
        ["09:06:00"],
        "{{ now().strftime('%H:%M:%S') }}",
    ),
    Case(
        "for waits",
        when("{{ is_state('sensor.x', 'on') }}", ", for: 10"),
        "sensor.x = off\nload\nsensor.x = on\nwait 9\nwait 1",
        ["09:00:10 on"],
        SINCE,
    ),
    Case(
        "for ends when it is false",
        when("{{ is_state('sensor.x', 'on') }}", ", for: 10"),
        "sensor.x = off\nload\nsensor.x = on\nwait 5\nsensor.x = off\nwait 50",
        [],
    ),
    Case(
        "for goes on while the result is the same",
        when("{{ states('sensor.x') | int(0) > 5 }}", ", for: 10"),
        "sensor.x = 1\nload\nsensor.x = 6\nwait 5\nsensor.x = 7\nwait 5",
        ["09:00:10 6"],
        SINCE,
    ),
    Case(
        "for of nothing",
        when("{{ is_state('sensor.x', 'on') }}", ", for: 0"),
        "sensor.x = off\nload\nsensor.x = on",
        ["on"],
    ),
    Case(
        "for of a template",
        when("{{ is_state('sensor.x', 'on') }}", ', for: "{{ 5 }}"'),
        "sensor.x = off\nload\nsensor.x = on\nwait 5",
        ["on"],
    ),
    Case(
        "for by what the trigger knows",
        when("{{ is_state('sensor.x', 'on') }}", ', for: "{{ trigger.to_state.attributes.w }}"'),
        "sensor.x = off\nload\nsensor.x = on {w: 3}\nwait 3",
        ["on"],
    ),
    Case(
        "for is told",
        when("{{ is_state('sensor.x', 'on') }}", ", for: {seconds: 5}"),
        "sensor.x = off\nload\nsensor.x = on\nwait 5",
        ["0:00:05"],
        "{{ trigger.for }}",
    ),
    Case("the description", IS, "sensor.x = on", ["sensor.x via template"], "{{ trigger.description }}"),
    Case("both states are told", IS, "sensor.x = off\nload\nsensor.x = on", ["off>on"], MOVE),
)
async def test_template(case: Case) -> None:
    assert await observed(case) == case.told


AT = "{{ trigger.now.strftime('%a %H:%M:%S') }}"
FRIDAY = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)


@cases(
    Case("a time of day", "{trigger: time, at: '09:30:00'}", "wait 86400", ["Mon 09:30:00"], AT),
    Case("every day", "{trigger: time, at: '09:30'}", "wait 172800", ["Mon 09:30:00", "Tue 09:30:00"], AT),
    Case("with seconds", "{trigger: time, at: '09:00:05'}", "wait 10", ["Mon 09:00:05"], AT),
    Case(
        "several times", "{trigger: time, at: ['09:10', '09:20:30']}", "wait 3600", ["Mon 09:10:00", "Mon 09:20:30"], AT
    ),
    Case(
        "on some days",
        "{trigger: time, at: '10:00', weekday: [tue, fri]}",
        "wait 604800",
        ["Tue 10:00:00", "Fri 10:00:00"],
        AT,
    ),
    Case("on one day", "{trigger: time, at: '10:00', weekday: sun}", "wait 604800", ["Sun 10:00:00"], AT),
    Case("local time", "{trigger: time, at: '15:00'}", "wait 3600", ["Mon 15:00:00"], AT, zone="Asia/Kolkata"),
    Case(
        "the platform and the description",
        "{trigger: time, at: '09:30'}",
        "wait 3600",
        ["time, time"],
        "{{ trigger.platform }}, {{ trigger.description }}",
    ),
    Case(
        "a time of day that an entity holds",
        "{trigger: time, at: input_datetime.a}",
        "input_datetime.a = 09:15:00 {has_date: false, has_time: true}\nload\nwait 86400",
        ["Mon 09:15:00"],
        AT,
    ),
    Case(
        "the entity is told",
        "{trigger: time, at: input_datetime.a}",
        "input_datetime.a = 09:15:00 {has_date: false, has_time: true}\nload\nwait 3600",
        ["input_datetime.a"],
        "{{ trigger.entity_id }}",
    ),
    Case("no entity is none", "{trigger: time, at: '09:30'}", "wait 3600", [True], "{{ trigger.entity_id is none }}"),
    Case(
        "the entity's time moves",
        "{trigger: time, at: input_datetime.a}",
        "input_datetime.a = 09:15:00\nload\ninput_datetime.a = 09:45:00\nwait 3600",
        ["Mon 09:45:00"],
        AT,
    ),
    Case(
        "an entity that appears later",
        "{trigger: time, at: input_datetime.a}",
        "wait 60\ninput_datetime.a = 09:15:00\nwait 3600",
        ["Mon 09:15:00"],
        AT,
    ),
    Case(
        "a date and time",
        "{trigger: time, at: input_datetime.a}",
        "input_datetime.a = 2026-03-03 10:00:00\nload\nwait 259200",
        ["Tue 10:00:00"],
        AT,
    ),
    Case(
        "a date alone is midnight",
        "{trigger: time, at: input_datetime.a}",
        "input_datetime.a = 2026-03-04\nload\nwait 259200",
        ["Wed 00:00:00"],
        AT,
    ),
    Case(
        "a date that has passed",
        "{trigger: time, at: input_datetime.a}",
        "input_datetime.a = 2026-03-01 10:00:00\nload\nwait 259200",
        [],
        "x",
    ),
    Case(
        "unknown sets nothing",
        "{trigger: time, at: input_datetime.a}",
        "input_datetime.a = 09:15:00\nload\ninput_datetime.a = unknown\nwait 86400",
        [],
        "x",
    ),
    Case(
        "the description with an entity",
        "{trigger: time, at: input_datetime.a}",
        "input_datetime.a = 09:15:00\nload\nwait 3600",
        ["time set in input_datetime.a"],
        "{{ trigger.description }}",
    ),
    Case(
        "a removed entity sets nothing",
        "{trigger: time, at: input_datetime.a}",
        "input_datetime.a = 09:15:00\nload\nremove input_datetime.a\nwait 86400",
        [],
        "x",
    ),
    Case(
        "a sensor's timestamp",
        "{trigger: time, at: sensor.next}",
        "sensor.next = 2026-03-02T09:20:00+00:00 {device_class: timestamp}\nload\nwait 86400",
        ["Mon 09:20:00"],
        AT,
    ),
    Case(
        "a sensor's timestamp in another zone",
        "{trigger: time, at: sensor.next}",
        "sensor.next = 2026-03-02T14:50:00+05:30 {device_class: timestamp}\nload\nwait 86400",
        ["Mon 09:20:00"],
        AT,
    ),
    Case(
        "a sensor's timestamp that is set again",
        "{trigger: time, at: sensor.next}",
        "sensor.next = 2026-03-02T09:20:00+00:00 {device_class: timestamp}\nload\nwait 2000\n"
        "sensor.next = 2026-03-02T12:00:00+00:00 {device_class: timestamp}\nwait 9000",
        ["Mon 09:20:00", "Mon 12:00:00"],
        AT,
    ),
    Case(
        "an offset before",
        "{trigger: time, at: {entity_id: input_datetime.a, offset: '-00:10:00'}}",
        "input_datetime.a = 09:15:00\nload\nwait 3600",
        ["Mon 09:05:00"],
        AT,
    ),
    Case(
        "an offset after",
        "{trigger: time, at: {entity_id: input_datetime.a, offset: '00:10:00'}}",
        "input_datetime.a = 2026-03-02 09:15:00\nload\nwait 3600",
        ["Mon 09:25:00"],
        AT,
    ),
    Case(
        "an offset in seconds",
        "{trigger: time, at: {entity_id: sensor.n, offset: -60}}",
        "sensor.n = 2026-03-02T09:15:00+00:00 {device_class: timestamp}\nload\nwait 3600",
        ["Mon 09:14:00"],
        AT,
    ),
    Case(
        "an offset as a mapping",
        "{trigger: time, at: {entity_id: input_datetime.a, offset: {minutes: -5}}}",
        "input_datetime.a = 09:15:00\nload\nwait 3600",
        ["Mon 09:10:00"],
        AT,
    ),
    Case(
        "an entity and a time together",
        "{trigger: time, at: ['09:20', input_datetime.a]}",
        "input_datetime.a = 09:10:00\nload\nwait 3600",
        ["Mon 09:10:00", "Mon 09:20:00"],
        AT,
    ),
    Case(
        "a day and an entity's time",
        "{trigger: time, at: input_datetime.a, weekday: [wed]}",
        "input_datetime.a = 09:10:00\nload\nwait 604800",
        ["Wed 09:10:00"],
        AT,
    ),
    Case("a limited template", "{trigger: time, at: \"{{ '09:' ~ 30 }}\"}", "wait 3600", ["Mon 09:30:00"], AT),
    Case(
        "a limited template of a trigger variable",
        "{trigger: time, at: '{{ when }}'}",
        "wait 3600",
        ["Mon 09:40:00"],
        AT,
        more="\n  trigger_variables: {when: '09:40'}",
    ),
    Case(
        "now is the moment that was due",
        "{trigger: time, at: '09:30'}",
        "wait 3600",
        [True],
        "{{ trigger.now == now() }}",
    ),
    Case(
        "a time that has passed today comes tomorrow",
        "{trigger: time, at: '08:00'}",
        "wait 86400",
        ["Tue 08:00:00"],
        AT,
    ),
    Case("midnight", "{trigger: time, at: '00:00'}", "wait 86400", ["Sat 00:00:00"], AT, start=FRIDAY),
)
async def test_time(case: Case) -> None:
    assert await observed(case) == case.told


P = "{trigger: time_pattern, "
CLOCK = "{{ trigger.now.strftime('%H:%M:%S') }}"


@cases(
    Case("every fifth minute", P + "minutes: '/5'}", "wait 600", ["09:05:00", "09:10:00"], CLOCK),
    Case("a minute of each hour", P + "minutes: 15}", "wait 7200", ["09:15:00", "10:15:00"], CLOCK),
    Case("a minute as text", P + "minutes: '15'}", "wait 3600", ["09:15:00"], CLOCK),
    Case(
        "every second hour at its start", P + "hours: '/2'}", "wait 18000", ["10:00:00", "12:00:00", "14:00:00"], CLOCK
    ),
    Case("an hour alone is its start", P + "hours: 11}", "wait 86400", ["11:00:00"], CLOCK),
    Case("every tenth second", P + "seconds: '/10'}", "wait 25", ["09:00:10", "09:00:20"], CLOCK),
    Case("a second of each minute", P + "seconds: 30}", "wait 120", ["09:00:30", "09:01:30"], CLOCK),
    Case(
        "what does not divide a minute begins anew",
        P + "seconds: '/25'}",
        "wait 120",
        ["09:00:25", "09:00:50", "09:01:00", "09:01:25", "09:01:50", "09:02:00"],
        CLOCK,
    ),
    Case("any minute", P + "minutes: '*'}", "wait 150", ["09:01:00", "09:02:00"], CLOCK),
    Case("any second", P + "seconds: '*'}", "wait 3", ["09:00:01", "09:00:02", "09:00:03"], CLOCK),
    Case(
        "hours with any minute",
        P + "hours: 10, minutes: '*'}",
        "wait 3780",
        ["10:00:00", "10:01:00", "10:02:00", "10:03:00"],
        CLOCK,
    ),
    Case("hours, minutes and seconds", P + "hours: 10, minutes: 30, seconds: 15}", "wait 86400", ["10:30:15"], CLOCK),
    Case("minutes with any second", P + "minutes: 1, seconds: '/30'}", "wait 300", ["09:01:00", "09:01:30"], CLOCK),
    Case("an hour and a second leave out the minutes", P + "hours: 10, seconds: 20}", "wait 4000", ["10:00:20"], CLOCK),
    Case("nought is a value", P + "hours: 0, minutes: 0}", "wait 86400", ["00:00:00"], CLOCK),
    Case("local hours", P + "hours: 15}", "wait 3600", ["15:00:00"], CLOCK, zone="Asia/Kolkata"),
    Case(
        "the platform and the description",
        P + "minutes: '/5'}",
        "wait 300",
        ["time_pattern, time pattern"],
        "{{ trigger.platform }}, {{ trigger.description }}",
    ),
)
async def test_time_pattern(case: Case) -> None:
    assert await observed(case) == case.told


V = "{trigger: event, event_type: ping"
DATA = "{{ trigger.event.data }}"


@cases(
    Case("an event fires", V + "}", "fire ping", ["ping"], "{{ trigger.event.event_type }}"),
    Case("another type is nothing", V + "}", "fire pong", [], "x"),
    Case("its data", V + "}", "fire ping {a: 1, b: [2]}", [{"a": 1, "b": [2]}], DATA),
    Case("a value of it", V + "}", "fire ping {a: {b: 2}}", [2], "{{ trigger.event.data.a.b }}"),
    Case(
        "several types",
        "{trigger: event, event_type: [ping, pong]}",
        "fire ping\nfire pong\nfire peng",
        ["ping", "pong"],
        "{{ trigger.event.event_type }}",
    ),
    Case(
        "data asked for",
        V + ", event_data: {a: 1}}",
        "fire ping {a: 1, b: 2}\nfire ping {a: 2}\nfire ping",
        [{"a": 1, "b": 2}],
        DATA,
    ),
    Case("no data asked for", V + ", event_data: {}}", "fire ping {a: 1}\nfire ping", [{"a": 1}, {}], DATA),
    Case(
        "text is not a number",
        V + ", event_data: {a: '1'}}",
        'fire ping {a: 1}\nfire ping {a: "1"}',
        [{"a": "1"}],
        DATA,
    ),
    Case(
        "true is true", V + ", event_data: {a: true}}", "fire ping {a: false}\nfire ping {a: true}", [{"a": True}], DATA
    ),
    Case("null is null", V + ", event_data: {a: null}}", "fire ping {a: 1}\nfire ping {a: null}", [{"a": None}], DATA),
    Case(
        "mappings inside may hold more",
        V + ", event_data: {a: {b: 1}}}",
        "fire ping {a: {b: 1, c: 2}}\nfire ping {a: {c: 2}}\nfire ping {a: 1}",
        [{"a": {"b": 1, "c": 2}}],
        DATA,
    ),
    Case("an empty mapping inside", V + ", event_data: {a: {}}}", "fire ping {a: {b: 1}}", [{"a": {"b": 1}}], DATA),
    Case(
        "lists are literal",
        V + ", event_data: {a: [1, 2]}}",
        "fire ping {a: [1, 2, 3]}\nfire ping {a: [1, 2]}",
        [{"a": [1, 2]}],
        DATA,
    ),
    Case("the description", V + "}", "fire ping", ["event 'ping'"], "{{ trigger.description }}"),
    Case(
        "the type from a trigger variable",
        "{trigger: event, event_type: '{{ kind }}'}",
        "fire ping",
        ["ping"],
        "{{ trigger.event.event_type }}",
        more="\n  trigger_variables: {kind: ping}",
    ),
    Case(
        "data from a trigger variable",
        V + ", event_data: {a: '{{ what }}'}}",
        "fire ping {a: 7}\nfire ping {a: 8}",
        [{"a": 7}],
        DATA,
        more="\n  trigger_variables: {what: 7}",
    ),
    Case(
        "data from a limited template",
        V + ", event_data: {\"{{ 'a' }}\": '{{ 3 + 4 }}'}}",
        "fire ping {a: 7}",
        [{"a": 7}],
        DATA,
    ),
    Case("a context of another user", V + ", context: {user_id: somebody}}", "fire ping", [], "x"),
    Case("its context has an id", V + "}", "fire ping", [True], "{{ trigger.event.context.user_id is none }}"),
    Case("when it was", V + "}", "wait 60\nfire ping", ["09:01"], "{{ trigger.event.time_fired.strftime('%H:%M') }}"),
    Case(
        "start does not come at a reload",
        "{trigger: homeassistant, event: start}",
        "load\nload",
        ["start"],
        "{{ trigger.event }}",
    ),
    Case(
        "start comes at each start",
        "{trigger: homeassistant, event: start}",
        "load\nrestart",
        ["start"] * 2,
        "{{ trigger.event }}",
    ),
)
async def test_event(case: Case) -> None:
    assert await observed(case) == case.told


S = "{trigger: event, event_type: %s%s}"


@cases(
    Case(
        "several triggers, each with its place",
        "[{trigger: event, event_type: a}, {trigger: event, event_type: b}]",
        "fire b\nfire a",
        ["1", "0"],
        "{{ trigger.id }}",
    ),
    Case(
        "ids in words",
        "[{trigger: event, event_type: a, id: one}, {trigger: event, event_type: b, id: two}]",
        "fire b\nfire a",
        ["two", "one"],
        "{{ trigger.id }}",
    ),
    Case(
        "two triggers with one id",
        "[{trigger: event, event_type: a, id: one}, {trigger: event, event_type: b, id: one}]",
        "fire b\nfire a",
        ["one1", "one0"],
        "{{ trigger.id }}{{ trigger.idx }}",
    ),
    Case(
        "a trigger that is off",
        "[{trigger: event, event_type: a, enabled: false}, {trigger: event, event_type: b}]",
        "fire a\nfire b",
        ["1"],
        "{{ trigger.id }}",
    ),
    Case(
        "a trigger that a template switches off",
        "[{trigger: event, event_type: a, enabled: '{{ 1 == 2 }}'}, {trigger: event, event_type: b, "
        "enabled: '{{ 1 == 1 }}'}]",
        "fire a\nfire b",
        ["b"],
        "{{ trigger.event.event_type }}",
    ),
    Case(
        "a trigger that a variable switches off",
        "[{trigger: event, event_type: a, enabled: '{{ wanted }}'}]",
        "fire a",
        [],
        "x",
        more="\n  trigger_variables: {wanted: false}",
    ),
    Case(
        "lists of triggers inside",
        "[{triggers: [{trigger: event, event_type: a}, {trigger: event, event_type: b}]}, {trigger: event, "
        "event_type: c}]",
        "fire a\nfire b\nfire c",
        ["a0", "b1", "c2"],
        "{{ trigger.event.event_type }}{{ trigger.idx }}",
    ),
    Case(
        "variables of a trigger",
        "{trigger: event, event_type: a, variables: {x: '{{ trigger.event.data.n + 1 }}'}}",
        "fire a {n: 4}",
        [5],
        "{{ x }}",
    ),
    Case(
        "variables of a trigger come before those of the rule",
        "{trigger: event, event_type: a, variables: {x: 2}}",
        "fire a",
        [3],
        "{{ y }}",
        more="\n  variables: {y: '{{ x + 1 }}'}",
    ),
    Case(
        "variables of a trigger win over those of the rule",
        "{trigger: event, event_type: a, variables: {x: 2}}",
        "fire a",
        [2],
        "{{ x }}",
        more="\n  variables: {x: 1}",
    ),
    Case(
        "variables of the rule win over trigger variables",
        "{trigger: event, event_type: a}",
        "fire a",
        [1],
        "{{ x }}",
        more="\n  trigger_variables: {x: 2}\n  variables: {x: 1}",
    ),
    Case(
        "variables of the rule see the trigger",
        "{trigger: event, event_type: a}",
        "fire a {n: 2}",
        [4],
        "{{ twice }}",
        more="\n  variables: {n: '{{ trigger.event.data.n }}', twice: '{{ n * 2 }}'}",
    ),
    Case(
        "trigger variables are seen by steps",
        "{trigger: event, event_type: a}",
        "fire a",
        ["v"],
        "{{ tv }}",
        more="\n  trigger_variables: {tv: v}",
    ),
    Case(
        "a failing variable ends the run before its steps",
        "{trigger: event, event_type: a}",
        "fire a",
        [],
        "x",
        more="\n  variables: {n: '{{ 1 / 0 }}'}",
    ),
    Case("one trigger without a list", "{trigger: event, event_type: a}", "fire a", ["0"], "{{ trigger.idx }}"),
    Case(
        "a condition by the id",
        "[{trigger: event, event_type: a, id: x}, {trigger: event, event_type: b}]",
        "fire a\nfire b",
        ["x"],
        "{{ trigger.id }}",
        more="\n  conditions: [{condition: trigger, id: x}]",
    ),
    Case(
        "a condition by the place",
        "[{trigger: event, event_type: a, id: x}, {trigger: event, event_type: b}]",
        "fire a\nfire b",
        ["1"],
        "{{ trigger.id }}",
        more="\n  conditions: [{condition: trigger, id: '1'}]",
    ),
    Case("no triggers at all", "[]", "wait 60", []),
)
async def test_triggers_in_general(case: Case) -> None:
    assert await observed(case) == case.told


@cases(
    Case(
        "nobody in particular changed it",
        E + "}",
        "light.hall = on",
        [True],
        "{{ trigger.to_state.context.user_id is none and trigger.to_state.context.parent_id is none }}",
    ),
    Case(
        "the run's context",
        E + "}",
        "light.hall = on",
        [True],
        "{{ context.user_id is none and context.parent_id is none and context.id is string }}",
    ),
    Case(
        "a condition on what it was where it is new",
        E + "}",
        "light.hall = on",
        ["on"],
        more="\n  conditions: \"{{ trigger.from_state.state != 'x' }}\"",
    ),
    Case(
        "an event for each change",
        "{trigger: event, event_type: state_changed, event_data: {entity_id: light.hall}}",
        "light.hall = on\nlight.other = on",
        ["on"],
        "{{ trigger.event.data.new_state.state }}",
    ),
    Case("above nought", N + ", above: 0}", "sensor.t = -1\nload\nsensor.t = 1", ["1"]),
    Case(
        "a template of an attribute",
        N + ", attribute: a, value_template: '{{ state.attributes.a * 2 }}', above: 5}",
        "sensor.t = x {a: 1}\nload\nsensor.t = x {a: 3}",
        ["x"],
    ),
    Case(
        "the rule itself in its variables",
        E + "}",
        "light.hall = on",
        ["automation.r"],
        "{{ me }}",
        "\n  variables: {me: '{{ this.entity_id }}'}",
    ),
    Case(
        "all attributes",
        E + "}",
        "light.hall = on {a: 1, b: [2]}",
        [{"a": 1, "b": [2]}],
        "{{ trigger.to_state.attributes }}",
    ),
    Case(
        "the attributes one by one",
        E + "}",
        "light.hall = on {a: 1, b: 2}",
        ["a1b2"],
        "{% for k, v in trigger.to_state.attributes.items() %}{{ k }}{{ v }}{% endfor %}",
    ),
    Case(
        "several entities come and go",
        "{trigger: state, entity_id: [sensor.a, sensor.b]}",
        "sensor.a = 1\nsensor.b = 2\nremove sensor.a",
        ["sensor.a", "sensor.b", "sensor.a"],
        "{{ trigger.entity_id }}",
    ),
    Case(
        "a hold of days",
        E + ", to: on, for: {days: 1}}",
        "light.hall = on\nwait 86400",
        ["1 day, 0:00:00"],
        "{{ trigger.for }}",
    ),
    Case(
        "a hold of days in seconds",
        E + ", to: on, for: {days: 1, hours: 2}}",
        "light.hall = on\nwait 93600",
        [93600.0],
        "{{ trigger.for.total_seconds() }}",
    ),
    Case(
        "a hold of less than a second",
        E + ", to: on, for: {milliseconds: 500}}",
        "light.hall = on\nwait 1",
        [0.5],
        "{{ trigger.for.total_seconds() }}",
    ),
    Case(
        "the trigger as a whole",
        "{trigger: event, event_type: a}",
        "fire a",
        [True],
        "{{ trigger is mapping and 'event' in trigger }}",
    ),
    Case(
        "a timer's event",
        "{trigger: event, event_type: timer.finished, event_data: {entity_id: timer.t}}",
        "fire timer.finished {entity_id: timer.t}",
        ["timer.t"],
        "{{ trigger.event.data.entity_id }}",
    ),
    Case(
        "how long ago an event was",
        "{trigger: event, event_type: a}",
        "fire a\nwait 5",
        [0.0],
        "{{ (now() - trigger.event.time_fired).total_seconds() }}",
    ),
    Case(
        "a default for what another trigger tells",
        "[{trigger: event, event_type: a}, {trigger: state, entity_id: sensor.a}]",
        "fire a",
        ["none"],
        "{{ trigger.to_state.state | default('none') }}",
    ),
    Case(
        "whether it is told at all",
        "[{trigger: event, event_type: a}, {trigger: state, entity_id: sensor.a}]",
        "fire a\nsensor.a = 1",
        [False, True],
        "{{ trigger.to_state is defined }}",
    ),
    Case(
        "what only one of the triggers tells",
        "[{trigger: event, event_type: a}, {trigger: state, entity_id: sensor.a}]",
        "fire a\nsensor.a = 1",
        ["e", "1"],
        "{% if trigger.platform == 'event' %}e{% else %}{{ trigger.to_state.state }}{% endif %}",
    ),
    Case(
        "what it was, if it was there",
        E + "}",
        "light.hall = on",
        ["x"],
        "{{ trigger.from_state.state if trigger.from_state else 'x' }}",
    ),
    Case(
        "what it was, guarded",
        E + "}",
        "light.hall = on",
        [False],
        "{{ trigger.from_state is not none and trigger.from_state.state == 'a' }}",
    ),
    Case(
        "when it changed, as text",
        E + "}",
        "light.hall = on",
        ["2026-03-02 09:00:00+00:00"],
        "{{ trigger.to_state.last_changed }}",
    ),
    Case(
        "when it changed, in local time",
        E + "}",
        "light.hall = on",
        ["14:30"],
        "{{ as_local(trigger.to_state.last_changed).strftime('%H:%M') }}",
        zone="Asia/Kolkata",
    ),
    Case(
        "when it changed, in seconds",
        E + "}",
        "light.hall = on",
        [1772442000.0],
        "{{ as_timestamp(trigger.to_state.last_changed) }}",
    ),
    Case(
        "how the entity stands",
        E + "}",
        "light.hall = on {friendly_name: H}",
        ["on H"],
        "{{ states(trigger.entity_id) }} {{ state_attr(trigger.entity_id, 'friendly_name') }}",
    ),
)
async def test_what_templates_make_of_a_trigger(case: Case) -> None:
    assert await observed(case) == case.told


def with_triggers(triggers: str, more: str = "") -> str:
    return f"- id: r{more}\n  triggers: {triggers}\n  actions: [{{delay: 1}}]\n"


@pytest.mark.parametrize(
    "triggers",
    [
        "{trigger: state}",
        "{trigger: state, entity_id: a.b, from: x, not_from: y}",
        "{trigger: state, entity_id: a.b, to: x, not_to: y}",
        "{trigger: state, entity_id: a.b, to: true}",
        "{trigger: state, entity_id: a.b, from: false}",
        "{trigger: state, entity_id: a.b, to: x, for: -5}",
        "{trigger: state, entity_id: a.b, to: x, for: {minuts: 5}}",
        "{trigger: state, entity_id: a.b, to: x, for: soon}",
        "{trigger: state, entity_id: nonsense}",
        "{trigger: state, entity_id: a.b, until: x}",
        "{trigger: numeric_state, entity_id: a.b}",
        "{trigger: numeric_state, entity_id: a.b, above: warm}",
        "{trigger: numeric_state, entity_id: a.b, above: 10, below: 5}",
        "{trigger: template}",
        "{trigger: template, value_template: '{{ 1 + }}'}",
        "{trigger: template, value_template: '{% if %}'}",
        "{trigger: time}",
        "{trigger: time, at: '25:00'}",
        "{trigger: time, at: '09:61'}",
        "{trigger: time, at: 5}",
        "{trigger: time, at: '09:00', weekday: monday-ish}",
        "{trigger: time_pattern}",
        "{trigger: time_pattern, minutes: '*/5'}",
        "{trigger: time_pattern, minutes: '/0'}",
        "{trigger: time_pattern, hours: '/24'}",
        "{trigger: time_pattern, hours: 24}",
        "{trigger: time_pattern, minutes: 60}",
        "{trigger: time_pattern, seconds: -1}",
        "{trigger: time_pattern, minutes: [1, 2]}",
        "{trigger: event}",
        "{trigger: event, event_type: a, event_data: text}",
        "{trigger: event, event_type: \"{{ states('a.b') }}\"}",
        "{trigger: event, event_type: a, enabled: '{{ now() }}'}",
        "{trigger: homeassistant, event: stopped}",
        "{trigger: webhook}",
        "{trigger: webhook, webhook_id: a, allowed_methods: [DELETE]}",
        "{trigger: nonsense}",
        "{platform: state, trigger: state, entity_id: a.b, extra: 1}",
        "{entity_id: a.b}",
        "text",
    ],
)
async def test_a_trigger_that_cannot_be_is_a_problem_and_its_rule_is_not_there(triggers: str) -> None:
    async with World() as w:
        await w.load({"rules.yaml": with_triggers(triggers) + with_triggers("[]").replace("id: r", "id: other")})
        assert [rule for rule in ("r", "other") if rule in w.engine.programs] == ["other"]
        assert w.problems


async def test_a_webhook_tells_what_came_with_it() -> None:
    async with World() as w:
        w.stub("test.act")
        told = "[trigger.platform, trigger.webhook_id, trigger.json.a, trigger.query | length]"
        rule = "- id: r\n  triggers: {trigger: webhook, webhook_id: shop}\n  actions: [{action: test.act, "
        await w.load({"rules.yaml": rule + f'data: {{told: "{{{{ {told} }}}}"}}}}]\n'})
        answer = await w.webhook("shop", json={"a": 5})
        assert (answer.status, answer.text) == (200, "")
        assert [call.data["told"] for call in w.calls] == [["webhook", "shop", 5, 0]]


@pytest.mark.parametrize(
    ("allowed", "method", "runs"),
    [
        ("", "POST", 1),
        ("", "PUT", 1),
        ("", "GET", 0),
        (", allowed_methods: [GET]", "GET", 1),
        (", allowed_methods: PUT", "POST", 0),
    ],
)
async def test_a_webhook_takes_post_and_put_unless_told_otherwise(allowed: str, method: str, runs: int) -> None:
    async with World() as w:
        await w.load({"rules.yaml": with_triggers(f"{{trigger: webhook, webhook_id: shop{allowed}}}")})
        await w.webhook("shop", json={}, method=method)
        assert len(w.runs("r")) == runs


async def test_several_rules_may_share_a_webhook() -> None:
    async with World() as w:
        one = with_triggers("{trigger: webhook, webhook_id: shop, local_only: false}")
        await w.load({"rules.yaml": one + one.replace("id: r", "id: s")})
        await w.webhook("shop", json={})
        assert (len(w.runs("r")), len(w.runs("s"))) == (1, 1)


async def test_the_fields_of_a_form_are_data() -> None:
    async with World() as w:
        w.stub("test.act")
        rule = "- id: r\n  triggers: {trigger: webhook, webhook_id: shop}\n  actions: [{action: test.act, data: "
        await w.load({"rules.yaml": rule + '{told: "{{ trigger.data.name }} {{ trigger.data.n }}"}}]\n'})
        form = {"content-type": "application/x-www-form-urlencoded"}
        await w.webhook("shop", text="name=A+B&n=5", headers=form)
        assert [call.data["told"] for call in w.calls] == ["A B 5"]


async def test_a_note_that_is_made_changed_and_taken_away_is_told() -> None:
    data = "{notification_id: n, title: T, message: '{{ trigger.event.data.m }}'}"
    create = f"{{action: persistent_notification.create, data: {data}}}"
    rules = f"""
- {{id: make, triggers: {{trigger: event, event_type: make}}, actions: [{create}]}}
- {{id: drop, triggers: {{trigger: event, event_type: drop}}, actions: [
    {{action: persistent_notification.dismiss, data: {{notification_id: n}}}}]}}
- {{id: r, triggers: {{trigger: persistent_notification, update_type: [added, updated, removed], notification_id: n}},
    actions: [
    {{action: test.act, data: {{told: "{{{{ trigger.update_type }}}} {{{{ trigger.notification.message }}}}"}}}}]}}
"""
    async with World() as w:
        w.stub("test.act")
        await w.load({"rules.yaml": rules})
        assert not w.problems, [problem.text for problem in w.problems]
        await w.fire("make", {"m": "one"})
        await w.fire("make", {"m": "two"})
        await w.fire("drop")
        assert [call.data["told"] for call in w.calls] == ["added one", "updated two", "removed two"]


@cases(
    Case(
        "for by a trigger variable",
        E + ", to: on, for: {seconds: '{{ secs }}'}}",
        "light.hall = on\nwait 4\nwait 1",
        ["on"],
        more="\n  trigger_variables: {secs: 5}",
    ),
    Case(
        "value template by a trigger variable",
        "{trigger: numeric_state, entity_id: sensor.t, value_template: '{{ state.state | float * f }}', above: 10}",
        "sensor.t = 1\nload\nsensor.t = 6",
        ["6"],
        more="\n  trigger_variables: {f: 2}",
    ),
    Case("a number to match is the text of it", E + ", to: 5}", "light.hall = 5", ["5"]),
    Case(
        "templates inside the lists of variables",
        V + "}",
        "fire ping {n: 2}",
        [[2, {"a": 3}]],
        "{{ l }}",
        "\n  variables: {l: ['{{ trigger.event.data.n }}', {a: '{{ 1 + 2 }}'}]}",
    ),
    Case(
        "a restart does not arm anew",
        "{trigger: numeric_state, entity_id: sensor.t, above: 10}",
        "sensor.t = 9\nload\nsensor.t = 11\nrestart\nsensor.t = 12\nsensor.t = 9\nsensor.t = 13",
        ["11", "13"],
    ),
    Case(
        "a change after a restart",
        E + ", from: off, to: on}",
        "light.hall = off\nload\nrestart\nlight.hall = on",
        ["on"],
    ),
    Case(
        "a template after a restart",
        "{trigger: template, value_template: \"{{ is_state('light.hall', 'on') }}\"}",
        "light.hall = on\nload\nrestart\nlight.hall = off\nlight.hall = on",
        ["on"],
    ),
    Case(
        "what it became while it was off is the beginning",
        "{trigger: numeric_state, entity_id: sensor.t, above: 10}",
        "sensor.t = 9\nload\noff\nsensor.t = 11\non\nsensor.t = 12",
        [],
    ),
    Case(
        "a template that became true while it was off",
        "{trigger: template, value_template: \"{{ is_state('light.hall', 'on') }}\"}",
        "light.hall = off\nload\noff\nlight.hall = on\non\nlight.hall = on {a: 1}",
        [],
    ),
    Case(
        "a time that passed while it was off", "{trigger: time, at: '09:30'}", "off\nwait 3600\non\nwait 3600", [], "x"
    ),
    Case(
        "a pattern goes on after it was off",
        "{trigger: time_pattern, minutes: '/30'}",
        "off\nwait 3600\non\nwait 1800",
        ["10:30"],
        "{{ now().strftime('%H:%M') }}",
    ),
    Case("a template of several lines", V + "}", "fire ping", [3], "{% set a = 1 %}\n{% set b = 2 %}\n{{ a + b }}"),
    Case(
        "a text of several lines",
        V + "}",
        "fire ping {n: 7}",
        ["n is 7"],
        "{% if trigger.event.data.n > 5 %}\n  n is {{ trigger.event.data.n }}\n{% endif %}",
    ),
    Case(
        "an attribute of null is one that is not there",
        E + ", attribute: b}",
        "light.hall = on\nload\nlight.hall = on {b: null}",
        [],
    ),
    Case(
        "an attribute that is a list",
        E + ", attribute: l}",
        "light.hall = on {l: [1]}\nload\nlight.hall = on {l: [1]}\nlight.hall = on {l: [1, 2]}",
        [[1, 2]],
        "{{ trigger.to_state.attributes.l }}",
    ),
    Case(
        "an attribute that is a mapping",
        E + ", attribute: l}",
        "light.hall = on {l: {a: 1}}\nload\nlight.hall = on {l: {a: 2}}",
        [2],
        "{{ trigger.to_state.attributes.l.a }}",
    ),
    Case("true is not 1", E + ", attribute: l, to: 1}", "light.hall = on {l: true}", []),
    Case(
        "a removal ends the hold, the return begins one",
        E + ", to: on, for: 10}",
        "light.hall = on\nwait 5\nremove light.hall\nlight.hall = on\nwait 5\nwait 5",
        ["09:00:15"],
        "{{ now().strftime('%H:%M:%S') }}",
    ),
    Case(
        "attributes alone begin a hold of a bare trigger",
        E + ", for: 10}",
        "light.hall = on\nload\nlight.hall = on {b: 1}\nwait 10",
        ["09:00:10"],
        "{{ now().strftime('%H:%M:%S') }}",
    ),
    Case(
        "while a bound is unavailable the number is outside",
        "{trigger: numeric_state, entity_id: sensor.t, above: sensor.b}",
        "sensor.b = unavailable\nsensor.t = 9\nload\nsensor.t = 11\nsensor.b = 10\nsensor.t = 12",
        ["12"],
    ),
    Case(
        "unavailable has no attributes, so it arms",
        "{trigger: numeric_state, entity_id: sensor.t, attribute: a, above: 10}",
        "sensor.t = x {a: 11}\nload\nsensor.t = unavailable\nsensor.t = x {a: 12}",
        ["x"],
    ),
)
async def test_the_rest(case: Case) -> None:
    assert await observed(case) == case.told
