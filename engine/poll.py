"""Asks connections again and again: one request for all rules that need its answer (design decision 9)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from engine.clock import Alarm, Clock
from engine.intake import Intake
from engine.journal.api import JournalError
from engine.log import Log
from engine.match import Matcher
from engine.notices import Notices
from engine.outages import POLL, Outages
from engine.plugin import Connection, Operation
from engine.states import States
from engine.values import Accepted, Fact, Json, Outcome, Refused, SetState, Unsure, Waiting
from engine.wake import Wake
from engine.watches import SharedPoll

AT_ONCE = 32
STALLED = timedelta(days=7)
GIVEN_UP = ("gone", "stalled")


class Polls:
    """Keeps the pace of every poll and hands its answers to intake."""

    def __init__(
        self,
        matcher: Matcher,
        connections: Mapping[str, Connection],
        intake: Intake,
        states: States,
        clock: Clock,
        alarm: Alarm,
        notices: Notices,
        outages: Outages,
        log: Log,
    ) -> None:
        self._matcher = matcher
        self._connections = connections
        self._intake = intake
        self._states = states
        self._clock = clock
        self._alarm = alarm
        self._notices = notices
        self._outages = outages
        self._log = log
        self._next: dict[str, datetime] = {}
        self._known: dict[str, SharedPoll] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.wake: Wake[None] = Wake()

    async def work(self) -> bool:
        """Begins every poll that is due and has a place; false when none was."""
        self.wake.take()
        now = self._clock.now()
        polls = self._matcher.watches.polls
        await self._retime(polls, now)
        due = sorted(
            (key for key in polls if key not in self._tasks and self._next[key] <= now), key=self._next.__getitem__
        )
        begun = due[: max(0, AT_ONCE - len(self._tasks))]
        for key in begun:
            poll = polls[key]
            self._next[key] = max(self._next[key] + poll.every, now + poll.every / 2)
            self._tasks[key] = asyncio.get_running_loop().create_task(self._ask(poll))
        self._set_alarm()
        return bool(begun)

    def shift(self, by: timedelta) -> None:
        """The clock was set by so much: what was to be asked in a while is asked in that while."""
        self._next = {key: when + by for key, when in self._next.items()}
        self.wake.say()

    async def finish(self) -> None:
        """Waits for the polls under way."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    @property
    def under_way(self) -> int:
        """Polls that have been asked and not answered yet."""
        return len(self._tasks)

    async def _retime(self, polls: Mapping[str, SharedPoll], now: datetime) -> None:
        """Keeps the pace of the polls that stay; a new one is due now, a quicker one as its new pace says."""
        known, self._known = self._known, dict(polls)
        times = {}
        for key, poll in polls.items():
            when = self._next.get(key, now)
            is_quicker = key in known and poll.every < known[key].every
            times[key] = min(when, now + poll.every) if is_quicker else when
        self._next = times
        for key in known.keys() - polls.keys():
            await self._notices.clear(f"poll/{known[key].name}/")
            await self._outages.left(f"{POLL}{key}")

    def _set_alarm(self) -> None:
        """Rings for the next poll; when all places are taken, the first that gets free is the next wake."""
        times = [when for key, when in self._next.items() if key not in self._tasks]
        is_full = len(self._tasks) >= AT_ONCE
        self._alarm.at("polls", None if is_full else min(times, default=None), self.wake.say)

    async def _ask(self, poll: SharedPoll) -> None:
        try:
            outcome = await self._perform(poll)
            await self._take(poll, outcome)
        except JournalError as error:
            self._log.error("a poll's answer could not be taken in; it is asked again", reason=str(error))
        except Exception as error:  # a plugin's answer that nobody can read must not stop the other polls
            self._log.error("a poll failed", poll=poll.name, reason=repr(error))
            text = f"the answer to the poll of {poll.name} cannot be used: {type(error).__name__}: {error}"
            await self._notices.report(f"poll/{poll.name}/poll-failed", "poll-failed", text)
        finally:
            del self._tasks[poll.key]
            self.wake.say()

    async def _perform(self, poll: SharedPoll) -> Outcome:
        connection = self._connections.get(poll.request.connection)
        if connection is None:
            return Waiting(f"there is no connection {poll.request.connection} in the settings", problem="no-connection")
        try:
            return await connection.perform(poll.request, Operation(""))
        except Exception as error:  # a plugin's mistake must not stop the other polls
            self._log.error("a connection failed", connection=poll.request.connection, reason=repr(error))
            return Unsure(f"the connection {poll.request.connection} failed: {type(error).__name__}")

    async def _take(self, poll: SharedPoll, outcome: Outcome) -> None:
        await self._outages.tell(f"{POLL}{poll.key}", poll.request, outcome)
        if isinstance(outcome, Accepted):
            if poll.entity:
                await self._answered(poll, outcome.answer)
            else:
                await self._tell(poll, {"answer": outcome.answer})
            await self._notices.clear(f"poll/{poll.name}/")
        elif isinstance(outcome, Refused) and poll.entity:
            await self._gone(poll, "gone", f"{poll.entity}: {outcome.reason}; it is not watched any more")
        else:
            self._log.debug("a poll had no answer", poll=poll.name, reason=outcome.reason)  # its problem is one line
            if not poll.entity:
                await self._tell(poll, {"failed": outcome.reason})
            if not (isinstance(outcome, Waiting) and outcome.problem):
                await self._notices.report(f"poll/{poll.name}/poll-failed", "poll-failed", outcome.reason)
            if isinstance(outcome, Waiting) and outcome.after is not None and poll.key in self._next:
                self._next[poll.key] = max(self._next[poll.key], self._clock.now() + outcome.after)

    async def _answered(self, poll: SharedPoll, answer: Json) -> None:
        now = self._clock.now()
        known = self._states.get(poll.entity)
        state = answer.get("state", "known")
        is_same = known is not None and (known.state, known.attributes) == (state, answer)
        if is_same and known is not None and now - known.updated > STALLED:
            await self._gone(poll, "stalled", f"{poll.entity} has not moved for 7 days; it is not watched any more")
            return
        fact = Fact("poll", poll.subject, answer, now)
        for reason in await self._intake.take(("poll", poll.key), fact, SetState(poll.entity, state, answer)):
            self._log.debug("poll", subject=poll.subject, reason=reason)
        if not is_same:
            await self._notices.clear(f"{poll.entity}/")

    async def _tell(self, poll: SharedPoll, data: Json) -> None:
        """The fact of a poll whose answer is no entity of its own: whoever listens makes something of it."""
        fact = Fact("poll", poll.subject, data, self._clock.now())
        for reason in await self._intake.take(("poll", poll.key), fact):
            self._log.debug("poll", subject=poll.subject, reason=reason)

    async def _gone(self, poll: SharedPoll, state: str, text: str) -> None:
        known = self._states.get(poll.entity)
        attributes = dict(known.attributes) if known else {}
        if known is None or known.state != state:
            await self._intake.set(SetState(poll.entity, state, attributes))
            await self._notices.report(f"{poll.entity}/{state}", f"job-{state}", text)
