"""Everything that a plugin may import, and how to write one.

**An action** is one class in a file of `actions/` (or of any package that an entry point of the group
`rulewheel.plugins` names). Its typed fields are its YAML; from them come parsing, checking, schema and reference, and
its examples are its tests:

    class Ping(Action):
        \"\"\"Asks a page whether it is there.\"\"\"

        name = "page.ping"
        url = required(URL, "The page to ask")
        examples = (
            Example("Ask the shop", "url: https://shop.example", gives=[{"method": "GET", "url": "https://shop.example"}]),
        )

        def plan(self, view: View) -> list[Plan]:
            return [Request("http", "request", {"method": "GET", "url": self.url}, changes_world=False)]

`plan` is pure: it returns requests as data and does nothing. The engine writes an intent to disk before it hands a
request that changes the world to its connection, so limits, redaction, dry run and replay cost a plugin nothing.

**A trigger** says what it `watches` (a poll of a connection, a calendar, a webhook, events, states) and decides,
purely, what a fact means to it. The engine keeps its memory, one per subject. When a rule is loaded while a watched
thing is known already, the engine shows it the last fact and keeps only the memory:

    class Tide(Trigger):
        \"\"\"Fires when the water rises over a height.\"\"\"

        name = "tide.high"
        gives = {"height": "How high the water stands, in metres"}
        height = required(NUMBER, "Fire above this height")
        examples = (
            Example("Over two metres", "height: 2", gives=[({"height": 1}, None), ({"height": 3}, {"height": 3})]),
        )

        def watches(self, view: View) -> list[Watch]:
            ask = Request("harbour", "tide", {}, changes_world=False)
            return [Poll(ask, every=timedelta(minutes=5), subject="tide", entity="sensor.tide")]

        def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
            crossing = Threshold(above=self.height).decide(memory, fact.data["height"])
            fires = crossing.movement == "entered"
            return Decision(crossing.memory, Fire(fact.data) if fires else Nothing(), crossing.reason)

**A connection** performs requests and says what came of them: Accepted, Refused, Waiting or Unsure. Its fields are its
settings in `rulewheel.yaml`. When in doubt whether something happened, the answer is Unsure; a connection that can look
up later whether it did has a `settle_time` and answers `settle`.

A package of one's own names itself in its `pyproject.toml` and is used once `plugins:` in `rulewheel.yaml` lists it;
`tests/plugins/rulewheel-sms-example` is one:

    [project.entry-points."rulewheel.plugins"]
    sms-example = "rulewheel_sms_example"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime, timedelta, tzinfo
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

from engine import calendar
from engine.calendar import Calendar
from engine.clock import Clock, SystemClock
from engine.declaration import Declaration, entities_of
from engine.declared.counter import Counter
from engine.declared.input_boolean import InputBoolean
from engine.declared.input_datetime import InputDatetime
from engine.declared.input_number import InputNumber
from engine.declared.input_text import InputText
from engine.declared.timer import Timer
from engine.field import (
    ANYTHING,
    BOOLEAN,
    DURATION,
    INNER,
    MAPPING,
    NUMBER,
    PHONE,
    TEXT,
    URL,
    Block,
    Field,
    FieldError,
    Kind,
    Late,
    Misread,
    choice,
    default,
    either,
    inside,
    integer,
    late,
    listing,
    many,
    optional,
    required,
)
from engine.kinds import (
    BOUND,
    ENTITIES,
    ENTITY,
    TIME_OF_DAY,
    TIME_OR_ENTITY,
    WANTED,
    WEEKDAY,
    WEEKDAYS,
    Wanted,
    is_entity,
    same,
    truth_as_state,
)
from engine.problem import Problem, near
from engine.template import TemplateProblem
from engine.threshold import Bounds, Crossing, Threshold, measured
from engine.values import (
    Accepted,
    Arrived,
    Call,
    CannotTell,
    Decision,
    Fact,
    FactKind,
    Fire,
    FireEvent,
    Hold,
    Incoming,
    Json,
    Later,
    Level,
    Limit,
    NotFound,
    Nothing,
    Operation,
    OtherSend,
    Outcome,
    Receipt,
    Refused,
    Request,
    Say,
    SetState,
    Settlement,
    State,
    Switch,
    TimeSaid,
    Unsure,
    Waiting,
    duration,
    is_true,
    masked,
    state_object,
)

Plan: TypeAlias = Request | SetState | Later | Say | FireEvent | Call | Switch
D = TypeVar("D", bound=Declaration)


LONGEST_KEY = 200
"""Characters that a value of `per` may have."""


class View(Protocol):
    """A snapshot of what may be read while deciding: the time, the zone, and the states of entities."""

    @property
    def now(self) -> datetime: ...

    @property
    def zone(self) -> tzinfo: ...

    def state(self, entity: str) -> State | None: ...

    def entities(self, prefix: str) -> Sequence[State]: ...

    def declared(self, entity: str) -> Declaration | None:
        """What the rule files say of the entity; None where they do not declare it."""
        ...

    def render(self, value: Json, variables: Mapping[str, Json] | None = None, *, strict: bool = False) -> Json:
        """The value with every template in it worked out. One that fails raises, which fails the decision or plan."""
        ...


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask a connection again and again; rules that watch the same request share one poll at the smallest pace.

    `subject` names what the answer is about; the answer is kept as the attributes of `entity`, whose state is the
    answer's `state`, and the fact's data are the answer. Without an `entity` they are {"answer": …} or {"failed": why}.
    """

    request: Request
    every: timedelta
    subject: str
    entity: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """Wake at the instants of a calendar; `key` tells it from the other calendars of the same trigger."""

    calendar: Calendar
    key: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Facts that arrive at `/hook/<id's path>`."""

    id: str
    methods: frozenset[str] = frozenset({"POST", "PUT"})


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of the engine itself, of one subject or of any ("*").

    `event`: an event of the type that is the subject; `start` and `shutdown`; `message`: one that somebody has written
    to us, the subject is the sender's number, the data what the connection makes of it, and `connection`; `ended`: a
    run of the rule that is the subject is over, the data are {"run", "rule", "outcome", "reason"}; no rule hears of
    its own.
    """

    kind: FactKind
    subject: str = "*"


@dataclass(frozen=True, slots=True)
class States:
    """Changes of these entities; a name that ends with `.` means all entities that begin so, an empty one all."""

    entities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reads:
    """Changes of whatever this template reads, and, where it asks for the time, the start of each minute."""

    template: str


@dataclass(frozen=True, slots=True)
class Inner:
    """What the triggers inside a `Combined` one tell: each that fires is a fact of the kind `trigger`.

    The fact's data are what it gives as `trigger`, its subject is what `per` makes of them, its key is by what the
    same occasion is known when it is told twice.
    """


Watch: TypeAlias = Poll | Schedule | Webhook | Facts | States | Reads | Inner


@dataclass(frozen=True, slots=True)
class Example:
    """An example of a plugin's YAML, shown in the reference and run as a test.

    `yaml` holds the plugin's own fields: what stands below `data:` of an action, and beside `trigger:` of a trigger.
    `gives` is, for an action, the list of what it plans: the body of each request, or for a state change, log line or
    event its fields as a mapping; for a trigger, pairs (fact data, the `trigger` data it fires with, or None), taken in
    order as facts of the first thing that it watches. Where that are states, the fact data are {entity: its new state,
    or {"state", "attributes"}, or None if it is removed}, and the states before and after in `trigger` are told by the
    text of the state. Entities in `known` exist beforehand, with these states; `declared` are those that a rule file
    declares, with their keys. The time zone is Asia/Kolkata.
    """

    title: str
    yaml: str
    gives: Sequence[Any] = ()
    known: Mapping[str, str] = dataclass_field(default_factory=dict)
    declared: Mapping[str, Mapping[str, Json]] = dataclass_field(default_factory=dict)


class Impossible(ValueError):
    """What an action is asked for cannot be done as things stand; `continue_on_error` covers it."""


class Action(Block):
    """One thing that a step can do; see the module's text."""

    name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = ()
    responds: ClassVar[bool] = False
    valid_for: ClassVar[timedelta | None] = None
    lenient: ClassVar[bool] = False  # True: an undefined name is empty text, though it changes the outside world

    def plan(self, view: View) -> list[Plan]:
        """The requests and changes that this action asks for, without doing any of them."""
        raise NotImplementedError

    @classmethod
    def forbidden(cls, data: Mapping[str, Json], hosts: Mapping[str, Mapping[str, Json]]) -> list[tuple[str, str]]:
        """What the operator's settings do not allow of this step, as pairs of key and "what; remedy"; none by default.

        `data` is as written: values may be templates. `hosts` are those of the settings.
        """
        return []


def declared(view: View, entities: Iterable[str], kind: type[D]) -> list[tuple[str, D, State | None]]:
    """Declared entities of one kind, each with what its declaration says and how it stands; "all" is every one.

    Raises Impossible where one is not declared.
    """
    known = [state.entity for state in view.entities(f"{kind.domain}.")]
    found = []
    for name in dict.fromkeys(each for entity in entities for each in (known if entity == "all" else [entity])):
        said = view.declared(name)
        if isinstance(said, kind):
            found.append((name, said, view.state(name)))
        elif name in entities:
            hint = near(name, known) or f"declare it below {kind.domain}: in a file of rules"
            raise Impossible(f'there is no {kind.domain} "{name}"; {hint}')
    return found


class Trigger(Block):
    """One kind of occasion on which a rule runs; see the module's text.

    `gives` says what `trigger` holds when it fires, by dotted name ("job.id"); what lies below a name is free. `knows`
    are the names that templates of its `late` fields may read besides. One that `keeps_time` fires at the instants of
    its calendars, and `missed` speaks of those. A trigger that keeps no memory may say in
    `passes` what of it is the fact's own data as it came, by its dotted name in the data ("" for all of it): a rule
    whose first conditions do not hold for that data is then not even asked, where many listen.
    """

    name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = ()
    gives: ClassVar[Mapping[str, str]] = {}
    passes: ClassVar[Mapping[str, str]] = {}
    knows: ClassVar[tuple[str, ...]] = ()
    keeps_time: ClassVar[bool] = False

    @property
    def ends(self) -> bool:
        """Whether it says when what it fires for is over (`Nothing(over=True)`), so that rules may have `resolved`."""
        return False

    def watches(self, view: View) -> list[Watch]:
        """What to wake for; asked again when an entity that it read changes."""
        raise NotImplementedError

    def subject_of(self, fact: Fact) -> str:
        """Of what the fact tells: memory and holds are kept for each; by default the fact's own subject."""
        return fact.subject

    def attach(self, view: View) -> Mapping[str, Json]:
        """What is remembered of each subject when the trigger is loaded, by what is known then; nothing by default."""
        return {}

    def needs(self) -> Mapping[str, Json]:
        """Values that a fact's data must hold, or else it means nothing to this trigger; mappings may hold more."""
        return {}

    def follows(self) -> Sequence[str]:
        """The rules on whose ends it fires, by id, so that one that is not there can be told; none by default."""
        return ()

    def begins(self, view: View) -> Mapping[str, Hold]:
        """What is under way of each subject from the moment when the trigger is loaded; nothing by default."""
        return {}

    def is_outlived(self, memory: Json, view: View) -> bool:
        """Whether what is remembered of a subject means nothing any more, and may be forgotten; never by default."""
        return False

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        """What the fact means; `memory` is None for a subject not seen before."""
        raise NotImplementedError

    def describe(self, told: Mapping[str, Json]) -> str:
        """What happened in a few words, `trigger.description`; `told` is the data of the `Fire`."""
        return self.name.replace("_", " ")


class Combined(Trigger):
    """A trigger made of others, which stand below its `of`.

    They are watched as those of a rule are, with memories and holds of their own; when one fires, that is a fact for
    the combined trigger, which has a memory and a hold for each value of `per`.
    """

    of = required(INNER, "The trigger inside, or a list of them")
    per = optional(late(TEXT), "A template on the inner `trigger`: each of its values is looked at for itself")

    def check(self) -> list[tuple[str, str]]:
        return [] if self.of else [("of", "it stands above no trigger; write at least one below it")]

    def watches(self, view: View) -> list[Watch]:
        return [Inner()]

    def key_of(self, told: Mapping[str, Json], view: View) -> str:
        """The value of `per` for what an inner trigger tells. Raises ValueError, and what its template raises."""
        found = view.render(self.per.written, {"trigger": told}, strict=True) if self.per is not None else ""
        key = "" if found is None else str(found)
        if len(key) > LONGEST_KEY:
            raise ValueError(f"`per` gives a text of {len(key)} characters; {LONGEST_KEY} are the most")
        return key


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `rulewheel doctor`: what was looked at, whether it is well, and what to do if not."""

    subject: str
    well: bool
    says: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the engine hands to a connection: time, the secrets by name, the hosts that the operator allows."""

    clock: Clock = dataclass_field(default_factory=SystemClock)
    secret: Callable[[str], str] = str
    hosts: Mapping[str, Mapping[str, Json]] = dataclass_field(default_factory=dict)
    name: str = "rulewheel"


@dataclass(frozen=True, slots=True)
class Simulation:
    """A connection to an outside that lives in memory, and that outside, for whoever plays its part in a test."""

    connection: Connection
    simulator: Any


class Connection(Block):
    """Configured access to an outside system; its fields are its settings."""

    name: ClassVar[str] = ""
    configured: ClassVar[bool] = True  # False: works without an entry below `connections:`
    receives: ClassVar[bool] = False  # True: the other side tells by webhook what became of sends
    settle_time: Any = timedelta(0)  # how long an unsure request may still turn up; 0 where nobody can look it up
    time_said: TimeSaid | None = None  # what the other side's last answer said the time was, where that can be trusted
    simulated_settings: ClassVar[Mapping[str, Json]] = {}  # what it needs, where a test does not say

    @classmethod
    def simulated(cls, clock: Clock, settings: Mapping[str, Json], seed: int) -> Simulation | None:
        """This connection to a simulated outside in memory; None where there is none.

        Time is the clock's, all chance the seed's; `settings` are what stands below its name, secrets filled in.
        """
        return None

    async def open(self, tools: Tools) -> None:
        """Gets ready; nothing is sent yet."""

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        """Carries the request out once and says what surely happened; never raises for what the outside does."""
        raise NotImplementedError

    async def settle(
        self, request: Request, operation: Operation, attempted_at: datetime, others: Sequence[OtherSend] = ()
    ) -> Settlement:
        """Looks up whether an unsure request arrived; asked when `settle_time` is over since its `send_by`.

        Only proof counts; when in doubt the answer is CannotTell. `others` are our other sends to the same recipient.
        """
        return CannotTell("this connection cannot look it up", again=False)

    def read_receipts(self, headers: Mapping[str, str], body: bytes) -> list[Receipt] | str:
        """What a webhook of the other side tells about sends of ours, or why it is not believed.

        `headers` have names in lower case; `body` is raw, as signatures need it.
        """
        return []

    def read_messages(self, headers: Mapping[str, str], body: bytes) -> list[Incoming] | str:
        """The messages of others in a webhook of the other side, or why it is not believed; as `read_receipts`."""
        return []

    def limits(self, request: Request) -> tuple[Limit, ...]:
        """How often the other side takes such a request; the engine keeps to it."""
        return ()

    def subject(self, request: Request) -> str:
        """The part of the other side that the request is for, where one part may be unwell while another is well."""
        return ""

    def redirected(self, request: Request, to: str) -> Request:
        """The same request to another recipient, for `sending: test`; as it is where there is none."""
        return request

    async def doctor(self) -> list[Finding]:
        """Looks whether the connection is well, without changing anything outside."""
        return []

    async def close(self) -> None:
        """Lets go of what `open` took."""


__all__ = [
    "ANYTHING",
    "BOOLEAN",
    "BOUND",
    "DURATION",
    "ENTITIES",
    "ENTITY",
    "INNER",
    "MAPPING",
    "NUMBER",
    "PHONE",
    "TEXT",
    "TIME_OF_DAY",
    "TIME_OR_ENTITY",
    "URL",
    "WANTED",
    "WEEKDAY",
    "WEEKDAYS",
    "Accepted",
    "Action",
    "Arrived",
    "Block",
    "Bounds",
    "Calendar",
    "Call",
    "CannotTell",
    "Clock",
    "Combined",
    "Connection",
    "Counter",
    "Crossing",
    "Decision",
    "Declaration",
    "Example",
    "Fact",
    "FactKind",
    "Facts",
    "Field",
    "FieldError",
    "Finding",
    "Fire",
    "FireEvent",
    "Hold",
    "Impossible",
    "Incoming",
    "Inner",
    "InputBoolean",
    "InputDatetime",
    "InputNumber",
    "InputText",
    "Json",
    "Kind",
    "Late",
    "Later",
    "Level",
    "Limit",
    "Misread",
    "NotFound",
    "Nothing",
    "Operation",
    "OtherSend",
    "Outcome",
    "Plan",
    "Poll",
    "Problem",
    "Reads",
    "Receipt",
    "Refused",
    "Request",
    "Say",
    "Schedule",
    "SetState",
    "Settlement",
    "Simulation",
    "State",
    "States",
    "Switch",
    "TemplateProblem",
    "Threshold",
    "TimeSaid",
    "Timer",
    "Tools",
    "Trigger",
    "Unsure",
    "View",
    "Waiting",
    "Wanted",
    "Watch",
    "Webhook",
    "calendar",
    "choice",
    "declared",
    "default",
    "duration",
    "either",
    "entities_of",
    "inside",
    "integer",
    "is_entity",
    "is_true",
    "late",
    "listing",
    "many",
    "masked",
    "measured",
    "near",
    "optional",
    "required",
    "same",
    "state_object",
    "truth_as_state",
]
