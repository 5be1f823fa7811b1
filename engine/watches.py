"""What the triggers of the rules watch: who listens to which channel, the shared polls, the schedules, the webhooks.

It changes a trigger at a time, so that a run that waits for a trigger, and an entity that some `watches` read, cost
what they change and not a look at every rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, TypeAlias

from engine.calendar import pattern
from engine.declaration import Declaration
from engine.index import FEW, Index, PassedOver
from engine.plugin import Facts, Inner, Poll, Reads, Request, Schedule, States, View, Watch, Webhook
from engine.predicates import asked_of
from engine.rules.model import Program, TriggerUse, content_hash
from engine.scope import Scope
from engine.states import Channel
from engine.template import Template, TemplateProblem
from engine.values import Fact, Json, State

Place: TypeAlias = tuple[str, str]
EVERYTHING = "*"
WAITS = "wait/"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits for a trigger: its leaf's token names the wait."""

    run: str
    token: str


@dataclass(frozen=True, slots=True)
class Watcher:
    """A trigger as it watches: one of a rule, or one that a run of the rule waits for."""

    program: Program
    use: TriggerUse
    waiting: Waiting | None = None

    @property
    def place(self) -> Place:
        """Whose trigger it is, and the trigger's key: its name for ever."""
        return (wait_place(self.waiting), self.use.key) if self.waiting else (self.program.rule, self.use.key)


def wait_place(waiting: Waiting) -> str:
    """What stands instead of a rule where a run waits for a trigger; no rule has a name with a slash."""
    return f"{WAITS}{waiting.run}/{waiting.token}"


@dataclass(frozen=True, slots=True)
class SharedPoll:
    """One question to a connection, asked for everyone who needs its answer, at the smallest of their paces."""

    key: str
    request: Request
    every: timedelta
    subject: str
    entity: str

    @property
    def name(self) -> str:
        """What it is about, for people."""
        return self.entity or self.subject


class Reading:
    """A view that remembers which entities were read through it; `sensor.*` means all below."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.read: set[str] = set()

    @property
    def now(self) -> datetime:
        return self._view.now

    @property
    def zone(self) -> tzinfo:
        return self._view.zone

    def state(self, entity: str) -> State | None:
        """The entity's state; that it was asked for is remembered."""
        self.read.add(entity)
        return self._view.state(entity)

    def entities(self, prefix: str) -> Sequence[State]:
        """The entities below a prefix; that it was asked for is remembered, with a star."""
        domain, dot, _ = prefix.partition(".")
        self.read.add(f"{domain}.{EVERYTHING}" if dot else EVERYTHING)
        return self._view.entities(prefix)

    def declared(self, entity: str) -> Declaration | None:
        """What the rule files say of the entity."""
        return self._view.declared(entity)

    def render(self, value: Json, variables: Mapping[str, Json] | None = None, *, strict: bool = False) -> Json:
        """Templates worked out; the entities that they read are remembered."""
        return Scope(variables or {}, self).render(value, strict=strict)


@dataclass(slots=True)
class Watched:
    """What one trigger watches now, which entities it read to say so, and whether any change of them matters."""

    watcher: Watcher
    watches: list[Watch]
    read: frozenset[str] = frozenset()
    is_template: bool = False
    fault: str = ""


def asked(watcher: Watcher, view: View) -> Watched:
    """Asks a trigger what it watches; one that fails to say watches nothing."""
    reading = Reading(view)
    watched = Watched(watcher, [])
    try:
        for watch in watcher.use.plugin.watches(reading):
            if isinstance(watch, Reads):
                watched.is_template = True
                watched.watches += _read_by(watch, watcher, view, reading)
            else:
                watched.watches.append(watch)
    except Exception as error:  # one trigger's mistake must not keep the other rules from watching
        watched.fault = f"the trigger {watcher.use.name} failed: {error!r}"
    watched.read = frozenset(reading.read)
    return watched


def _read_by(reads: Reads, watcher: Watcher, view: View, reading: Reading) -> list[Watch]:
    """The states, and where it asks for the time the minutes, on which a template depends."""
    inner = Reading(view)
    with suppress(TemplateProblem):  # what it read up to there may mend it
        inner.render(reads.template, watcher.use.given)
    reading.read |= inner.read
    found: list[Watch] = [States(tuple(name.removesuffix(EVERYTHING) for name in sorted(inner.read)))]
    if Template.parse(reads.template).asks_clock:
        found.append(Schedule(pattern(None, "*", 0, view.zone), key="minute"))
    return found


@dataclass(slots=True)
class Watches:
    """Everything that the rules of a book watch, and that runs wait for."""

    polls: dict[str, SharedPoll] = field(default_factory=dict)
    schedules: dict[str, tuple[Watcher, Schedule]] = field(default_factory=dict)
    webhooks: dict[str, frozenset[str]] = field(default_factory=dict)
    _channels: dict[Channel, dict[Place, Watcher]] = field(default_factory=dict)
    _indexes: dict[Channel, Index[Watcher]] = field(default_factory=dict)
    _prefixes: dict[str, dict[Place, Watcher]] = field(default_factory=dict)
    _watched: dict[Place, Watched] = field(default_factory=dict)
    _readers: dict[str, dict[Place, None]] = field(default_factory=dict)
    _paces: dict[str, Counter[timedelta]] = field(default_factory=dict)

    def add(self, watched: Watched) -> None:
        """Listens for this trigger from now on."""
        watcher = watched.watcher
        self.remove(watcher.place)
        self._watched[watcher.place] = watched
        for entity in watched.read:
            self._readers.setdefault(entity, {})[watcher.place] = None
        for watch in watched.watches:
            self._listen(watcher, watch)

    def remove(self, place: Place) -> None:
        """Listens for this trigger no more."""
        watched = self._watched.pop(place, None)
        if watched is None:
            return
        for entity in watched.read:
            _without(self._readers, entity, place)
        for watch in watched.watches:
            self._unlisten(watched.watcher, watch)

    def readers(self, entity: str, *, only_attributes: bool = False) -> list[Watched]:
        """The triggers that have to be asked again what they watch when this entity changes."""
        domain = f"{entity.partition('.')[0]}.{EVERYTHING}"
        places = {**self._readers.get(entity, {}), **self._readers.get(domain, {}), **self._readers.get(EVERYTHING, {})}
        found = [self._watched[place] for place in places]
        return [watched for watched in found if watched.is_template or not only_attributes]

    def watchers(self, channel: Channel) -> list[Watcher]:
        """Who listens to a channel; those to a state's prefix and to everything of a kind included."""
        return list({**self._channels.get(channel, {}), **self._of_all(channel)}.values())

    def _of_all(self, channel: Channel) -> dict[Place, Watcher]:
        """Who listens to everything of the channel's kind, or to a state's prefix."""
        kind, subject = channel
        found = dict(self._channels.get((kind, EVERYTHING), {}))
        if kind == "state":
            for prefix, watchers in self._prefixes.items():
                if subject.startswith(prefix):
                    found |= watchers
        return found

    def concerned(self, channel: Channel, fact: Fact) -> list[Watcher]:
        """Who listens to a channel; where many do, only those of whom the fact has what they ask of it."""
        index = self._indexes.get(channel)
        if index is None:
            return self.watchers(channel)
        others = self._of_all(channel)
        own = index.concerned(fact)
        return list({watcher.place: watcher for watcher in (*own, *others.values())}.values()) if others else own

    def passed_over(self, rule: str) -> list[PassedOver]:
        """How often triggers of the rule were not asked, for what its conditions or they themselves ask of a fact."""
        found = [
            index.passed_over(place) for index in self._indexes.values() for place in self._watched if place[0] == rule
        ]
        return [each for each in found if each is not None]

    def is_named(self, channel: Channel) -> bool:
        """Whether somebody listens to just this channel, or to entities whose names begin like this one's."""
        kind, subject = channel
        begins = (prefix and subject.startswith(prefix) for prefix in self._prefixes) if kind == "state" else ()
        return channel in self._channels or any(begins)

    def watched(self, place: Place) -> Watched | None:
        """What a trigger watches; None when it is not here."""
        return self._watched.get(place)

    def all(self) -> Iterator[Watched]:
        """Every trigger with what it watches."""
        yield from self._watched.values()

    def _listen(self, watcher: Watcher, watch: Watch) -> None:
        for where, key in _channels_of(watcher, watch):
            table: dict[Any, dict[Place, Watcher]] = self._prefixes if where == "prefix" else self._channels
            table.setdefault(key, {})[watcher.place] = watcher
            if where != "prefix":
                self._look_up(key, watcher)
        if isinstance(watch, Poll):
            self._share(watch, 1)
        elif isinstance(watch, Schedule):
            self.schedules[schedule_key(watcher, watch)] = (watcher, watch)
        elif isinstance(watch, Webhook):
            self.webhooks[watch.id] = self.webhooks.get(watch.id, frozenset()) | watch.methods

    def _unlisten(self, watcher: Watcher, watch: Watch) -> None:
        for where, key in _channels_of(watcher, watch):
            _without(self._prefixes if where == "prefix" else self._channels, key, watcher.place)
            if where != "prefix" and key in self._indexes:
                self._indexes[key].remove(watcher.place)
                if key not in self._channels:
                    del self._indexes[key]
        if isinstance(watch, Poll):
            self._share(watch, -1)
        elif isinstance(watch, Schedule):
            self.schedules.pop(schedule_key(watcher, watch), None)
        elif isinstance(watch, Webhook):
            self._open(watch.id)

    def _look_up(self, channel: Channel, watcher: Watcher) -> None:
        """Takes one more listener into the channel's index, or makes one where there are many now."""
        index, listeners = self._indexes.get(channel), self._channels[channel]
        if index is not None:
            _take_in(index, watcher)
        elif len(listeners) > FEW:
            index = self._indexes[channel] = Index()
            for each in listeners.values():
                _take_in(index, each)

    def _share(self, poll: Poll, more: int) -> None:
        """One poll for all who ask the same, at the smallest of their paces; none when nobody asks any more."""
        key = poll_key(poll.request)
        paces = self._paces.setdefault(key, Counter())
        paces[poll.every] += more
        every = min((pace for pace, count in paces.items() if count > 0), default=None)
        if every is None:
            del self.polls[key], self._paces[key]
        elif key in self.polls:
            self.polls[key] = replace(self.polls[key], every=every)
        else:
            self.polls[key] = SharedPoll(key, poll.request, every, poll.subject, poll.entity)

    def _open(self, webhook: str) -> None:
        others = self._channels.get(("webhook", webhook), {})
        methods = [
            watch.methods
            for place in others
            for watch in self._watched[place].watches
            if isinstance(watch, Webhook) and watch.id == webhook
        ]
        if methods:
            self.webhooks[webhook] = frozenset().union(*methods)
        else:
            self.webhooks.pop(webhook, None)


def _channels_of(watcher: Watcher, watch: Watch) -> list[tuple[str, Any]]:
    """The channels, and prefixes of states, on which a watch listens."""
    if isinstance(watch, Poll):
        return [("", ("poll", poll_key(watch.request)))]
    if isinstance(watch, Schedule):
        return [("", ("due", schedule_key(watcher, watch)))]
    if isinstance(watch, Webhook):
        return [("", ("webhook", watch.id))]
    if isinstance(watch, Facts):
        return [("", (watch.kind, watch.subject))]
    if isinstance(watch, Inner):
        return [("", inner_channel(watcher.place))]
    assert isinstance(watch, States)  # Reads became States when the trigger was asked
    return [
        ("prefix", entity) if entity.endswith(".") or not entity else ("", ("state", entity))
        for entity in watch.entities
    ]


def _without(table: dict[Any, dict[Place, Any]], key: Any, place: Place) -> None:
    """Takes one place out of a table of places; an entry without any is no entry."""
    left = table.get(key)
    if left is not None:
        left.pop(place, None)
        if not left:
            del table[key]


def _take_in(index: Index[Watcher], watcher: Watcher) -> None:
    index.remove(watcher.place)
    is_alone = watcher.waiting is not None or watcher.use.outer != ""
    asks = asked_of(watcher.program, watcher.use, is_waited_for=is_alone)
    index.add(watcher.place, watcher, asks)


def inner_channel(outer: Place) -> Channel:
    """Where the triggers inside this one tell that they fired."""
    return "trigger", "/".join(outer)


def schedule_key(watcher: Watcher, schedule: Schedule) -> str:
    """The name of the due row of a schedule's next instant."""
    rule, trigger = watcher.place
    return f"schedule/{rule}/{trigger}/{schedule.key}"


def poll_key(request: Request) -> str:
    """The same for two polls that ask the same question."""
    return content_hash([request.connection, request.operation, request.body])
