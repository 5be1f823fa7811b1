"""Tells somebody outside of problems that stay open, once, again when they have cleared, and when more has come.

What was told is kept in the journal, so that a restart tells nothing twice. A notice is no send of a rule: it goes out
although the journal cannot be written, for that may be what it has to tell; then it may be told again after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from engine.clock import Clock, Ids
from engine.journal.api import Journal, JournalError
from engine.log import Log
from engine.notices import Notices
from engine.plugin import Connection, Operation, Request
from engine.records import Changes, ProblemRecord, SeenRecord
from engine.settings import NoticeKeys
from engine.source.scalar import SecretRef
from engine.values import Accepted, Json, Outcome, Waiting

AGAIN = timedelta(minutes=5)
"""After this long a notice that did not go out is tried again, then after twice as long, and so on."""
LONGEST = timedelta(hours=6)
MORE_AFTER = timedelta(minutes=15)
"""At most so often is it told that there is more of what an open problem counts."""
_SEND_BY = timedelta(seconds=10)


class Told(NamedTuple):
    """A problem that was told, and when that was done last."""

    problem: ProblemRecord
    at: datetime


class Grown(NamedTuple):
    """A problem that was told, and how much of what it counts has come since."""

    problem: ProblemRecord
    new: int


@dataclass(frozen=True, slots=True)
class News:
    """Problems that somebody should hear of: those that stay open, told ones that have cleared or have grown."""

    opened: tuple[ProblemRecord, ...]
    cleared: tuple[ProblemRecord, ...]
    grown: tuple[Grown, ...] = ()

    @property
    def subject(self) -> str:
        """One line."""
        count = len(self.opened)
        said = [f"{count} problem{'' if count == 1 else 's'}"] if count else []
        said += [f"{len(self.grown)} with more"] if self.grown else []
        said += [f"{len(self.cleared)} cleared"] if self.cleared else []
        return f"rulewheel: {', '.join(said)}"

    @property
    def text(self) -> str:
        """All of it in words."""
        lines = [f"Open since {_minute(each.since)}: {each.text}" for each in self.opened]
        for each, new in self.grown:
            lines.append(f"Open since {_minute(each.since)}, {new} new since the last notice: {each.text}")
        lines += [f"Cleared, after it was open since {_minute(each.since)}: {each.text}" for each in self.cleared]
        return "\n\n".join([*lines, "`rulewheel problems` shows what is open now."])


def news(
    problems: Iterable[ProblemRecord],
    told: Mapping[str, Told],
    now: datetime,
    after: timedelta,
    came: Callable[[str, datetime], int] = lambda key, since: 0,
) -> News | None:
    """What is to be told, when these are open and those were told; None when there is nothing.

    `came` says how much of what a problem counts has come since a time.
    """
    still = {each.key: each for each in problems}
    before = {key: each.problem for key, each in told.items()}
    opened = [each for each in still.values() if now - each.since >= after and not _is_same(each, before.get(each.key))]
    cleared = [each for each in before.values() if not _is_same(each, still.get(each.key))]
    since = {key: each.at for key, each in told.items() if now - each.at >= MORE_AFTER}
    same = [each for each in still.values() if each.key in since and _is_same(each, before[each.key])]
    grown = [Grown(each, new) for each in same if (new := came(each.key, since[each.key]))]
    return News(tuple(opened), tuple(cleared), tuple(grown)) if opened or cleared or grown else None


class Notifier:
    """One way of telling; `request` makes a notice into what the connection performs."""

    def __init__(
        self,
        name: str,
        connection: Connection,
        request: Callable[[News], Request],
        after: timedelta,
        notices: Notices,
        journal: Journal,
        clock: Clock,
        ids: Ids,
        log: Log,
    ) -> None:
        self.name = name
        self._connection = connection
        self._request = request
        self._after = after
        self._notices = notices
        self._journal = journal
        self._clock = clock
        self._ids = ids
        self._log = log
        self._told: dict[str, Told] = {}
        self._failures = 0
        self._not_before = clock.now()

    async def load(self) -> None:
        """Takes up what was told before the restart."""
        for problem in await self._journal.problems(open_only=False):
            told = await self._seen(problem, "open")
            if told is not None and await self._seen(problem, "cleared") is None:
                self._told[problem.key] = Told(problem, told.at)

    async def work(self) -> bool:
        """Tells what is to be told now; false when nothing was."""
        now = self._clock.now()
        own = f"notice/{self.name}/"
        problems = [each for each in self._notices.open() if not each.key.startswith(own)]
        found = news(problems, self._told, now, self._after, self._notices.came)
        if found is None or now < self._not_before:
            return False
        outcome = await self._perform(self._request(found))
        if not isinstance(outcome, Accepted):
            await self._failed(outcome)
            return False
        self._failures = 0
        await self._remember(found)
        await self._notices.clear(own)
        counts = {"opened": len(found.opened), "grown": len(found.grown), "cleared": len(found.cleared)}
        self._log.info("told of problems", by=self.name, **counts)
        return True

    async def _perform(self, request: Request) -> Outcome:
        operation = Operation(self._ids.op_id(), self._clock.now() + _SEND_BY)
        try:
            return await self._connection.perform(request, operation)
        except Exception as error:  # a plugin's mistake must not stop the daemon
            return Waiting(f"the connection {request.connection} failed: {type(error).__name__}")

    async def _failed(self, outcome: Outcome) -> None:
        self._not_before = self._clock.now() + min(AGAIN * 2**self._failures, LONGEST)
        self._failures = min(self._failures + 1, 10)
        reason = "" if isinstance(outcome, Accepted) else outcome.reason
        text = f"notices by {self.name} do not go out; the next try is at {_minute(self._not_before)}: {reason}"
        await self._notices.report(f"notice/{self.name}/notices-failing", "notices-failing", text)

    async def _remember(self, found: News) -> None:
        for each in found.cleared:
            self._told.pop(each.key, None)
        now = self._clock.now()
        opened = [*found.opened, *(each.problem for each in found.grown)]
        self._told |= {each.key: Told(each, now) for each in opened}
        seen = [SeenRecord(self._scope, _identity(each, "open"), now) for each in opened]
        seen += [SeenRecord(self._scope, _identity(each, "cleared"), now) for each in found.cleared]
        try:
            await self._journal.commit(Changes(put=seen))
        except JournalError as error:
            self._log.error("that problems were told could not be written down", reason=str(error))

    async def _seen(self, problem: ProblemRecord, what: str) -> SeenRecord | None:
        return await self._journal.get(SeenRecord, (self._scope, _identity(problem, what)))

    @property
    def _scope(self) -> str:
        return f"notice/{self.name}"


def by_mail(to: Collection[str]) -> Callable[[News], Request]:
    """A notice as a mail."""

    def request(found: News) -> Request:
        body = {"to": list(to), "subject": found.subject, "text": found.text}
        return Request("mail", "send", body, shown={"subject": found.subject})

    return request


def by_webhook(url: str, headers: Mapping[str, Json]) -> Callable[[News], Request]:
    """A notice as JSON: {subject, text, opened, grown, cleared}, the last three as lists of {code, text, since}.

    Those in `grown` also say how many are `new`.
    """
    given = {name: {"secret": value.name} if isinstance(value, SecretRef) else value for name, value in headers.items()}

    def request(found: News) -> Request:
        told = {"subject": found.subject, "text": found.text}
        grown = [{**_plain([each.problem])[0], "new": each.new} for each in found.grown]
        lists = {"opened": _plain(found.opened), "grown": grown, "cleared": _plain(found.cleared)}
        body = {"method": "POST", "url": url, "headers": given, "json": told | lists}
        return Request("http", "request", body, shown={"subject": found.subject})

    return request


def notifiers(
    keys: NoticeKeys,
    connections: Mapping[str, Connection],
    notices: Notices,
    journal: Journal,
    clock: Clock,
    ids: Ids,
    log: Log,
) -> list[Notifier]:
    """Those that the settings ask for."""
    ways: list[tuple[str, Connection, Callable[[News], Request]]] = []
    if keys.mail_to:
        ways.append(("mail", connections["mail"], by_mail(keys.mail_to)))
    if keys.webhook:
        ways.append(("webhook", connections["http"], by_webhook(keys.webhook, keys.headers)))
    return [Notifier(*way, keys.after, notices, journal, clock, ids, log) for way in ways]


def _plain(problems: Iterable[ProblemRecord]) -> list[Json]:
    return [{"code": each.code, "text": each.text, "since": each.since.isoformat()} for each in problems]


def _is_same(problem: ProblemRecord, other: ProblemRecord | None) -> bool:
    return other is not None and (problem.key, problem.since) == (other.key, other.since)


def _identity(problem: ProblemRecord, what: str) -> str:
    return f"{what}/{problem.since.isoformat()}/{problem.key}"


def _minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
