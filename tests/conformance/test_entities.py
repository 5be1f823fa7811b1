"""Entities that files declare, as Home Assistant's users know them: counters, timers, inputs, template sensors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from engine.testing import World
from engine.values import Json
from tests.conformance.course import START, step


@dataclass(frozen=True, slots=True)
class Story:
    """A sentence, declarations on one line each, "
    "and a course; each line `see entity` or `see entity attribute` is seen",

    Beside the lines of a case there are `do action data`, which a rule does, `load declarations`, and `events type`,
    which sees how often there was such an event.
    """

    says: str
    declares: str
    course: str
    seen: list[Json]
    zone: str = "UTC"
    start: datetime = START


def stories(*given: Story) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("story", given, ids=[story.says for story in given])


async def seen(story: Story) -> list[Json]:
    """What the story's lines saw."""
    found: list[Json] = []
    lines = [line.strip() for line in story.course.strip().splitlines()]
    rules = "rules:\n" + "".join(_rule(number, line) for number, line in enumerate(lines) if line.startswith("do "))
    rules += "- {id: r, triggers: [], actions: [{delay: 1}]}\n"
    async with World(start=story.start, time_zone=story.zone) as w:
        if not any(line.startswith("load") for line in lines):
            await w.load({"a.yaml": f"{story.declares}\n{rules}"})
        for number, line in enumerate(lines):
            word, _, rest = line.partition(" ")
            if word == "do":
                await w.fire(f"do_{number}")
            elif word == "load":
                await w.load({"a.yaml": f"{rest or story.declares}\n{rules}"})
                await w.advance(6)
            elif word == "see":
                found.append(_sight(w, *rest.split()))
            elif word == "events":
                found.append(len(w.events(rest)))
            elif word == "outcome":
                found.append(w.runs()[-1].outcome)
            else:
                await step(w, line, "")
    return found


def _rule(number: int, line: str) -> str:
    _, action, *data = line.split(" ", 2)
    given = f", data: {data[0]}" if data else ""
    return (
        f"- {{id: do_{number}, triggers: {{trigger: event, event_type: do_{number}}}, "
        f"actions: [{{action: {action}{given}}}]}}\n"
    )


def _sight(w: World, entity: str, attribute: str = "") -> Any:
    state = w.state(entity)
    if state is None:
        return None
    return state.attributes.get(attribute) if attribute else state.state


C = "counter: {c: {}}"
UP, DOWN, BACK = (f"do counter.{what} {{entity_id: counter.c}}" for what in ("increment", "decrement", "reset"))


@stories(
    Story("a counter begins at 0", C, "see counter.c", ["0"]),
    Story("without anything below its name", "counter: {c: }", "see counter.c", ["0"]),
    Story("a counter counts up", C, f"{UP}\n{UP}\nsee counter.c", ["2"]),
    Story("and down, below 0 too", C, f"{DOWN}\nsee counter.c", ["-1"]),
    Story("and back", "counter: {c: {initial: 10}}", f"{UP}\nsee counter.c\n{BACK}\nsee counter.c", ["11", "10"]),
    Story(
        "in steps",
        "counter: {c: {initial: 10, step: 5}}",
        f"{UP}\nsee counter.c\n{DOWN}\n{DOWN}\nsee counter.c",
        ["15", "5"],
    ),
    Story(
        "it stops at its maximum", "counter: {c: {initial: 9, step: 5, maximum: 10}}", f"{UP}\nsee counter.c", ["10"]
    ),
    Story(
        "it stops at its minimum", "counter: {c: {initial: 2, step: 5, minimum: 0}}", f"{DOWN}\nsee counter.c", ["0"]
    ),
    Story(
        "its attributes",
        "counter: {c: {initial: 10, step: 5, minimum: 0, maximum: 100, name: A name, icon: 'mdi:x'}}",
        "see counter.c initial\nsee counter.c step\nsee counter.c minimum\nsee counter.c maximum\n"
        "see counter.c friendly_name\nsee counter.c icon\nsee counter.c editable",
        [10, 5, 0, 100, "A name", "mdi:x", False],
    ),
    Story(
        "bounds that are not given are no attributes", C, "see counter.c minimum\nsee counter.c maximum", [None, None]
    ),
    Story("it is set", C, "do counter.set_value {entity_id: counter.c, value: 7}\nsee counter.c", ["7"]),
    Story(
        "it is set by a template",
        C,
        'do counter.set_value {entity_id: counter.c, value: "{{ 3 + 4 }}"}\nsee counter.c',
        ["7"],
    ),
    Story("it is set by text", C, 'do counter.set_value {entity_id: counter.c, value: "7"}\nsee counter.c', ["7"]),
    Story(
        "not above its maximum",
        "counter: {c: {maximum: 5}}",
        "do counter.set_value {entity_id: counter.c, value: 7}\nsee counter.c\noutcome",
        ["0", "error"],
    ),
    Story(
        "not below its minimum",
        "counter: {c: {minimum: 0}}",
        "do counter.set_value {entity_id: counter.c, value: -1}\nsee counter.c\noutcome",
        ["0", "error"],
    ),
    Story(
        "only to a multiple of its step",
        "counter: {c: {step: 5}}",
        "do counter.set_value {entity_id: counter.c, value: 7}\nsee counter.c\noutcome",
        ["0", "error"],
    ),
    Story(
        "two counters at once",
        "counter: {c: {}, d: {}}",
        "do counter.increment {entity_id: [counter.c, counter.d]}\nsee counter.c\nsee counter.d",
        ["1", "1"],
    ),
    Story(
        "all counters",
        "counter: {c: {}, d: {}}",
        "do counter.increment {entity_id: all}\nsee counter.c\nsee counter.d",
        ["1", "1"],
    ),
    Story(
        "counters in a text with commas",
        "counter: {c: {}, d: {}}",
        "do counter.increment {entity_id: 'counter.c, counter.d'}\nsee counter.d",
        ["1"],
    ),
    Story("it is restored", C, f"{UP}\nrestart\nsee counter.c", ["1"]),
    Story("restored even with an initial value", "counter: {c: {initial: 5}}", f"{UP}\nrestart\nsee counter.c", ["6"]),
    Story(
        "not restored where it says so",
        "counter: {c: {initial: 5, restore: false}}",
        f"{UP}\nrestart\nsee counter.c",
        ["5"],
    ),
    Story("a reload keeps its count", C, f"load\n{UP}\nload\nsee counter.c", ["1"]),
    Story(
        "a reload with a lower maximum",
        C,
        f"load\n{UP}\n{UP}\n{UP}\nload counter: {{c: {{maximum: 2}}}}\nsee counter.c\nsee counter.c maximum",
        ["2", 2],
    ),
    Story(
        "a reload without it takes it away", C, "load\nload counter: {d: {}}\nsee counter.c\nsee counter.d", [None, "0"]
    ),
    Story(
        "counting at the bound changes nothing",
        "counter: {c: {maximum: 0}}",
        f"{UP}\nsee counter.c\noutcome",
        ["0", "finished"],
    ),
)
async def test_counter(story: Story) -> None:
    assert await seen(story) == story.seen


B = "input_boolean: {b: {}}"


@stories(
    Story("a switch begins off", B, "see input_boolean.b", ["off"]),
    Story("or as it says", "input_boolean: {b: {initial: true}}", "see input_boolean.b", ["on"]),
    Story("or in words", "input_boolean: {b: {initial: on}}", "see input_boolean.b", ["on"]),
    Story("turned on", B, "do input_boolean.turn_on {entity_id: input_boolean.b}\nsee input_boolean.b", ["on"]),
    Story(
        "turned off",
        "input_boolean: {b: {initial: true}}",
        "do input_boolean.turn_off {entity_id: input_boolean.b}\nsee input_boolean.b",
        ["off"],
    ),
    Story(
        "toggled twice",
        B,
        "do input_boolean.toggle {entity_id: input_boolean.b}\nsee input_boolean.b\n"
        "do input_boolean.toggle {entity_id: input_boolean.b}\nsee input_boolean.b",
        ["on", "off"],
    ),
    Story(
        "through homeassistant.turn_on",
        B,
        "do homeassistant.turn_on {entity_id: input_boolean.b}\nsee input_boolean.b",
        ["on"],
    ),
    Story(
        "through homeassistant.toggle",
        B,
        "do homeassistant.toggle {entity_id: input_boolean.b}\nsee input_boolean.b",
        ["on"],
    ),
    Story(
        "its name and icon",
        "input_boolean: {b: {name: Holidays, icon: 'mdi:x'}}",
        "see input_boolean.b friendly_name\nsee input_boolean.b icon",
        ["Holidays", "mdi:x"],
    ),
    Story(
        "it is restored",
        B,
        "do input_boolean.turn_on {entity_id: input_boolean.b}\nrestart\nsee input_boolean.b",
        ["on"],
    ),
    Story(
        "an initial value wins at a start",
        "input_boolean: {b: {initial: false}}",
        "do input_boolean.turn_on {entity_id: input_boolean.b}\nrestart\nsee input_boolean.b",
        ["off"],
    ),
    Story(
        "but not at a reload",
        "input_boolean: {b: {initial: false}}",
        "load\ndo input_boolean.turn_on {entity_id: input_boolean.b}\n"
        "load input_boolean: {b: {initial: false, name: x}}\nsee input_boolean.b",
        ["on"],
    ),
    Story(
        "turning on what is on changes nothing",
        "input_boolean: {b: {initial: true}}",
        "do input_boolean.turn_on {entity_id: input_boolean.b}\nsee input_boolean.b\noutcome",
        ["on", "finished"],
    ),
    Story(
        "all of them",
        "input_boolean: {b: {}, c: {}}",
        "do input_boolean.turn_on {entity_id: all}\nsee input_boolean.c",
        ["on"],
    ),
)
async def test_input_boolean(story: Story) -> None:
    assert await seen(story) == story.seen


N = "input_number: {n: {min: 0, max: 100}}"
ENTITY = "entity_id: input_number.n"


@stories(
    Story("a number begins at its smallest", "input_number: {n: {min: 10, max: 100}}", "see input_number.n", ["10.0"]),
    Story("or as it says", "input_number: {n: {min: 0, max: 100, initial: 50}}", "see input_number.n", ["50.0"]),
    Story("it is set", N, f"do input_number.set_value {{{ENTITY}, value: 30}}\nsee input_number.n", ["30.0"]),
    Story("with a fraction", N, f"do input_number.set_value {{{ENTITY}, value: 30.4}}\nsee input_number.n", ["30.4"]),
    Story("by text", N, f"do input_number.set_value {{{ENTITY}, value: '30.4'}}\nsee input_number.n", ["30.4"]),
    Story(
        "by a template",
        N,
        f"do input_number.set_value {{{ENTITY}, value: '{{{{ 20 * 2 }}}}'}}\nsee input_number.n",
        ["40.0"],
    ),
    Story(
        "not beyond its bounds",
        N,
        f"do input_number.set_value {{{ENTITY}, value: 101}}\nsee input_number.n\noutcome",
        ["0.0", "error"],
    ),
    Story(
        "up by its step",
        "input_number: {n: {min: 0, max: 100, step: 5, initial: 50}}",
        f"do input_number.increment {{{ENTITY}}}\nsee input_number.n",
        ["55.0"],
    ),
    Story(
        "down by its step",
        "input_number: {n: {min: 0, max: 100, step: 0.5, initial: 50}}",
        f"do input_number.decrement {{{ENTITY}}}\nsee input_number.n",
        ["49.5"],
    ),
    Story(
        "up to its largest",
        "input_number: {n: {min: 0, max: 100, step: 7, initial: 98}}",
        f"do input_number.increment {{{ENTITY}}}\nsee input_number.n",
        ["100.0"],
    ),
    Story(
        "down to its smallest",
        "input_number: {n: {min: 0, max: 100, initial: 0.5}}",
        f"do input_number.decrement {{{ENTITY}}}\nsee input_number.n",
        ["0.0"],
    ),
    Story(
        "its attributes",
        "input_number: {n: {min: 0, max: 100, unit_of_measurement: kg, mode: box}}",
        "see input_number.n min\nsee input_number.n max\nsee input_number.n step\nsee input_number.n mode\n"
        "see input_number.n unit_of_measurement\nsee input_number.n initial",
        [0.0, 100.0, 1.0, "box", "kg", None],
    ),
    Story(
        "it is restored", N, f"do input_number.set_value {{{ENTITY}, value: 30}}\nrestart\nsee input_number.n", ["30.0"]
    ),
    Story(
        "an initial value wins at a start",
        "input_number: {n: {min: 0, max: 100, initial: 50}}",
        f"do input_number.set_value {{{ENTITY}, value: 30}}\nrestart\nsee input_number.n",
        ["50.0"],
    ),
    Story(
        "a reload keeps it",
        N,
        f"load\ndo input_number.set_value {{{ENTITY}, value: 30}}\nload\nsee input_number.n",
        ["30.0"],
    ),
)
async def test_input_number(story: Story) -> None:
    assert await seen(story) == story.seen


def text(value: str) -> str:
    return f"do input_text.set_value {{entity_id: input_text.t, value: {value}}}"


@stories(
    Story("a text begins unknown", "input_text: {t: {}}", "see input_text.t", ["unknown"]),
    Story("or as it says", "input_text: {t: {initial: hello}}", "see input_text.t", ["hello"]),
    Story("it is set", "input_text: {t: {}}", f"{text('hello')}\nsee input_text.t", ["hello"]),
    Story("to nothing", "input_text: {t: {initial: hello}}", text("''") + "\nsee input_text.t", [""]),
    Story("to a number", "input_text: {t: {}}", f"{text('5')}\nsee input_text.t", ["5"]),
    Story("by a template", "input_text: {t: {}}", text("\"{{ 'a' ~ 1 }}\"") + "\nsee input_text.t", ["a1"]),
    Story(
        "one that is too long leaves it, and the run goes on",
        "input_text: {t: {max: 3, initial: abc}}",
        f"{text('abcd')}\nsee input_text.t\noutcome",
        ["abc", "finished"],
    ),
    Story(
        "one that is too short leaves it",
        "input_text: {t: {min: 3, initial: abc}}",
        f"{text('ab')}\nsee input_text.t",
        ["abc"],
    ),
    Story(
        "the pattern does not matter to actions",
        "input_text: {t: {pattern: '[0-9]+'}}",
        f"{text('abc')}\nsee input_text.t",
        ["abc"],
    ),
    Story(
        "its attributes",
        "input_text: {t: {min: 1, max: 10, mode: password, pattern: 'x*'}}",
        "see input_text.t min\nsee input_text.t max\nsee input_text.t mode\nsee input_text.t pattern",
        [1, 10, "password", "x*"],
    ),
    Story(
        "what it has by itself",
        "input_text: {t: {}}",
        "see input_text.t min\nsee input_text.t max\nsee input_text.t mode\nsee input_text.t pattern",
        [0, 100, "text", None],
    ),
    Story("it is restored", "input_text: {t: {}}", f"{text('hello')}\nrestart\nsee input_text.t", ["hello"]),
    Story(
        "an initial value wins at a start",
        "input_text: {t: {initial: a}}",
        f"{text('hello')}\nrestart\nsee input_text.t",
        ["a"],
    ),
)
async def test_input_text(story: Story) -> None:
    assert await seen(story) == story.seen


def when(data: str) -> str:
    return f"do input_datetime.set_datetime {{entity_id: input_datetime.d, {data}}}"


BOTH = "input_datetime: {d: {has_date: true, has_time: true}}"
DAY = "input_datetime: {d: {has_date: true}}"
CLOCK = "input_datetime: {d: {has_time: true}}"


@stories(
    Story("a date begins today", DAY, "see input_datetime.d", ["2026-03-02"]),
    Story("a time begins at midnight", CLOCK, "see input_datetime.d", ["00:00:00"]),
    Story("both begin today at midnight", BOTH, "see input_datetime.d", ["2026-03-02 00:00:00"]),
    Story(
        "an initial time",
        "input_datetime: {d: {has_time: true, initial: '07:46'}}",
        "see input_datetime.d",
        ["07:46:00"],
    ),
    Story(
        "an initial date",
        "input_datetime: {d: {has_date: true, initial: '2026-05-01'}}",
        "see input_datetime.d",
        ["2026-05-01"],
    ),
    Story(
        "an initial date and time",
        "input_datetime: {d: {has_date: true, has_time: true, initial: '2026-05-01 10:00'}}",
        "see input_datetime.d",
        ["2026-05-01 10:00:00"],
    ),
    Story("a time is set", CLOCK, when("time: '06:45:30'") + "\nsee input_datetime.d", ["06:45:30"]),
    Story("a time without seconds", CLOCK, when("time: '06:45'") + "\nsee input_datetime.d", ["06:45:00"]),
    Story("a date is set", DAY, when("date: '2026-05-01'") + "\nsee input_datetime.d", ["2026-05-01"]),
    Story(
        "both are set",
        BOTH,
        when("datetime: '2026-05-01 10:00:00'") + "\nsee input_datetime.d",
        ["2026-05-01 10:00:00"],
    ),
    Story(
        "both in parts",
        BOTH,
        when("date: '2026-05-01', time: '10:00'") + "\nsee input_datetime.d",
        ["2026-05-01 10:00:00"],
    ),
    Story(
        "the date alone keeps the time",
        BOTH,
        when("datetime: '2026-05-01 10:00:00'") + "\n" + when("date: '2026-06-01'") + "\nsee input_datetime.d",
        ["2026-06-01 10:00:00"],
    ),
    Story(
        "the time alone keeps the date",
        BOTH,
        when("datetime: '2026-05-01 10:00:00'") + "\n" + when("time: '11:30'") + "\nsee input_datetime.d",
        ["2026-05-01 11:30:00"],
    ),
    Story("by seconds", BOTH, when("timestamp: 1772442000") + "\nsee input_datetime.d", ["2026-03-02 09:00:00"]),
    Story(
        "by seconds in local time",
        BOTH,
        when("timestamp: 1772442000") + "\nsee input_datetime.d",
        ["2026-03-02 14:30:00"],
        "Asia/Kolkata",
    ),
    Story(
        "by a template of text",
        BOTH,
        when("datetime: \"{{ now().strftime('%Y-%m-%d %H:%M:%S') }}\"") + "\nsee input_datetime.d",
        ["2026-03-02 09:00:00"],
    ),
    Story(
        "by a template of a date",
        BOTH,
        when('datetime: "{{ now() + timedelta(hours=1) }}"') + "\nsee input_datetime.d",
        ["2026-03-02 10:00:00"],
    ),
    Story(
        "a date with a zone is shown in local time",
        BOTH,
        when("datetime: '2026-03-02T09:00:00+00:00'") + "\nsee input_datetime.d",
        ["2026-03-02 14:30:00"],
        "Asia/Kolkata",
    ),
    Story(
        "a whole date and time sets the date alone",
        DAY,
        when("datetime: '2026-05-01 10:00:00'") + "\nsee input_datetime.d",
        ["2026-05-01"],
    ),
    Story(
        "a time for a date is refused",
        DAY,
        when("time: '10:00'") + "\nsee input_datetime.d\noutcome",
        ["2026-03-02", "error"],
    ),
    Story(
        "the parts of a time",
        CLOCK,
        when("time: '06:45:30'")
        + "\nsee input_datetime.d hour\nsee input_datetime.d minute\nsee input_datetime.d second"
        + "\nsee input_datetime.d timestamp\nsee input_datetime.d has_date",
        [6, 45, 30, 24330, False],
    ),
    Story(
        "the parts of both",
        BOTH,
        when("datetime: '2026-05-01 10:00:00'")
        + "\nsee input_datetime.d year\nsee input_datetime.d month\nsee input_datetime.d day"
        + "\nsee input_datetime.d hour\nsee input_datetime.d timestamp",
        [2026, 5, 1, 10, 1777629600.0],
    ),
    Story("it is restored", CLOCK, when("time: '06:45'") + "\nrestart\nsee input_datetime.d", ["06:45:00"]),
    Story(
        "an initial value wins at a start",
        "input_datetime: {d: {has_time: true, initial: '07:00'}}",
        when("time: '06:45'") + "\nrestart\nsee input_datetime.d",
        ["07:00:00"],
    ),
)
async def test_input_datetime(story: Story) -> None:
    assert await seen(story) == story.seen


T = "timer: {t: {duration: '00:01:00'}}"
START_IT, PAUSE, CANCEL, FINISH = (
    f"do timer.{what} {{entity_id: timer.t}}" for what in ("start", "pause", "cancel", "finish")
)


def start_for(duration: str) -> str:
    return f"do timer.start {{entity_id: timer.t, duration: {duration}}}"


def change(duration: str) -> str:
    return f"do timer.change {{entity_id: timer.t, duration: {duration}}}"


@stories(
    Story(
        "a timer begins idle",
        T,
        "see timer.t\nsee timer.t duration\nsee timer.t remaining\nsee timer.t finishes_at",
        ["idle", "0:01:00", None, None],
    ),
    Story("without a duration", "timer: {t: {}}", "see timer.t\nsee timer.t duration", ["idle", "0:00:00"]),
    Story("a duration in seconds", "timer: {t: {duration: 90}}", "see timer.t duration", ["0:01:30"]),
    Story("a duration as a mapping", "timer: {t: {duration: {minutes: 2}}}", "see timer.t duration", ["0:02:00"]),
    Story(
        "a timer is started",
        T,
        f"{START_IT}\nsee timer.t\nsee timer.t remaining\nsee timer.t finishes_at\nevents timer.started",
        ["active", "0:01:00", "2026-03-02T09:01:00+00:00", 1],
    ),
    Story(
        "and finishes",
        T,
        f"{START_IT}\nwait 60\nsee timer.t\nevents timer.finished\nsee timer.t remaining",
        ["idle", 1, None],
    ),
    Story("not before", T, f"{START_IT}\nwait 59\nsee timer.t\nevents timer.finished", ["active", 0]),
    Story(
        "for another time",
        T,
        f"{start_for('10')}\nsee timer.t duration\nwait 10\nsee timer.t\nsee timer.t duration",
        ["0:00:10", "idle", "0:01:00"],
    ),
    Story("for a time in text", T, start_for("'00:00:10'") + "\nwait 10\nsee timer.t", ["idle"]),
    Story("for a time of a template", T, start_for('"{{ 5 + 5 }}"') + "\nwait 10\nsee timer.t", ["idle"]),
    Story(
        "started again it begins anew",
        T,
        f"{START_IT}\nwait 30\n{START_IT}\nsee timer.t remaining\nwait 59\nsee timer.t\n"
        "events timer.restarted\nevents timer.started",
        ["0:01:00", "active", 1, 1],
    ),
    Story(
        "paused it keeps what is left",
        T,
        f"{START_IT}\nwait 20\n{PAUSE}\nsee timer.t\nsee timer.t remaining\nevents timer.paused\nwait 600\nsee timer.t",
        ["paused", "0:00:40", 1, "paused"],
    ),
    Story(
        "paused and started it goes on",
        T,
        f"{START_IT}\nwait 20\n{PAUSE}\nwait 600\n{START_IT}\nsee timer.t remaining\n"
        "events timer.restarted\nwait 40\nsee timer.t\nevents timer.finished",
        ["0:00:40", 1, "idle", 1],
    ),
    Story(
        "paused and started for another time",
        T,
        f"{START_IT}\nwait 20\n{PAUSE}\n{start_for('5')}\nwait 5\nsee timer.t",
        ["idle"],
    ),
    Story(
        "cancelled it does not finish",
        T,
        f"{START_IT}\nwait 20\n{CANCEL}\nsee timer.t\nwait 600\nevents timer.finished\nevents timer.cancelled",
        ["idle", 0, 1],
    ),
    Story(
        "cancelled while paused",
        T,
        f"{START_IT}\n{PAUSE}\n{CANCEL}\nsee timer.t\nsee timer.t remaining",
        ["idle", None],
    ),
    Story(
        "finished early",
        T,
        f"{START_IT}\nwait 20\n{FINISH}\nsee timer.t\nevents timer.finished\nwait 600\nevents timer.finished",
        ["idle", 1, 1],
    ),
    Story("finishing what is idle is nothing", T, f"{FINISH}\nevents timer.finished\noutcome", [0, "finished"]),
    Story(
        "finishing what is paused is nothing",
        T,
        f"{START_IT}\n{PAUSE}\n{FINISH}\nsee timer.t\nevents timer.finished",
        ["paused", 0],
    ),
    Story("pausing what is idle is nothing", T, f"{PAUSE}\nsee timer.t\nevents timer.paused", ["idle", 0]),
    Story(
        "made shorter",
        T,
        f"{START_IT}\n{change('-20')}\nsee timer.t remaining\nwait 40\nsee timer.t\nevents timer.changed",
        ["0:00:40", "idle", 1],
    ),
    Story("made shorter by text", T, f"{START_IT}\n" + change("'-00:00:20'") + "\nwait 40\nsee timer.t", ["idle"]),
    Story(
        "made longer again",
        T,
        f"{START_IT}\n{change('-20')}\n{change('10')}\nwait 49\nsee timer.t\nwait 1\nsee timer.t",
        ["active", "idle"],
    ),
    Story("not longer than it is", T, f"{START_IT}\n{change('20')}\noutcome\nwait 60\nsee timer.t", ["error", "idle"]),
    Story("changing what is idle is an error", T, f"{change('20')}\noutcome", ["error"]),
    Story(
        "it goes on over a restart, which is ours",
        T,
        f"{START_IT}\nwait 20\nrestart\nsee timer.t\nwait 40\nsee timer.t",
        ["active", "idle"],
    ),
    Story(
        "its attributes",
        "timer: {t: {duration: 5, name: Call, icon: 'mdi:x', restore: true}}",
        "see timer.t friendly_name\nsee timer.t icon\nsee timer.t restore\nsee timer.t editable",
        ["Call", "mdi:x", True, False],
    ),
    Story(
        "a reload keeps it running",
        T,
        f"load\n{START_IT}\nload timer: {{t: {{duration: '00:05:00'}}}}\nsee timer.t\nwait 60\nsee timer.t duration",
        ["active", "0:05:00"],
    ),
)
async def test_timer(story: Story) -> None:
    assert await seen(story) == story.seen


def sensor(more: str) -> str:
    return f"template: [{{sensor: [{{name: My Sensor, {more}}}]}}]"


S = "sensor.my_sensor"


@stories(
    Story("a template sensor", sensor('state: "{{ 1 + 1 }}"'), f"see {S}", ["2"]),
    Story(
        "it follows what it reads",
        sensor("state: \"{{ states('sensor.a') }}\""),
        f"see {S}\nsensor.a = x\nsee {S}",
        ["unknown", "x"],
    ),
    Story(
        "attributes of what it reads",
        sensor("state: \"{{ state_attr('sensor.a', 'n') }}\""),
        f"sensor.a = x {{n: 5}}\nsee {S}",
        ["5"],
    ),
    Story("true is text", sensor("state: \"{{ is_state('sensor.a', 'x') }}\""), f"sensor.a = x\nsee {S}", ["True"]),
    Story(
        "a timestamp is shown in UTC",
        sensor('state: "{{ as_datetime(0) }}", device_class: timestamp'),
        f"see {S}",
        ["1970-01-01T00:00:00+00:00"],
    ),
    Story(
        "its attributes are templates",
        sensor('state: "x", attributes: {n: "{{ states(\'sensor.a\') }}", m: 5}'),
        f"sensor.a = x\nsee {S} n\nsee {S} m",
        ["x", 5],
    ),
    Story("attributes keep their type", sensor('state: "x", attributes: {l: "{{ [1, 2] }}"}'), f"see {S} l", [[1, 2]]),
    Story(
        "unit and class",
        sensor('state: "{{ 5 }}", unit_of_measurement: kg, device_class: weight, state_class: measurement'),
        f"see {S} unit_of_measurement\nsee {S} device_class\nsee {S} state_class\nsee {S} friendly_name",
        ["kg", "weight", "measurement", "My Sensor"],
    ),
    Story(
        "not available",
        sensor("state: \"{{ 5 }}\", availability: \"{{ is_state('sensor.a', 'x') }}\""),
        f"see {S}\nsensor.a = x\nsee {S}\nsensor.a = y\nsee {S}",
        ["unavailable", "5", "unavailable"],
    ),
    Story(
        "a template that fails",
        sensor("state: \"{{ states('sensor.a') | int }}\""),
        f"see {S}\nsensor.a = 5\nsee {S}\nsensor.a = y\nsee {S}",
        ["unavailable", "5", "unavailable"],
    ),
    Story(
        "an attribute that fails",
        sensor('state: "x", attributes: {n: "{{ 1 / 0 }}"}'),
        f"see {S}\nsee {S} n",
        ["x", None],
    ),
    Story(
        "the time", sensor("state: \"{{ now().strftime('%H:%M') }}\""), f"see {S}\nwait 60\nsee {S}", ["09:00", "09:01"]
    ),
    Story("none is unknown", sensor('state: "{{ none }}"'), f"see {S}", ["unknown"]),
    Story(
        "this is the sensor itself",
        sensor('state: "{{ this.attributes.n | default(\'-\') }}", attributes: {n: "{{ this.entity_id }}"}'),
        f"see {S} n",
        [S],
    ),
    Story(
        "a sensor of a sensor",
        "template: [{sensor: [{name: A, state: \"{{ states('sensor.x') | int(0) + 1 }}\"}, {name: B, "
        "state: \"{{ states('sensor.a') | int(0) * 2 }}\"}]}]",
        "sensor.x = 4\nsee sensor.b",
        ["10"],
    ),
    Story(
        "several in several lists",
        "template: [{sensor: [{name: A, state: '1'}]}, {sensor: {name: B, state: '2'}}]",
        "see sensor.a\nsee sensor.b",
        ["1", "2"],
    ),
)
async def test_template_sensor(story: Story) -> None:
    assert await seen(story) == story.seen


@stories(
    Story(
        "a rule that resets a counter at two",
        "counter: {c: }\nautomation: [{id: x, mode: single, triggers: {trigger: state, "
        "entity_id: counter.c, to: '2'}, actions: [{action: counter.reset, "
        "target: {entity_id: counter.c}}]}]",
        "do counter.increment {entity_id: counter.c}\ndo counter.increment {entity_id: counter.c}\nsee counter.c",
        ["0"],
    ),
    Story(
        "declarations as Home Assistant's users write them",
        "input_boolean:\n  a:\n    name: A\n  b: null\ninput_number:\n  n:\n    name: N\n    min: 0\n"
        "    max: 10\n    step: 0.1",
        "see input_boolean.b\nsee input_number.n step",
        ["off", 0.1],
    ),
    Story(
        "a list of counters",
        "counter: {c: , d: }",
        "do counter.increment {entity_id: [counter.c, counter.d]}\nsee counter.d",
        ["1"],
    ),
    Story(
        "the entity by a template",
        "counter: {c: }",
        "do counter.increment {entity_id: \"{{ 'counter.' ~ 'c' }}\"}\nsee counter.c",
        ["1"],
    ),
    Story(
        "entities by a template",
        "counter: {c: , d: }",
        "do counter.increment {entity_id: \"{{ ['counter.c', 'counter.d'] }}\"}\nsee counter.d",
        ["1"],
    ),
    Story(
        "the timestamp of a date",
        "input_datetime: {d: {has_date: true, initial: '2026-03-05'}}",
        "see input_datetime.d timestamp",
        [1772668800.0],
    ),
    Story(
        "a time by a template",
        "input_datetime: {d: {has_time: true}}",
        'do input_datetime.set_datetime {entity_id: input_datetime.d, time: "{{ now().time() }}"}\n'
        "see input_datetime.d",
        ["09:00:00"],
    ),
    Story(
        "a fraction of a second is cut",
        "input_datetime: {d: {has_time: true}}",
        "do input_datetime.set_datetime {entity_id: input_datetime.d, "
        'time: "{{ (now() + timedelta(minutes=1, milliseconds=5)).time() }}"}\nsee input_datetime.d',
        ["09:01:00"],
    ),
    Story(
        "a date by a template",
        "input_datetime: {d: {has_date: true}}",
        'do input_datetime.set_datetime {entity_id: input_datetime.d, date: "{{ now().date() }}"}\n'
        "see input_datetime.d",
        ["2026-03-02"],
    ),
    Story(
        "both by now",
        "input_datetime: {d: {has_date: true, has_time: true}}",
        'do input_datetime.set_datetime {entity_id: input_datetime.d, datetime: "{{ now() }}"}\nsee input_datetime.d',
        ["2026-03-02 09:00:00"],
    ),
    Story(
        "both by a template of seconds",
        "input_datetime: {d: {has_date: true, has_time: true}}",
        "do input_datetime.set_datetime {entity_id: input_datetime.d, "
        'timestamp: "{{ now().timestamp() + 60 }}"}\nsee input_datetime.d',
        ["2026-03-02 09:01:00"],
    ),
    Story(
        "of both parts only what it holds",
        "input_datetime: {d: {has_time: true}}",
        "do input_datetime.set_datetime {entity_id: input_datetime.d, date: '2026-01-01', time: '10:00'}\n"
        "see input_datetime.d\noutcome",
        ["10:00:00", "finished"],
    ),
    Story(
        "a sensor's icon by a template",
        "template: [{sensor: [{name: X, icon: \"{{ 'mdi:' ~ 'x' }}\", state: '{{ 1 }}'}]}]",
        "see sensor.x icon",
        ["mdi:x"],
    ),
    Story(
        "a rule on the end of a timer",
        "timer: {t: {duration: 5}}\nautomation: [{id: x, triggers: {trigger: event, "
        "event_type: timer.finished}, actions: [{action: counter.increment, "
        "target: {entity_id: counter.c}}]}]\ncounter: {c: }",
        "do timer.start {entity_id: timer.t}\nwait 5\nsee counter.c",
        ["1"],
    ),
    Story(
        "a rule on the state of a timer",
        "timer: {t: {duration: 5}}\nautomation: [{id: x, triggers: {trigger: state, entity_id: timer.t, "
        "from: active, to: idle}, actions: [{action: counter.increment, "
        "target: {entity_id: counter.c}}]}]\ncounter: {c: }",
        "do timer.start {entity_id: timer.t}\nwait 5\nsee counter.c",
        ["1"],
    ),
    Story(
        "a timer made longer by text",
        "timer: {t: {duration: 60}}",
        "do timer.start {entity_id: timer.t}\nwait 30\n"
        "do timer.change {entity_id: timer.t, duration: '00:00:10'}\nsee timer.t remaining\nwait 39\n"
        "see timer.t\nwait 1\nsee timer.t",
        ["0:00:40", "active", "idle"],
    ),
    Story(
        "nought is no duration of one's own",
        "timer: {t: {duration: 60}}",
        "do timer.start {entity_id: timer.t, duration: 0}\nsee timer.t remaining",
        ["0:01:00"],
    ),
    Story("a timer of a day", "timer: {t: {duration: '24:00:00'}}", "see timer.t duration", ["24:00:00"]),
    Story("a smallest value below nought", "input_number: {n: {min: -10, max: 10}}", "see input_number.n", ["-10.0"]),
)
async def test_together(story: Story) -> None:
    assert await seen(story) == story.seen


@pytest.mark.parametrize(
    "declares",
    [
        "counter: {c: {initial: -1}}",
        "counter: {c: {step: -1}}",
        "counter: {c: {minimum: 5, maximum: 1}}",
        "counter: {'A b': {}}",
        "counter: {c: {nonsense: 1}}",
        "input_boolean: {b: {initial: maybe}}",
        "input_number: {n: {min: 5, max: 1}}",
        "input_number: {n: {min: 5}}",
        "input_number: {n: {min: 1, max: 5, initial: 9}}",
        "input_text: {t: {min: 5, max: 1}}",
        "input_text: {t: {min: 5, initial: a}}",
        "input_text: {t: {max: 300}}",
        "input_datetime: {d: {}}",
        "input_datetime: {d: {has_time: true, initial: x}}",
        "timer: {t: {duration: x}}",
        "timer: {t: {duration: -5}}",
    ],
)
async def test_a_declaration_that_cannot_be_is_a_problem(declares: str) -> None:
    async with World() as w:
        await w.load({"a.yaml": f"{declares}\n"})
        assert w.problems
