"""The words of a rule file: the keys of a rule, of each kind of condition and of each kind of step, as typed fields.

From these come the compiled judges (one a kind, picked by the key that tells kinds apart) and the one schema that is
published for editors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from engine.declared import DECLARED
from engine.declared.sensor import Question, Sensor
from engine.field import (
    ANYTHING,
    BOOLEAN,
    DURATION,
    LATE,
    MAPPING,
    NUMBER,
    PHONE,
    TEXT,
    URL,
    Block,
    Field,
    Kind,
    choice,
    default,
    either,
    integer,
    late,
    many,
    optional,
    required,
)
from engine.holiday import country_fault, subdivision_fault
from engine.kinds import (
    BOUND,
    COUNTRY,
    DAY,
    ENTITIES,
    IS_ENTITY,
    STATES,
    TIME_OF_DAY,
    TIME_OR_ENTITY,
    WEEKDAY,
    truth_as_state,
)
from engine.registry import Registry
from engine.rules.selector import SELECTORS
from engine.settings import MAX_SENDS, MODES
from engine.threshold import Bounds
from engine.values import Json


def _as_it_is(value: Json) -> Json:
    return value


def _nested(says: str, of: str) -> Kind[Json]:
    """A list whose elements are judged one by one, each by its own kind."""
    return Kind(says, {"type": "array", "of": of}, _as_it_is)


WORD: Kind[str] = Kind("text", {"type": ["string", "number"], "literally": True}, TEXT.read, TEXT.remedy)
NAME: Kind[str] = Kind(
    "a name of letters, digits and _", {"type": "string", "literally": True, "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}, str
)
MODE = Kind(f"one of {', '.join(MODES)}", {"enum": list(MODES), "literally": True}, str)
_MISSED = choice("once", "skip", "each", meant={"all": "each", "every": "each", "none": "skip", "last": "once"})
MISSED: Kind[str] = Kind(_MISSED.says, {**_MISSED.schema, "literally": True}, _MISSED.read)
_WHOSE = choice("contact", "rule", meant={**dict.fromkeys(("customer", "recipient"), "contact"), "local": "rule"})
QUIET_ZONE: Kind[str] = Kind(_WHOSE.says, {**_WHOSE.schema, "literally": True}, _WHOSE.read)
_THEN = choice("hold", "drop", meant={**dict.fromkeys(("wait", "queue"), "hold"), "skip": "drop"})
QUIET_THEN: Kind[str] = Kind(_THEN.says, {**_THEN.schema, "literally": True}, _THEN.read)
IF_UNSURE = Kind("one of hold, send_again, drop", {"enum": ["hold", "send_again", "drop"], "literally": True}, str)
SILENCE = choice("silent", "debug", "info", "warning", "error", "critical")
DOMAIN = Kind("automation or script", {"enum": ["automation", "script"], "literally": True}, str)
CONDITIONS = _nested("a list of conditions", "conditions")
STEPS = _nested("a list of steps", "steps")
TRIGGERS = _nested("a list of triggers", "triggers")
BRANCHES = _nested("a list of branches, each with conditions and sequence", "branches")
PARALLEL = _nested("a list of steps, or of sequences of steps", "parallel")
REPEAT: Kind[Json] = Kind(
    "a mapping with count, for_each, while or until, and sequence", {"type": "object", "of": "repeat"}, _as_it_is
)
RETRY: Kind[Json] = Kind(
    "a number of attempts, or a mapping such as {attempts: 3, wait: 10}", {"type": "object", "of": "retry"}, _as_it_is
)
QUIET: Kind[Json] = Kind(
    'a mapping such as {from: "21:00", to: "08:00"}',
    {"type": "object", "of": "quiet"},
    _as_it_is,
    'write when it becomes quiet and when that is over, such as {from: "21:00", to: "08:00"}',
)
DIGEST: Kind[Json] = Kind(
    "a mapping such as {every: {hours: 1}, max: 50}",
    {"type": "object", "of": "digest"},
    _as_it_is,
    "write for how long events are gathered, such as {for: {minutes: 10}}",
)
NOTHING: Kind[Json] = Kind("nothing", {"type": ["null", "string", "array", "object"], "literally": True}, _as_it_is)
ONE_CONDITION: Kind[Json] = Kind("a condition", {"of": "condition"}, _as_it_is)
FIELDS: Kind[dict[str, Json]] = Kind(
    "a mapping of names to what they are for", {"type": "object", "literally": True}, MAPPING.read
)
EACH: Kind[Json] = Kind("a list, or a template that gives one", {"type": "array"}, _as_it_is)
FLAG = either("true, false or a template", BOOLEAN)


class RuleKeys(Block):
    """The keys of a rule."""

    id = optional(WORD, "The rule's name for ever: letters, digits and _; without it, it is made from the alias")
    alias = optional(WORD, "The rule's name for people")
    description = optional(WORD, "What the rule is for")
    triggers = required(TRIGGERS, "When the rule runs")
    conditions = optional(CONDITIONS, "Only if all of these hold")
    actions = required(STEPS, "What the rule does, step by step")
    variables = optional(MAPPING, "Names for values, worked out when a trigger fires")
    trigger_variables = optional(MAPPING, "Names for values that templates of the triggers may read")
    mode = optional(MODE, "What happens when the rule is still running")
    max = optional(integer(2, 100_000), "How many runs may wait or run at once")
    max_exceeded = optional(SILENCE, "How loud it is when a run is refused")
    per = optional(TEXT, "A template: mode, cooldown and holds are kept for each of its values, such as each contact")
    valid_for = optional(DURATION, "How long after it was due a message may still be sent")
    digest = optional(DIGEST, "Gather events, and handle them in one run, as `trigger.events`")
    missed = optional(MISSED, "What becomes of times that passed while rulewheel was not running")
    cooldown = optional(DURATION, "How long the rule rests after it has started, for each value of `per`")
    max_sends = optional(MAX_SENDS, "How much the rule may send in an hour and a day, in all")
    quiet_hours = optional(QUIET, "When no message may leave: at night, for example")
    if_unsure = optional(IF_UNSURE, "What to do with a message of which nobody can say whether it arrived")
    on_error = optional(STEPS, "Steps for when the rule fails; `error` says why")
    resolved = optional(STEPS, "Steps for when what fired is over; `resolved.after` is after how many seconds")
    finally_ = optional(STEPS, "Steps for the end, however the rule ended; `error` says what went wrong, or is empty")
    initial_state = optional(BOOLEAN, "Whether the rule is on at every start, however somebody had switched it")
    trace = optional(ANYTHING, "Taken along from Home Assistant; every run is kept here")
    note = optional(ANYTHING, "A remark for people")


class ScriptKeys(Block):
    """The keys of a script: steps under a name, which rules and other scripts call."""

    alias = optional(WORD, "The script's name for people")
    description = optional(WORD, "What the script is for")
    icon = optional(ANYTHING, "Taken along from Home Assistant")
    fields_ = optional(FIELDS, "What may be handed to the script, each with what it is for")
    sequence = required(STEPS, "What the script does, step by step")
    variables = optional(MAPPING, "Names for values, for those that are not handed in")
    mode = optional(MODE, "What happens when the script is still running")
    max = optional(integer(2, 100_000), "How many runs may wait or run at once")
    max_exceeded = optional(SILENCE, "How loud it is when a run is refused")
    valid_for = optional(DURATION, "How long after it was due a message may still be sent")
    max_sends = optional(MAX_SENDS, "How much the script may send in an hour and a day, in all")
    quiet_hours = optional(QUIET, "When no message may leave: at night, for example")
    if_unsure = optional(IF_UNSURE, "What to do with a message of which nobody can say whether it arrived")
    on_error = optional(STEPS, "Steps for when the script fails; `error` says why")
    finally_ = optional(STEPS, "Steps for the end, however the script ended; `error` says what went wrong, or is empty")
    trace = optional(ANYTHING, "Taken along from Home Assistant; every run is kept here")
    note = optional(ANYTHING, "A remark for people")


class TriggerKeys(Block):
    """The keys that every trigger may have, beside those of its kind."""

    trigger = required(WORD, "The kind of trigger")
    id = optional(WORD, "A name for this trigger, for `trigger.id` and the condition `trigger`")
    alias = optional(WORD, "A name for people")
    enabled = optional(FLAG, "Whether the trigger is on")
    variables = optional(MAPPING, "Names for values, worked out when this trigger fires")
    dedupe = optional(TEXT, "A template, such as the id of an order: what gives the same again is not handled again")
    note = optional(ANYTHING, "A remark for people")


class InnerTriggerKeys(Block):
    """The keys that a trigger inside another may have, beside those of its kind."""

    trigger = required(WORD, "The kind of trigger")
    id = optional(WORD, "A name for it, which the outer trigger tells")
    alias = optional(WORD, "A name for people")
    dedupe = optional(TEXT, "A template, such as the id of an order: what gives the same again is not counted again")
    note = optional(ANYTHING, "A remark for people")


class Condition(Block):
    """The keys that every condition may have; `knows` are the names that its `late` templates may read besides."""

    knows: ClassVar[tuple[str, ...]] = ()
    condition = required(WORD, "The kind of condition")
    alias = optional(WORD, "A name for people")
    enabled = optional(FLAG, "Whether the condition counts")
    note = optional(ANYTHING, "A remark for people")


class TemplateCondition(Condition):
    """Holds when the template gives true."""

    value_template = required(TEXT, "A template that gives true or false")


class LogicCondition(Condition):
    """Joins other conditions."""

    conditions = required(CONDITIONS, "The conditions that are joined")


class CompareCondition(Condition):
    """Compares a value, usually a template."""

    value = required(ANYTHING, "What is compared, usually a template")
    above = optional(NUMBER, "Holds when the value is more than this")
    below = optional(NUMBER, "Holds when the value is less than this")
    equals = optional(ANYTHING, "Holds when the value is the same")
    in_ = optional(ANYTHING, "Holds when the value is one of this list, or part of this text")
    contains = optional(ANYTHING, "Holds when the value, a list or a text, contains this")
    matches = optional(TEXT, "Holds when this regular expression is found in the value")

    def check(self) -> list[tuple[str, str]]:
        tests = ("above", "below", "equals", "in_", "contains", "matches")
        if all(getattr(self, test) is None for test in tests):
            return [("", "it is compared with nothing; add one of above, below, equals, in, contains and matches")]
        if self.above is not None and self.below is not None and self.above >= self.below:
            return [("below", f"nothing is above {self.above} and below {self.below}; above must be the smaller one")]
        return []


class TriggerCondition(Condition):
    """Holds when one of these triggers fired."""

    id = required(many(WORD), "The ids of triggers of this rule")


_MATCH = {**dict.fromkeys(("one", "some", "either"), "any"), **dict.fromkeys(("every", "each", "both"), "all")}


class StateCondition(Condition):
    """Holds when an entity has one of these states; of several entities all have to, or with `match: any` one."""

    entity_id = required(ENTITIES, "The entity: one, a list, or several with commas between them")
    state = required(STATES, "The state, or a list of them; the name of an `input_…` entity means what it holds")
    match = default(
        choice("all", "any", meant=_MATCH), "all", "Whether all of the entities have to be so, or any of them"
    )
    attribute = optional(TEXT, "Look at this attribute and not at the state; it is compared by type")
    for_ = optional(DURATION, "Only if the state has been so for longer than this")

    def check(self) -> list[tuple[str, str]]:
        fault = truth_as_state(self.state) if self.attribute is None else ""
        return [("state", fault)] if fault else []


class NumericStateCondition(Condition):
    """Holds when the numbers that the entities hold lie between the bounds; a bound itself is outside."""

    knows = ("state",)
    entity_id = required(ENTITIES, "The entity: one, a list, or several with commas between them; all have to fit")
    above = optional(BOUND, "Holds when the number is more than this, or than what this entity holds")
    below = optional(BOUND, "Holds when the number is less than this, or than what this entity holds")
    attribute = optional(TEXT, "Look at this attribute and not at the state")
    value_template = optional(late(TEXT), "A template that gives the number; `state` is the entity as it stands")

    @property
    def bounds(self) -> Bounds:
        """The bounds as they are written."""
        return Bounds(self.above, self.below)

    def check(self) -> list[tuple[str, str]]:
        fault = self.bounds.fault()
        return [("above", fault)] if fault else []


class TimeCondition(Condition):
    """Holds at these times of day, in your time zone; with `after` later than `before`, over midnight."""

    after = optional(TIME_OR_ENTITY, "From this time on, itself included; or what this entity holds")
    before = optional(TIME_OR_ENTITY, "Up to this time, itself not included; or what this entity holds")
    weekday = optional(many(WEEKDAY), "Only on these days of the week; after midnight it is the new day's")

    def check(self) -> list[tuple[str, str]]:
        if self.after is None and self.before is None and self.weekday is None:
            return [("", 'none of after, before and weekday is given; add one, such as after: "09:00"')]
        return []


class HolidayCondition(Condition):
    """Holds when a day is a public holiday in a country, or in a part of it; with `not`, when it is none."""

    country = required(COUNTRY, "The country, by its code of two letters")
    subdivision = optional(TEXT, "A state or region by its code, such as KA, for the holidays of that part as well")
    date = optional(DAY, "The day, or a template that gives one; without it today, in your time zone")

    def check(self) -> list[tuple[str, str]]:
        if fault := country_fault(self.country):
            return [("country", fault)]
        fault = subdivision_fault(self.country, self.subdivision) if self.subdivision else ""
        return [("subdivision", fault)] if fault else []


class Step(Block):
    """The keys that every step may have."""

    alias = optional(WORD, "A name for people")
    enabled = optional(FLAG, "Whether the step is done")
    continue_on_error = optional(BOOLEAN, "Whether the run goes on when this step fails")
    note = optional(ANYTHING, "A remark for people")


class ActionStep(Step):
    """Does something: sends a message, calls a host, changes a value."""

    action = required(TEXT, "What to do, or a template that gives its name")
    data = optional(MAPPING, "What the action needs")
    response_variable = optional(NAME, "A name for the action's answer, for the steps that follow")
    retry = optional(RETRY, "How often, and how long apart, to try when it is refused")
    timeout = optional(DURATION, "How long the step may take")
    metadata = optional(ANYTHING, "Taken along from Home Assistant's editor")


class Retry(Block):
    """How a step is tried again."""

    attempts = required(integer(1, 10), "How often in all")
    wait = optional(DURATION, "How long to wait before the next attempt")


class QuietHours(Block):
    """When no message leaves, and what becomes of one that is asked for then."""

    from_ = required(TIME_OF_DAY, "When it becomes quiet")
    to = required(TIME_OF_DAY, "When it is over, on the same day or on the next")
    weekdays = optional(many(WEEKDAY), "Only on these days; what counts is the day on which it becomes quiet")
    zone = optional(QUIET_ZONE, "Whose clock counts: that of the contact, by the country of the number, or of the rule")
    then = optional(QUIET_THEN, "Whether a message is held until it is over, or dropped. Held if you say nothing")

    def check(self) -> list[tuple[str, str]]:
        if self.from_ == self.to:
            return [("to", "from and to are the same time; quiet hours begin at one time and end at another")]
        return []


class Digest(Block):
    """For how long events are gathered: one of every, for and at; and how many of them."""

    every = optional(DURATION, "Until the clock has gone on so far, counted from midnight: each full hour, for example")
    for_ = optional(DURATION, "For so long, from the first event on")
    at = optional(many(TIME_OF_DAY), "Until this time of the day, or the first of several")
    max = optional(integer(2, 1_000), "So many at most; then they are handled at once. 100 if you say nothing")

    def check(self) -> list[tuple[str, str]]:
        given = [
            key for key, value in (("every", self.every), ("for", self.for_), ("at", self.at)) if value is not None
        ]
        if not given:
            return [("", "it does not say for how long; add one of every, for and at")]
        if len(given) > 1:
            return [(given[1], f'"{given[0]}" and "{given[1]}" are both given; keep one of them')]
        wait = self.every or self.for_
        if wait is not None and isinstance(wait, timedelta) and wait <= timedelta(0):
            return [(given[0], "this is no time at all; write a longer one, such as {minutes: 10}")]
        return []


class DelayStep(Step):
    """Waits."""

    delay = required(DURATION, "How long")


class ConditionStep(Step):
    """Goes on only if the condition holds."""

    condition = required(ONE_CONDITION, "The condition")


class IfStep(Step):
    """Does one thing or another."""

    if_ = required(CONDITIONS, "The conditions")
    then = required(STEPS, "The steps when all of them hold")
    else_ = optional(STEPS, "The steps when they do not")


class Branch(Block):
    """One of the branches of choose."""

    conditions = required(CONDITIONS, "The conditions of this branch")
    sequence = required(STEPS, "Its steps")
    alias = optional(WORD, "A name for people")
    enabled = optional(FLAG, "Whether the branch counts")
    note = optional(ANYTHING, "A remark for people")


class ChooseStep(Step):
    """Does the first branch whose conditions hold."""

    choose = required(BRANCHES, "The branches, looked at in order")
    default = optional(STEPS, "The steps when no branch fits")


class RepeatStep(Step):
    """Does its steps again and again."""

    repeat = required(REPEAT, "How often, and what")


class Repeat(Block):
    """How often steps are done, by one of count, for_each, while and until."""

    count = optional(integer(0, 1_000_000_000), "So many times")
    for_each = optional(EACH, "Once for each element of a list; `repeat.item` is the element")
    while_ = optional(CONDITIONS, "As long as these hold; looked at before each round")
    until = optional(CONDITIONS, "Until these hold; looked at after each round")
    sequence = required(STEPS, "The steps; they see `repeat.index`, `repeat.first` and `repeat.last`")


class ParallelStep(Step):
    """Does several things at once, and goes on when all are done."""

    parallel = required(PARALLEL, "The branches: a step, or a sequence of steps")


class ParallelBranch(Block):
    """One of the branches of parallel."""

    sequence = required(STEPS, "Its steps")
    alias = optional(WORD, "A name for people")
    enabled = optional(FLAG, "Whether the branch counts")
    note = optional(ANYTHING, "A remark for people")


class SequenceStep(Step):
    """Groups steps."""

    sequence = required(STEPS, "The steps")


class WaitTemplateStep(Step):
    """Waits until a template is true."""

    wait_template = required(TEXT, "The template")
    timeout = optional(DURATION, "How long at most")
    continue_on_timeout = optional(BOOLEAN, "Whether the run goes on when the time is up; otherwise it ends")


class WaitForTriggerStep(Step):
    """Waits until one of its triggers fires."""

    wait_for_trigger = required(TRIGGERS, "The triggers")
    timeout = optional(DURATION, "How long at most")
    continue_on_timeout = optional(BOOLEAN, "Whether the run goes on when the time is up; otherwise it ends")


class WaitForReplyStep(Step):
    """Waits until a contact writes to us.

    `wait.reply` is the message then: `text`, `type`, `payload` (of a button), `from`, `name`, `message_id`, `at`.
    """

    wait_for_reply = required(NOTHING, "Nothing; from whom and how long stands beside it")
    from_ = optional(many(PHONE), "The number, or a list of them; without it those to whom the run's last message went")
    timeout = optional(DURATION, "How long at most")
    continue_on_timeout = optional(BOOLEAN, "Whether the run goes on when the time is up; otherwise it ends")


class VariablesStep(Step):
    """Names values."""

    variables = required(MAPPING, "Names and values; later ones may use earlier ones")


class StopStep(Step):
    """Ends the run."""

    stop = required(TEXT, "Why")
    error = optional(BOOLEAN, "Whether the run counts as failed")
    response_variable = optional(NAME, "The variable that is the run's answer")


class EventStep(Step):
    """Fires an event, for rules with the trigger `event`."""

    event = required(TEXT, "The type of the event")
    event_data = optional(MAPPING, "What the event carries")


class UseBlueprint(Block):
    """Makes a rule of a blueprint; keys beside it take the place of the blueprint's own."""

    path = required(WORD, "The blueprint's file, below the folder blueprints")
    input = optional(MAPPING, "What the blueprint asks for")


class BlueprintKeys(Block):
    """What a blueprint says of itself."""

    name = required(TEXT, "The blueprint's name for people")
    description = optional(TEXT, "What it is for")
    domain = required(DOMAIN, "What is made of it: a rule (automation) or a script")
    author = optional(TEXT, "Who wrote it")
    source_url = optional(URL, "Where it comes from")
    homeassistant = optional(MAPPING, "Taken along from Home Assistant")
    input = optional(MAPPING, "What it asks for, by name; inside it, `!input name` stands for what is given")


class InputKeys(Block):
    """One thing that a blueprint asks for."""

    name = optional(TEXT, "Its name for people")
    description = optional(TEXT, "What to give")
    default = optional(ANYTHING, "What it is where nothing is given; without it something must be given")
    selector = optional(ANYTHING, "What may be given")
    visible = optional(ANYTHING, "When a form shows it")


class SectionKeys(Block):
    """Inputs that a form shows together."""

    name = optional(TEXT, "The heading")
    icon = optional(TEXT, "A picture for it")
    description = optional(TEXT, "What they are for")
    collapsed = optional(BOOLEAN, "Whether a form shows only the heading")
    input = required(MAPPING, "The inputs, by name")


CONDITION_KINDS: Mapping[str, type[Condition]] = {
    "template": TemplateCondition,
    "and": LogicCondition,
    "or": LogicCondition,
    "not": LogicCondition,
    "compare": CompareCondition,
    "trigger": TriggerCondition,
    "state": StateCondition,
    "numeric_state": NumericStateCondition,
    "time": TimeCondition,
    "holiday": HolidayCondition,
}
STEP_KINDS: Mapping[str, type[Step]] = {
    "action": ActionStep,
    "delay": DelayStep,
    "if": IfStep,
    "choose": ChooseStep,
    "repeat": RepeatStep,
    "parallel": ParallelStep,
    "sequence": SequenceStep,
    "wait_template": WaitTemplateStep,
    "wait_for_trigger": WaitForTriggerStep,
    "wait_for_reply": WaitForReplyStep,
    "variables": VariablesStep,
    "stop": StopStep,
    "event": EventStep,
    "condition": ConditionStep,
}
LATER_STEPS = frozenset({"set_conversation_response"})
LATER_TRIGGERS = frozenset({"calendar"})
DEVICE_KINDS = frozenset({"device", "zone", "geo_location", "tag", "scene", "device_id"})
NEEDS: Mapping[str, tuple[str, str]] = {
    "device": ("devices", "name the entity with the trigger state instead"),
    "zone": ("devices that move", "rulewheel does not know where people are; let their app call a webhook"),
    "geo_location": ("devices that move", "rulewheel does not know where things are; let what knows it call a webhook"),
    "tag": ("tags and their readers", "let what reads the tag call a webhook"),
    "sun": ("a place on earth", "write the time of day with the trigger time"),
    "mqtt": ("a broker of MQTT messages", "let what publishes the message call a webhook"),
    "conversation": ("a voice assistant", "messages of customers come in by webhook"),
}
"""What triggers and conditions of Home Assistant need that rulewheel has not, and what to do instead."""


# The schema for editors

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATE = {"title": "a template", "type": "string", "pattern": r"\{\{|\{%|\{#"}


def published(registry: Registry) -> dict[str, Json]:
    """One JSON Schema of a rule file for editors, the same bytes for the same plugins."""
    shared = _Shared()
    rules = {"type": "array", "items": {"$ref": "#/$defs/rule"}}
    mapping = {
        "type": "object",
        "properties": _entities(shared),
        "patternProperties": {"^(rules|automation( .*)?)$": rules},
        "additionalProperties": False,
    }
    definitions: dict[str, Json] = {
        "template": _TEMPLATE,
        "rule": _rule(shared),
        "blueprint": _blueprint(shared),
        "sensor": shared.block(Sensor),
        "trigger": _by_kind("trigger", registry.triggers, shared, TriggerKeys),
        "condition": {"anyOf": [_TEMPLATE, *_short_conditions(), _by_word("condition", CONDITION_KINDS, shared)]},
        "step": _steps(registry, shared),
        "branch": shared.block(Branch),
        "parallel": {"anyOf": [{"$ref": "#/$defs/step"}, _one_or_many("step"), shared.block(ParallelBranch)]},
        "repeat": shared.block(Repeat),
        "digest": shared.block(Digest),
        "quiet": shared.block(QuietHours),
        "retry": {"anyOf": [{"type": "integer"}, shared.block(Retry)]},
        "poll": {**shared.block(Question), "allOf": _data_by_action(registry, shared)},
    }
    return {
        "$schema": _DIALECT,
        "title": "A rulewheel rule file",
        "anyOf": [rules, mapping, {"$ref": "#/$defs/rule"}, {"$ref": "#/$defs/blueprint"}],
        "$defs": {**definitions, **shared.definitions()},
    }


def _entities(shared: _Shared) -> dict[str, Json]:
    """What a file declares, by kind: each entity by its name, sensors as a list as well."""
    kinds = {name: shared.block(kind) for name, kind in DECLARED.items()}
    listed = _one_or_many("sensor")
    sensor = {"type": "object", "additionalProperties": {"$ref": "#/$defs/sensor"}}
    by_name: dict[str, Json] = {
        name: {"type": "object", "additionalProperties": {"anyOf": [{"type": "null"}, block]}}
        for name, block in kinds.items()
        if name != "sensor"
    }
    of_a_template = {"type": "object", "properties": {"sensor": listed}, "additionalProperties": False}
    templates = {"anyOf": [of_a_template, {"type": "array", "items": of_a_template}]}
    return {**by_name, "sensors": {"anyOf": [sensor, listed["anyOf"][1]]}, "template": templates}


def _rule(shared: _Shared) -> dict[str, Json]:
    """A rule as it stands, or one of a blueprint, which brings what is missing."""
    written = shared.block(RuleKeys)
    given = {"use_blueprint": shared.block(UseBlueprint), **written["properties"]}
    of_a_blueprint = {**written, "properties": given, "required": ["use_blueprint"]}
    return {"if": {"type": "object", "required": ["use_blueprint"]}, "then": of_a_blueprint, "else": written}


def _blueprint(shared: _Shared) -> dict[str, Json]:
    """A blueprint's file; its rule has gaps, which are no plain values, so only the head is judged."""
    one = shared.block(InputKeys)
    one["properties"]["selector"] = {
        "type": "object",
        "description": InputKeys.selector.says,
        "propertyNames": {"enum": list(SELECTORS)},
        "minProperties": 1,
        "maxProperties": 1,
    }
    gap = {"anyOf": [{"type": "null"}, one]}
    section = shared.block(SectionKeys)
    section["properties"]["input"] = {"type": "object", "additionalProperties": gap}
    head = shared.block(BlueprintKeys)
    head["properties"]["input"] = {
        "type": "object",
        "description": BlueprintKeys.input.says,
        "additionalProperties": {"if": {"type": "object", "required": ["input"]}, "then": section, "else": gap},
    }
    return {"type": "object", "properties": {"blueprint": head}, "required": ["blueprint"]}


class _Shared:
    """Kinds that many fields share, each once below `$defs`."""

    def __init__(self) -> None:
        self._kinds: dict[str, Json] = {}

    def definitions(self) -> dict[str, Json]:
        return dict(sorted(self._kinds.items()))

    def block(self, block: type[Block], hidden: Iterable[str] = ()) -> dict[str, Json]:
        """A block's schema in which every value may be a template of it."""
        fields = {key: field for key, field in block.fields().items() if key not in set(hidden)}
        return {
            "type": "object",
            "description": (block.__doc__ or "").strip().split("\n")[0],
            "properties": {key: self.field(field) for key, field in fields.items()},
            "required": [key for key, field in fields.items() if field.required],
            "additionalProperties": False,
        }

    def field(self, field: Field[Any]) -> dict[str, Json]:
        schema = field.kind.schema
        if "of" in schema:
            return {**_NESTED[schema["of"]], "description": field.says}
        if schema.get("literally"):
            kept = {key: _helpless(value) for key, value in schema.items() if key not in _OURS - {"title"}}
            return {**kept, "description": field.says}
        name = _pointer(field.kind.says)
        self._kinds.setdefault(name, {"title": field.kind.says, **_or_template(schema)})
        return {"$ref": f"#/$defs/{name}", "description": field.says}


def _one_or_many(of: str) -> dict[str, Json]:
    one = {"$ref": f"#/$defs/{of}"}
    return {"anyOf": [one, {"type": "array", "items": one}]}


_NESTED: Mapping[str, dict[str, Json]] = {
    "triggers": _one_or_many("trigger"),
    "conditions": _one_or_many("condition"),
    "steps": _one_or_many("step"),
    "branches": _one_or_many("branch"),
    "condition": {"$ref": "#/$defs/condition"},
    "parallel": _one_or_many("parallel"),
    "repeat": {"$ref": "#/$defs/repeat"},
    "retry": {"$ref": "#/$defs/retry"},
    "poll": {"$ref": "#/$defs/poll"},
    "data": {"type": "object"},
    "digest": {"$ref": "#/$defs/digest"},
    "quiet": {"$ref": "#/$defs/quiet"},
}


_OURS = frozenset(("title", "literally", "help", "meant", LATE, IS_ENTITY))
"""What schemas say to us alone."""


def _or_template(schema: Mapping[str, Json]) -> dict[str, Json]:
    """The schema, with a template standing for the value and for each element of it."""
    kept = {key: _helpless(value) for key, value in schema.items() if key not in _OURS}
    if "items" in kept:
        kept["items"] = _or_template(kept["items"])
    alternatives = [_or_template(each) for each in kept.pop("anyOf")] if "anyOf" in kept else [kept]
    template: dict[str, Json] = {"$ref": "#/$defs/template"}
    return {"anyOf": [template, *(each for each in alternatives if each != template)]} if kept or alternatives else {}


def _helpless(value: Json) -> Json:
    """The schemas inside a schema, without the advice that they have for our own messages."""
    if isinstance(value, list):
        return [_helpless(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: _helpless(each) for key, each in value.items() if key != "help" or not isinstance(each, str)}


def _pointer(name: str) -> str:
    """What a kind is called below `$defs`."""
    return "-".join("".join(char if char.isalnum() else " " for char in name).split())


def _by_kind(key: str, plugins: Mapping[str, type[Block]], shared: _Shared, common: type[Block]) -> dict[str, Json]:
    """A mapping whose `key` names a plugin: `if` it has that name, `then` it has its fields."""
    general = shared.block(common)["properties"]
    cases = []
    for name in sorted(plugins):
        own = shared.block(plugins[name])
        properties = {**general, **own["properties"], key: {"const": name}}
        cases.append(_case(key, name, {**own, "properties": properties, "required": [key, *own["required"]]}))
    return {
        "type": "object",
        "properties": {key: {"enum": sorted(plugins), "description": common.fields()[key].says}},
        "required": [key],
        "allOf": cases,
    }


def _case(key: str, name: str, then: Json) -> dict[str, Json]:
    return {"if": {"properties": {key: {"const": name}}, "required": [key]}, "then": then}


def _by_word(key: str, kinds: Mapping[str, type[Block]], shared: _Shared) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": {key: {"enum": list(kinds)}},
        "required": [key],
        "allOf": [_case(key, word, shared.block(block)) for word, block in kinds.items()],
    }


def _short_conditions() -> list[dict[str, Json]]:
    return [
        {"type": "object", "properties": {word: _NESTED["conditions"]}, "required": [word]}
        for word in ("and", "or", "not")
    ]


def _steps(registry: Registry, shared: _Shared) -> dict[str, Json]:
    """A step: its kind is told by the key that it has, an action's fields by the action's name."""
    cases = []
    for key, block in STEP_KINDS.items():
        then: dict[str, Json] = {"$ref": "#/$defs/condition"} if key == "condition" else shared.block(block)
        if key == "action":
            then["properties"]["action"] = {"enum": sorted(registry.actions), "description": "What to do"}
            then["allOf"] = _data_by_action(registry, shared)
        cases.append({"if": {"type": "object", "required": [key]}, "then": then})
    return {"anyOf": [_TEMPLATE, *_short_conditions(), _one_of_keys(cases)]}


def _data_by_action(registry: Registry, shared: _Shared) -> list[dict[str, Json]]:
    return [
        _case("action", name, {"properties": {"data": shared.block(registry.actions[name])}})
        for name in sorted(registry.actions)
    ]


def _one_of_keys(cases: list[dict[str, Json]]) -> dict[str, Json]:
    return {"type": "object", "anyOf": [{"required": [key]} for key in STEP_KINDS], "allOf": cases}
