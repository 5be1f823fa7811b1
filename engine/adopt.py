"""How a new book takes over from the old one: what to write so that both the files and what is under way are honoured.

Design decision 3: editing a rule keeps its runs and drops the holds of changed triggers only; removing or disabling it
cancels its runs and holds; a rule loaded later, or switched on again, does not fire for the past.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from engine.due import first_instants
from engine.match import Matcher, watched_by
from engine.records import Changes, Drop, DueRecord, MemoryRecord, ProgramRecord, RuleRecord
from engine.resolved import RESOLVED, fired_place
from engine.rules.model import Program, content_hash
from engine.rules.program import all_of, starts_on
from engine.states import Snapshot
from engine.values import Json
from engine.watches import WAITS, Place

Contents = Mapping[Place, str]


def adoption(
    matcher: Matcher,
    programs: Mapping[str, Program],
    rules: Mapping[str, RuleRecord],
    known: Contents,
    dues: Iterable[DueRecord],
    view: Snapshot,
    off: Collection[str] = (),
    unknown: Collection[str] = (),
) -> Changes:
    """What must be written before these programs can be attached.

    `rules` are the rules so far, `known` the triggers that listened before, `dues` the holds and schedules on disk,
    `off` the rules that are off, `unknown` those of them whose row is not to be written: it was changed, and may be put
    back.
    """
    watched = watched_by(listening(programs, off).values(), view)
    changes = Changes()
    for program in programs.values():
        before = rules.get(program.rule)
        if before is None or before.program != program.hash:
            changes.put.append(_kept(program, view))
        last = before.last_triggered if before else None
        record = RuleRecord(program.rule, program.hash, program.file, program.rule not in off, last)
        changes.put += [record] if record != before and program.rule not in unknown else []
    wanted = contents_of((program.rule, program.body) for program in programs.values() if program.rule not in off)
    same = {place for place, content in wanted.items() if known.get(place) == content}
    others = (key for key in matcher.remembered() if not key[0].startswith(WAITS))
    same |= {fired_place(place) for place in same if programs[place[0]].body.get(RESOLVED)}
    forgotten = [key for key in others if key[:2] not in same]
    fresh = [watched[place] for place in wanted.keys() - same if place in watched]
    armed = [record for each in fresh for record in matcher.arm(each, view)]
    replaced = {(record.rule, record.trigger, record.subject) for record in armed}
    begun = [row for each in fresh for row in matcher.begun(each, view)]
    changes.put += [*armed, *begun]
    changes.drop += [Drop(MemoryRecord, key) for key in forgotten if key not in replaced]
    rows = {row.key: row for row in dues}
    anew = {row.key for row in begun}
    holds = [row for row in rows.values() if row.kind == "hold" and row.key not in anew]
    gone = [row for row in holds if not row.data["rule"].startswith(WAITS) and _place(row) not in same]
    changes.drop += [Drop(DueRecord, (row.key,)) for row in gone]
    schedules = {key: row for key, row in rows.items() if row.kind == "schedule"}
    changes.add(first_instants(watched.values(), schedules, view))
    changes.drop += [Drop(RuleRecord, (rule,)) for rule in rules if rule not in programs]
    return changes


def switched_off(programs: Mapping[str, Program], rules: Mapping[str, RuleRecord], *, starting: bool) -> frozenset[str]:
    """The rules that are off under a new book.

    Each stays as somebody switched it, unless its file says how it starts (`initial_state`) and it starts now: with the
    engine, or because it is new or has changed.
    """
    off = set()
    for rule, program in programs.items():
        before, starts = rules.get(rule), starts_on(program.body)
        starts_now = starting or before is None or before.program != program.hash
        is_on = starts if starts is not None and starts_now else before is None or before.enabled
        if not is_on:
            off.add(rule)
    return frozenset(off)


def ended_by_file(
    programs: Mapping[str, Program], rules: Mapping[str, RuleRecord], off: Collection[str]
) -> frozenset[str]:
    """The rules that their file has switched off just now, and whose runs end with that."""
    changed = (rule for rule in off if rule in rules and rules[rule].program != programs[rule].hash)
    return frozenset(rule for rule in changed if rules[rule].enabled)


def _place(hold: DueRecord) -> Place:
    return hold.data["rule"], hold.data["trigger"]


def listening(programs: Mapping[str, Program], off: Collection[str]) -> dict[str, Program]:
    """The same rules; those that are off keep their place, but hear nothing."""
    return {rule: replace(each, triggers=()) if rule in off else each for rule, each in programs.items()}


def contents_of(bodies: Iterable[tuple[str, Mapping[str, Json]]]) -> dict[Place, str]:
    """The triggers of these rules by rule and key, with a hash of what each says; those inside others as well."""
    return {
        (rule, trigger["key"]): content_hash({name: trigger.get(name) for name in ("trigger", "with", "enabled")})
        for rule, body in bodies
        for trigger in all_of(body["triggers"])
    }


def _kept(program: Program, view: Snapshot) -> ProgramRecord:
    return ProgramRecord(program.hash, program.rule, program.body, program.file, program.line, program.text, view.now)
