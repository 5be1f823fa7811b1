"""What is wrong with one rule: its values, templates, names and secrets, told where the author wrote them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import re2

from engine.declared import DECLARED
from engine.field import Block, Field
from engine.judge import MOST_FAULTS, Fault, Path, block_faults, found, named, problem_of, shown, stands_for_any
from engine.kinds import IS_ENTITY, is_entity
from engine.problem import Place, Problem, near
from engine.rules.blueprint import Use
from engine.rules.known import Known
from engine.rules.names import Names
from engine.rules.normalise import Draft
from engine.rules.schema import ActionStep
from engine.source import Source
from engine.source.scalar import InputRef, SecretRef, references
from engine.template import Template, TemplateProblem, is_template
from engine.values import Json

_LONGEST_BLOCK = 60
_ASKED = re.compile(
    r"""\b(?:states|state_attr|is_state|is_state_attr|has_value)\(\s*(['"])(?P<called>[a-z]\w*\.[\w.-]+)\1"""
    r"""|(?<![.\w'"])states\.(?P<path>[a-z]\w*\.\w+)""",
    re.ASCII,
)
"""Where a template asks for an entity by its name."""
_GAP = re.compile(r"!input\s+([\w.-]+)")


class Complaints:
    """The problems of one rule; every path that is handed in is canonical."""

    def __init__(self, draft: Draft, source: Source, known: Known, use: Use | None = None) -> None:
        self._draft = draft
        self._source = source
        self._known = known
        self._use = use
        self.problems: list[Problem] = []
        for problem in use.in_the_way if use is not None else ():
            self._add(problem)
        for fault in draft.faults:
            self._add(problem_of(fault, source))

    @property
    def full(self) -> bool:
        """Whether there are so many that the rest of the rule need not be looked at."""
        return len(self.problems) > MOST_FAULTS

    def _add(self, problem: Problem) -> None:
        problem = self._use.told(problem) if self._use is not None else problem
        if len(self.problems) == MOST_FAULTS:
            self.problems.append(too_many(f"more than {MOST_FAULTS} problems in one rule", problem.place))
        elif not self.full:
            self.problems.append(problem)

    @property
    def errors(self) -> int:
        """How many of them keep the rule from running."""
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def fatal(self) -> bool:
        """Whether one of them keeps the rule from running."""
        return self.errors > 0

    def block(self, block: type[Block], values: Json, at: Path, beside: type[Block] | None = None) -> bool:
        """Judges a mapping by a block; whether it is right. `beside` are keys that stand in the same mapping."""
        if not isinstance(values, dict) or self.full:
            return False
        faults = block_faults(block, values)
        for fault in faults:
            if beside is not None and fault.code == "unknown-key" and len(fault.path) == 1:
                fault = _with_keys(fault, block, beside)
            self.fault(replace(fault, path=(*at, *fault.path)))
        self._secrets(block, values, at)
        self._entities(block, values, at)
        return not faults

    def _entities(self, block: type[Block], values: dict[str, Json], at: Path) -> None:
        """Warns of entities that nobody declares."""
        fields = block.fields()
        for key, value in values.items():
            for path, entity in _entities_in(value, (*at, key)) if key in fields and _names_entity(fields[key]) else ():
                self._entity(entity, self._source.places.value(self._draft.written_at(path)))

    def _secrets(self, block: type[Block], values: dict[str, Json], at: Path) -> None:
        fields = block.fields()
        for key, value in values.items():
            if key not in fields or "of" in fields[key].kind.schema or fields[key] is ActionStep.data:
                continue  # judged on their own
            for path, reference in references(value, (*at, key)):
                self._reference(reference, path, fields[key].secret)

    def _reference(self, reference: SecretRef | InputRef, path: Path, welcome: bool) -> None:
        if isinstance(reference, InputRef):
            return  # a gap of a blueprint; elsewhere it was told of before
        if not welcome:
            remedy = "a secret goes only into the headers of a call, and into the settings"
            self.fault(Fault(path, "secret-not-here", f'the secret "{reference.name}" may not go here', remedy=remedy))
        elif self._known.secrets is not None and reference.name not in self._known.secrets:
            message = f'there is no secret "{reference.name}"'
            remedy = near(reference.name, self._known.secrets) or f'add a line "{reference.name}: …" to secrets.yaml'
            self.fault(Fault(path, "unknown-secret", message, remedy=remedy))

    def variables(self, variables: Json, at: Path, names: Names) -> None:
        """Values in order; each may read those before it."""
        for name, value in variables.items() if isinstance(variables, dict) else ():
            self.templates(value, (*at, name), names)
            names.add(name)

    def templates(self, value: Json, at: Path, names: Names) -> None:
        """Every template inside a value: how it is written, and which names it reads."""
        if self.full:
            return
        if isinstance(value, str):
            if is_template(value):
                self._template(value, at, names)
        elif isinstance(value, dict):
            for key, part in value.items():
                self.templates(key, (*at, key), names)
                self.templates(part, (*at, key), names)
        elif isinstance(value, list):
            for index, part in enumerate(value):
                self.templates(part, (*at, index), names)

    def _template(self, text: str, at: Path, names: Names) -> None:
        try:
            template = Template.parse(text)
        except TemplateProblem as error:
            place = self._place_in(text, at, error.line, error.column, error.subject)
            self._bad_template(error, text, place)
            return
        if names.is_limited:
            self._limited(text, template, at)
        self._entities_of(text, at)
        for read in template.reads:
            complaint = None if read.optional else names.complaint(read.path)
            if complaint is not None:
                place = self._place_in(text, at, read.line, read.column, read.path)
                self._add(replace(complaint, place=place))

    def _bad_template(self, error: TemplateProblem, text: str, place: Place) -> None:
        problem = Problem("bad-template", error.message, place, expected=error.expected, remedy=error.remedy)
        if gap := _GAP.search(text):
            name = shown(gap[1])
            remedy = f'give it a name, with "{name}: !input {name}" below "variables:", and write {{{{ {name} }}}}'
            place = replace(place, length=len(gap[0]))
            problem = replace(
                problem, place=place, message="!input does not work inside a template", expected="", remedy=remedy
            )
        self._add(problem)

    def _limited(self, text: str, template: Template, at: Path) -> None:
        """A template that is worked out when the rule is read asks neither for the time nor for states."""
        for code, read in (("no-clock-here", template.asks_clock), ("no-states-here", template.asks_states)):
            if read is not None:
                remedy = "a template of a trigger is worked out once, when the rule is read; write a fixed value"
                place = self._place_in(text, at, read.line, read.column, read.path)
                self._add(Problem(code, f"`{read.path}` cannot be asked here", place, remedy=remedy))

    def _entities_of(self, text: str, at: Path) -> None:
        """Warns of entities that a template asks for by name and nobody declares."""
        for asked in _ASKED.finditer(text):
            entity, start = asked["called"] or asked["path"], max(asked.start("called"), asked.start("path"))
            line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
            self._entity(entity, self._place_in(text, at, line, column, entity))

    def _entity(self, entity: str, place: Place) -> None:
        """Warns of an entity, named at this place, if surely nobody declares it."""
        if self._known.lacks(entity):
            kin = [each for each in self._known.kin(entity) if each.partition(".")[0] == entity.partition(".")[0]]
            remedy = near(entity, kin or self._known.kin(entity)) or _declare(entity)
            expected = f"one of {', '.join(kin[:20])}" if kin else ""
            message = f'there is no entity "{shown(entity)}"'
            self._add(Problem("unknown-entity", message, place, expected, remedy, severity="warning"))

    def _place_in(self, text: str, at: Path, line: int, column: int, subject: str) -> Place:
        """Where a spot inside a template stands in the file; the template itself where that cannot be told."""
        written = self._draft.written_at(at)
        value = self._source.places.value(written)
        file = self._source.places.at(written)[0].lines
        lines = text.split("\n")
        whole = lines[line - 1] if 0 < line <= len(lines) and column > 0 else ""
        for words, offset in ((whole, column), (subject, 1)):
            spot = _written_from(file, value, words) if words else None
            if spot is not None:
                return Place(value.file, spot[0], spot[1] + offset, max(1, len(subject)))
        return value

    def fault(self, fault: Fault) -> None:
        """Takes a fault at a canonical path down as a problem at the author's place."""
        written = self._draft.written_at(fault.path)
        own, theirs = named(fault.path), named(written)
        if written and fault.path and own != theirs and fault.message.startswith(own):
            fault = replace(fault, message=theirs + fault.message.removeprefix(own))
        also = tuple((self._draft.written_at(path), word) for path, word in fault.also)
        self._add(problem_of(replace(fault, path=written, also=also), self._source))

    def expression(self, pattern: Json, at: Path) -> None:
        """A regular expression of the linear-time kind."""
        if not isinstance(pattern, str) or stands_for_any(pattern):
            return
        options = re2.Options()
        options.log_errors = False
        try:
            re2.compile(pattern, options)
        except re2.error as error:
            said = error.args[0] if error.args else ""
            why = (said.decode(errors="replace") if isinstance(said, bytes) else str(said)).rpartition(": ")
            message = f'"matches" is {found(pattern)}, and "{shown(why[2])}" in it is no regular expression'
            expected = "a regular expression without look-ahead, look-behind and back-references"
            remedy = f"{_EXPRESSION_FAULTS.get(why[0], why[0] or 'write it anew')}; a plain word is found as it stands"
            self.fault(Fault(at, "bad-expression", message, expected, remedy))


_EXPRESSION_FAULTS = {
    "invalid perl operator": "take out what begins with (?",
    "missing )": "close the bracket that is open",
    "unexpected )": "take out the bracket that is closed but never opened",
    "missing ]": "close the bracket that is open",
    "invalid escape sequence": "write a backslash only before characters that have a meaning",
    "no argument for repetition operator": "put something in front of *, + or ?",
}


def _written_from(file: list[str], value: Place, words: str) -> tuple[int, int] | None:
    """The line (from 1) and column (from 0) where these words next stand, from the value's place on."""
    for number, here in enumerate(file[value.line - 1 : value.line + _LONGEST_BLOCK], value.line):
        start = here.find(words, value.column - 1 if number == value.line else 0)
        if start >= 0:
            return number, start
    return None


def _declare(entity: str) -> str:
    domain = entity.partition(".")[0]
    if domain not in DECLARED:
        return f"rule files declare {', '.join(sorted(DECLARED))}; what else Home Assistant has needs devices"
    return f"declare it below {'sensors' if domain == 'sensor' else domain}: in a file of rules, or mend its name"


def too_many(message: str, place: Place | None) -> Problem:
    """The problem that the rest was not looked at."""
    return Problem("too-many-problems", message, place, remedy="mend the first ones, then check again")


def _with_keys(fault: Fault, block: type[Block], beside: type[Block]) -> Fault:
    known = [*block.fields(), *beside.fields()]
    remedy = near(str(fault.path[-1]), known) or fault.remedy
    return replace(fault, expected=f"one of {', '.join(known)}", remedy=remedy)


def _names_entity(field: Field[Any]) -> bool:
    """Whether the value of a field may be the name of an entity, or hold one."""
    schemas = [field.kind.schema]
    for schema in schemas:
        schemas += [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]
    return any(schema.get(IS_ENTITY) for schema in schemas)


def _entities_in(value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    """The names of entities in a value: a text, perhaps with commas, a list, or a mapping with `entity_id`."""
    if isinstance(value, str):
        yield from ((path, name) for each in value.split(",") if is_entity(name := each.strip()))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _entities_in(part, (*path, index))
    elif isinstance(value, dict) and "entity_id" in value:
        yield from _entities_in(value["entity_id"], (*path, "entity_id"))
