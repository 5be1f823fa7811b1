"""What happens at a time: ends of delays, holds and retries, and the instants of schedules (promises P2 and P3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.clock import Alarm, Clock, Ids
from engine.entity import change
from engine.intake import Intake
from engine.journal.api import Journal
from engine.later import changes_of
from engine.log import Log
from engine.match import Matcher, Reaction, instants
from engine.missed import turn
from engine.reactions import Reactions
from engine.records import Changes, Done, Drop, DueRecord, EffectRecord, Expect, InboxRecord, Update
from engine.runs.quiet import AGAIN, was_held
from engine.states import Heard, Snapshot, heard
from engine.values import Fact, Json, SetState
from engine.wake import Wake
from engine.watches import WAITS, Watched, Watcher

BATCH = 500
IN_TURN = frozenset(("schedule", "later"))
"""What these decide on changes with each of them."""
LOOK_UP = timedelta(minutes=2)
"""How long a look-up of an unsure send may take before it is made again."""


class Due:
    """Turns due rows into inbox rows, events and wakes; each row is gone in the same commit."""

    def __init__(
        self,
        journal: Journal,
        matcher: Matcher,
        reactions: Reactions,
        intake: Intake,
        clock: Clock,
        ids: Ids,
        alarm: Alarm,
        inbox: Wake[InboxRecord],
        effects: Wake[EffectRecord],
        settles: Wake[DueRecord],
        log: Log,
    ) -> None:
        self._journal = journal
        self._matcher = matcher
        self._reactions = reactions
        self._intake = intake
        self._clock = clock
        self._ids = ids
        self._alarm = alarm
        self._inbox = inbox
        self._effects = effects
        self._settles = settles
        self._log = log
        self.wake: Wake[None] = Wake()
        self._kinds: dict[str, Callable[[DueRecord], Any]] = {
            "run": self._run,
            "hold": self._hold,
            "effect": self._effect,
            "cooldown": self._cooldown,
            "schedule": self._schedule,
            "later": self._later,
            "settle": self._settle,
        }

    async def work(self) -> bool:
        """Does everything that is due now; false when nothing was."""
        self.wake.take()
        rows = await self._journal.due_before(self._clock.now(), BATCH)
        in_turn = [row for row in rows if row.kind in IN_TURN]
        await asyncio.gather(*[self._kinds[row.kind](row) for row in rows if row.kind not in IN_TURN])
        for row in in_turn:
            await self._kinds[row.kind](row)
        if len(rows) == BATCH:
            self.wake.say()
        self._alarm.at("due", await self._journal.next_due(), self.wake.say)
        return bool(rows)

    async def _run(self, row: DueRecord) -> None:
        late = (self._clock.now() - row.at).total_seconds()
        data: dict[str, Json] = {"late": late}
        if row.data["kind"] == "timeout":
            data["last"] = await self._last(row.data["run"], row.data["token"])
        message = InboxRecord(self._ids.row_id(), row.data["run"], row.data["token"], row.data["kind"], data)
        if await self._once(row, Changes(put=[message])):
            self._inbox.say(message)

    async def _last(self, run: str, token: str) -> str:
        """Why what the step of a run asked for has not been done, as the last try of it told."""
        sends = await self._journal.sends(run=run, states=("queued", "waiting", "unsure"))
        reasons = [effect.reason for effect in reversed(sends) if effect.token == token and effect.reason]
        return "; ".join(dict.fromkeys(reasons))

    async def _hold(self, row: DueRecord) -> None:
        view, changes = self._intake.view(), Changes()
        reaction = self._matcher.held(row, view)
        reactions = self._reactions.to([], changes, view, [reaction] if reaction is not None else [])
        await self._reacted(row, changes, reactions, view)

    async def _effect(self, row: DueRecord) -> None:
        """What waited is queued again in the same commit, so that a sweep finds it whatever happens next."""
        effect = await self._journal.get(EffectRecord, (row.data["op_id"],))
        if effect is None or effect.state != "waiting":
            await self._once(row, Changes())
            return
        if was_held(effect):
            await self._held_effect(row, effect)
            return
        values = {"state": "queued", "due": None}
        guard = Expect(EffectRecord, (effect.op_id,), {"state": "waiting"})
        if await self._once(row, Changes(expect=[guard], update=[Update(EffectRecord, (effect.op_id,), values)])):
            self._effects.say(effect._replace(state="queued", due=None))

    async def _held_effect(self, row: DueRecord, effect: EffectRecord) -> None:
        """Quiet hours are over for what they held: its run looks again whether it still should leave."""
        told = {"op_id": effect.op_id}
        message = InboxRecord(self._ids.row_id(), effect.run, effect.token, AGAIN, told)
        if await self._once(row, Changes(put=[message])):
            self._inbox.say(message)

    async def _settle(self, row: DueRecord) -> None:
        """Has an unsure send looked up; until that has an answer the row stays, or else a restart would forget it."""
        later = row._replace(at=self._clock.now() + LOOK_UP)
        if await self._once(row, Changes(put=[later]), keep=True):
            self._settles.say(later)

    async def _cooldown(self, row: DueRecord) -> None:
        """The rule may run again: that its row is gone says so."""
        await self._once(row, Changes())

    async def _schedule(self, row: DueRecord) -> None:
        found = self._matcher.watches.schedules.get(row.key)
        if found is None:
            await self._once(row, Changes())
            return
        watcher, schedule = found
        view = self._intake.view()
        now = turn(schedule.calendar, row.at, view.now, _missed(watcher))
        fact = Fact("due", schedule.key, {"at": row.at.astimezone(UTC).isoformat()}, row.at)
        changes = Changes(put=[row._replace(at=now.following)] if now.following is not None else [])
        facts = [Heard(("due", row.key), fact, view.frozen())] if now.fires else []
        reactions = self._reactions.to(facts, changes, view)
        if await self._reacted(row, changes, reactions, view, keep=now.following is not None):
            say = self._log.warning if now.reason else self._log.debug
            more = {"reason": now.reason} if now.reason else {}
            say("schedule", rule=watcher.program.rule, at=row.at, next=now.following, **more)
            if now.following is not None and now.following <= view.now:
                self.wake.say()

    async def _later(self, row: DueRecord) -> None:
        """What an action put off to this time, such as the end of a timer."""
        view, changes = self._intake.view(), Changes()
        depth, cause = row.data.get("depth", 0), row.data.get("cause", "")
        facts = []
        for each in changes_of(row):
            if isinstance(each, SetState):
                moved = change(each, view, changes, depth, cause)
                facts += [moved] if moved is not None else []
            else:
                told = Fact("event", each.event_type, each.data, view.now, depth=depth, cause=cause)
                facts.append(heard(told, view.frozen()))
        if not await self._reacted(row, changes, self._reactions.to(facts, changes, view), view):
            self.wake.say()

    async def _reacted(
        self, row: DueRecord, changes: Changes, reactions: list[Reaction], view: Snapshot, keep: bool = False
    ) -> bool:
        """Commits what the rules make of a due row, together with its end."""
        for reaction in reactions:
            changes.add(reaction.changes)
        is_written = False
        try:
            is_written = await self._once(row, changes, keep)
        finally:
            if not is_written:
                await self._reactions.lost(reactions)
        if is_written:
            self._reactions.written(reactions, changes, view)
        return is_written

    async def _once(self, row: DueRecord, changes: Changes, keep: bool = False) -> bool:
        """Commits what the row sets off, together with its end, if it stands as it was read."""
        changes.expect.append(Expect(DueRecord, (row.key,), {"at": row.at}))
        if not keep:
            changes.drop.append(Drop(DueRecord, (row.key,)))
        return isinstance(await self._journal.commit(changes), Done)


def _missed(watcher: Watcher) -> str:
    """What the rule says of missed instants; it does not speak of what only asks for the time, or of waits."""
    if watcher.waiting is not None or not watcher.use.plugin.keeps_time:
        return "once"
    return str(watcher.program.body.get("missed", "once"))


def first_instants(watched: Iterable[Watched], rows: Mapping[str, DueRecord], view: Snapshot) -> Changes:
    """Brings the schedules' due rows in line with the rules: new ones begin, those of removed triggers end.

    A row in the past stays: it was missed while the daemon was down, and `missed` says what becomes of it. Rows of runs
    that wait for a trigger are their own affair.
    """
    wanted = {key: row for each in watched for key, row in instants(each, view).items()}
    changes = Changes()
    for key, due in wanted.items():
        row = rows.get(key)
        if (row is None or row.at > view.now) and due is not None and (row is None or row.at != due.at):
            changes.put.append(due)
    gone = (key for key in rows if key not in wanted and not key.startswith(f"schedule/{WAITS}"))
    changes.drop += [Drop(DueRecord, (key,)) for key in gone]
    return changes


class SchedulerAlarm:
    """Rings by APScheduler's AsyncIOScheduler: memory job store, UTC, and a real grace time (design decision 8)."""

    def __init__(self) -> None:
        from apscheduler.schedulers.asyncio import AsyncIOScheduler  # imported here: it costs start-up time

        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.start()
        self._set: dict[str, datetime] = {}

    def at(self, name: str, when: datetime | None, ring: Callable[[], None]) -> None:
        """Sets, moves or silences the ring of this name."""
        if self._set.get(name) == when:
            return
        if when is None:
            del self._set[name]
            with suppress(LookupError):  # it is about to ring
                self._scheduler.remove_job(name)
            return
        self._set[name] = when
        self._scheduler.add_job(
            self._ring,
            "date",
            (name, ring),
            run_date=when,
            id=name,
            replace_existing=True,
            coalesce=True,
            misfire_grace_time=86_400,
        )

    async def _ring(self, name: str, ring: Callable[[], None]) -> None:
        # A coroutine, or else APScheduler calls it in a thread, and a wake is no good there.
        self._set.pop(name, None)
        ring()

    def close(self) -> None:
        """Stops ringing."""
        self._scheduler.shutdown(wait=False)
