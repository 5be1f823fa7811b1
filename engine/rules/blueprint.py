"""Blueprints: rules with gaps, the inputs that fill them, and the rules that are made of both.

A blueprint is a file below `blueprints/`: what it says of itself under `blueprint:`, and a rule whose gaps are written
`!input name`. What fills a gap keeps the place where it was written, so a complaint about it names that place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

from engine.field import Block
from engine.judge import MOST_FAULTS, Fault, Path, block_faults, found, problem_of, shown
from engine.problem import Place, Problem, listing, near
from engine.rules.normalise import PLURALS
from engine.rules.schema import BlueprintKeys, InputKeys, SectionKeys, UseBlueprint
from engine.rules.selector import Wanted, selector_faults, wanted
from engine.source import DEFAULT, InputRef, Places, Source
from engine.source.places import Branch, Graft, Spot, span_of
from engine.source.scalar import references
from engine.values import Json

USE = "use_blueprint"
_MOST_USERS = 3
_MOST_SHOWN = 20
_MOST_NAMES = 200
_MOST_GUESSES = 5


@dataclass(frozen=True, slots=True)
class Input:
    """A gap of a blueprint: where it is declared, what it wants, and its default where it need not be given."""

    at: Path
    wanted: Wanted
    required: bool = True
    default: Json = None


@dataclass(frozen=True)
class Blueprint:
    """One blueprint as read: `path` is its file below the folder of blueprints; `mark` changes when its file does."""

    path: str
    source: Source
    mark: str = ""
    domain: str = "automation"
    inputs: Mapping[str, Input] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @cached_property
    def needed(self) -> list[str]:
        """The inputs that must be given."""
        return [name for name, each in self.inputs.items() if each.required]

    @cached_property
    def is_broken(self) -> bool:
        """Whether no rule can be made of it."""
        return any(problem.severity == "error" for problem in self.problems)

    @property
    def body(self) -> dict[str, Json]:
        """The rule with its gaps."""
        value = self.source.value
        return {key: part for key, part in value.items() if key != "blueprint"} if isinstance(value, dict) else {}


def blueprint_of(source: Source, path: str, mark: str) -> Blueprint:
    """The blueprint that a file holds, with all that is wrong in it but for its rule."""
    found_in = _Reader(source)
    found_in.read()
    problems = (*source.problems, *(problem_of(fault, source) for fault in found_in.faults))
    return Blueprint(path, source, mark, found_in.domain, found_in.inputs, problems)


class _Reader:
    """What one file says; what is wrong gathers in `faults`."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.faults: list[Fault] = []
        self.inputs: dict[str, Input] = {}
        self.domain = ""

    def read(self) -> None:
        value = self.source.value
        if value is None and any(problem.severity == "error" for problem in self.source.problems):
            return
        header = value.get("blueprint") if isinstance(value, dict) else None
        if not isinstance(header, dict):
            remedy = 'begin it with "blueprint:" and, below it and indented, "name:", "domain:" and "input:"'
            message = "this file lies among the blueprints, and is none"
            self.faults.append(Fault((), "no-blueprint", message, 'a mapping with the key "blueprint"', remedy))
            return
        self._header(header)
        self._gaps(header)

    def _header(self, header: dict[str, Json]) -> None:
        at: Path = ("blueprint",)
        self.domain = str(header.get("domain", ""))
        if self.domain == "template":
            message = "a blueprint for template entities"
            remedy = "rulewheel makes rules (domain: automation) and scripts of blueprints"
            self.faults.append(Fault((*at, "domain"), "wrong-domain", message, "automation or script", remedy))
            header = {**header, "domain": "automation"}
        self._block(BlueprintKeys, header, at)
        given = header.get("input")
        for name, declared in given.items() if isinstance(given, dict) else ():
            here = (*at, "input", name)
            if isinstance(declared, dict) and "input" in declared:
                self._section(declared, here)
            else:
                self._input(name, declared, here)

    def _block(self, block: type[Block], given: dict[str, Json], at: Path) -> None:
        """A key with nothing behind it is as good as none."""
        values = {key: value for key, value in given.items() if value is not None or key not in block.fields()}
        self.faults += [replace(fault, path=(*at, *fault.path)) for fault in block_faults(block, values)]

    def _section(self, section: dict[str, Json], at: Path) -> None:
        self._block(SectionKeys, {**section, "input": section["input"] or {}}, at)
        given = section["input"]
        for name, declared in given.items() if isinstance(given, dict) else ():
            self._input(name, declared, (*at, "input", name))

    def _input(self, name: str, declared: Json, at: Path) -> None:
        if name in self.inputs:
            message = f'a second input with the name "{shown(name)}"'
            remedy = "give one of the two another name; names are the same in all sections"
            also = ((self.inputs[name].at, "the first is here"),)
            self.faults.append(Fault(at, "input-twice", message, remedy=remedy, at_key=True, also=also))
            return
        if declared is not None and not isinstance(declared, dict):
            message = f'the input "{shown(name)}" is {found(declared)}'
            expected = "nothing, or a mapping with name, description, default and selector"
            self.faults.append(
                Fault(at, "wrong-type", message, expected, "write name: and selector: below it, indented")
            )
            declared = None
        declared = declared or {}
        self._block(InputKeys, declared, at)
        selector = declared.get("selector")
        one = Input(at, wanted(selector), "default" not in declared, declared.get("default"))
        self.inputs[name] = one
        if selector is not None:
            self.faults += selector_faults(selector, (*at, "selector"))
        if wrong := one.wanted.default_fault(one.default, (*at, "default")):
            self.faults.append(wrong)

    def _gaps(self, header: dict[str, Json]) -> None:
        """Gaps that nothing fills, and gaps where there can be none."""
        self.faults += [
            _astray(reference, path, "stands in what a blueprint says of itself")
            for path, reference in _gaps(header, ("blueprint",))
        ]
        for path, reference in _gaps(self.source.value, ()):
            if len(self.faults) > MOST_FAULTS:
                break
            if path[0] != "blueprint" and reference.name not in self.inputs:
                message = f'the blueprint declares no input "{shown(reference.name)}"'
                near_name = near(reference.name[:_MOST_NAMES], islice(self.inputs, _MOST_NAMES))
                remedy = near_name or f'add "{shown(reference.name)}:" below "input:" of the blueprint'
                self.faults.append(Fault(path, "unknown-input", message, _one_of(self.inputs), remedy))


def _gaps(value: Json, at: Path) -> Iterator[tuple[Path, InputRef]]:
    for path, reference in references(value, at):
        if isinstance(reference, InputRef):
            yield path, reference


def _astray(reference: InputRef, path: Path, why: str) -> Fault:
    message = f'"!input {reference.name}" {why}'
    return Fault(path, "input-not-here", message, remedy="write the value itself here")


def inputs_astray(raw: Json, at: Path) -> list[Fault]:
    """The faults of gaps in a rule that is no blueprint."""
    return [_astray(reference, path, "stands outside a blueprint") for path, reference in _gaps(raw, at)]


def _one_of(names: Collection[str]) -> str:
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return f"one of {', '.join(shown(name) for name in islice(names, _MOST_SHOWN))}{more}" if names else ""


@dataclass(frozen=True)
class Use:
    """A rule as a blueprint and what it was given make it; paths begin at the rule.

    Where `is_whole` is false the blueprint could not be had, and `value` holds only what stands beside it. `nodes` is
    how many values were filled in.
    """

    value: dict[str, Json]
    source: Source
    faults: list[Fault]
    is_whole: bool = True
    blueprint: Blueprint | None = None
    nodes: int = 0

    @property
    def in_the_way(self) -> tuple[Problem, ...]:
        """The problems of the blueprint that keep it from being used."""
        if self.blueprint is None or not self.blueprint.is_broken:
            return ()
        return tuple(problem for problem in self.blueprint.problems if problem.severity == "error")

    def told(self, problem: Problem) -> Problem:
        """The problem; where it lies in the blueprint, with the rule that uses it."""
        if problem.place is None or problem.place.file == self.source.file:
            return problem
        return replace(problem, also=(*problem.also, (self.source.places.key((USE,)), "used here")))


class Blueprints:
    """The blueprints of one tree of files."""

    def __init__(self, found: Iterable[Blueprint] = ()) -> None:
        self._found = {blueprint.path: blueprint for blueprint in found}

    def find(self, path: str, domain: str) -> Blueprint | None:
        """The blueprint that a rule means by `path`: in the folder of its domain first, then below blueprints/."""
        return self._found.get(f"{domain}/{path}") or self._found.get(path)

    def mark(self, path: str, domain: str) -> str:
        """What changes when `path` comes to mean something else."""
        blueprint = self.find(path, domain)
        return f"{blueprint.path}:{blueprint.mark}" if blueprint else f"none of {sorted(self._found)}"

    def use(self, raw: dict[str, Json], at: Path, source: Source, room: int, domain: str = "automation") -> Use:
        """What a blueprint makes of the rule that stands at `at` in its file and has the key `use_blueprint`.

        `room` is how many values it may hold (promise P14 counts those of a whole file).
        """
        call = raw[USE]
        own = {key: value for key, value in raw.items() if key != USE}
        places, spot = source.places.at(at)
        begun = Use(own, _source_at(source, places, spot), [], is_whole=False)
        if not isinstance(call, dict):
            expected = 'a mapping such as "path: reminder.yaml" with "input:" below it'
            fault = Fault((USE,), "wrong-type", f'"{USE}" is {found(call)}', expected, "write path: below it, indented")
            return replace(begun, faults=[fault])
        faults = [replace(each, path=(USE, *each.path)) for each in block_faults(UseBlueprint, call)]
        blueprint = self.find(str(call.get("path", "")), domain)
        if not faults and blueprint is None:
            faults = [self._not_there(str(call["path"]))]
        if blueprint is not None and not faults and not blueprint.is_broken and blueprint.domain != domain:
            message = (
                f'the blueprint "{blueprint.path}" makes a {_MADE[blueprint.domain]}, and this is a {_MADE[domain]}'
            )
            faults = [Fault((USE, "path"), "wrong-domain", message, f"a blueprint with domain: {domain}")]
        if faults or blueprint is None or blueprint.is_broken:
            return replace(begun, faults=faults, blueprint=blueprint)
        return _Filling(blueprint, own, call.get("input"), begun.source, room).use()

    def _not_there(self, path: str) -> Fault:
        known = [name.removeprefix("automation/").removeprefix("script/") for name in self._found]
        names = dict.fromkeys([*known[:_MOST_NAMES], *list(self._found)[:_MOST_NAMES]])
        hint = near(path[:_MOST_NAMES], names) or near(f"{path[:_MOST_NAMES]}.yaml", names)
        remedy = hint or "put its file into the folder blueprints of the rules folder"
        message = f'there is no blueprint "{shown(path)}"'
        return Fault((USE, "path"), "unknown-blueprint", message, _one_of(sorted(known)), remedy)


_MADE = {"automation": "rule", "script": "script"}


def _source_at(source: Source, places: Places, spot: Spot) -> Source:
    """The file, as if the rule were all of it."""
    return Source(source.file, source.text, None, Places(source.file, source.text, Graft(places, spot)), ())


class _TooLarge(Exception):
    """What is filled in passes the bounds of promise P14."""


class _Filling:
    """One rule, being made of a blueprint and what it is given."""

    def __init__(self, blueprint: Blueprint, own: dict[str, Json], given: Json, source: Source, room: int) -> None:
        self.blueprint = blueprint
        self.own = own
        self.given: dict[str, Json] = given or {}
        self.source = source
        self.faults: list[Fault] = []
        self._refused: set[str] = set()
        self._room = room
        self._left = room

    def use(self) -> Use:
        """The rule and what is wrong with what it was given; a gap that stays open stands for any value."""
        self._check()
        try:
            value, root = self._joined()
        except _TooLarge:
            bounds = f"{DEFAULT.nodes:,} values in a file, {DEFAULT.depth} levels deep"
            remedy = "give it shorter lists, or split the file"
            message = "filled in, this blueprint is too large"
            self.faults.append(Fault((USE,), "too-many-values", message, f"at most {bounds}", remedy, at_key=True))
            return Use(self.own, self.source, self.faults, False, self.blueprint, self._room - max(0, self._left))
        places = self.source.places
        whole = replace(self.source, places=replace(places, root=Graft(places.at(())[0], root)))
        return Use(value, whole, self.faults, blueprint=self.blueprint, nodes=self._room - self._left)

    def _fill(self, name: str) -> tuple[Json, Spot] | None:
        """What goes into a gap, and where it was written; nothing where the gap stays open."""
        declared = self.blueprint.inputs.get(name)
        if declared is None or name in self._refused:
            return None
        if name in self.given:
            return self.given[name], Graft(*self.source.places.at((USE, "input", name)))
        if declared.required:
            return None
        return declared.default, Graft(*self.blueprint.source.places.at((*declared.at, "default")))

    def _check(self) -> None:
        """What is given: known names, values that their selectors take; a wrong one is not filled in."""
        inputs = self.blueprint.inputs
        meant = ""
        for name, value in self.given.items():
            if len(self.faults) > MOST_FAULTS:
                break
            if name not in inputs:
                remedy = self._meant(name)
                meant += remedy
                self._fault(
                    name, "unknown-input", f'the blueprint has no input "{shown(name)}"', remedy or "take it out"
                )
            elif not inputs[name].required and value == inputs[name].default:
                continue  # of the default the blueprint speaks
            elif wrong := inputs[name].wanted.fault(value, (USE, "input", name)):
                self.faults.append(wrong)
                self._refused |= {name} if wrong.severity == "error" else set()
        missing = [name for name in self.blueprint.needed if name not in self.given]
        if missing := [name for name in missing if f'"{name}"' not in meant]:
            self._missing(missing)

    def _meant(self, name: str) -> str:
        """The input that a wrong name likely means; looked for only a few times, for a hostile file may hold many."""
        if len(self.faults) >= _MOST_GUESSES:
            return ""
        others = (other for other in self.blueprint.inputs if other not in self.given)
        return near(name[:_MOST_NAMES], islice(others, _MOST_NAMES))

    def _fault(self, name: str, code: str, message: str, remedy: str) -> None:
        at = (USE, "input", name)
        self.faults.append(Fault(at, code, message, _one_of(self.blueprint.inputs), remedy, at_key=True))

    def _missing(self, names: list[str]) -> None:
        words = listing(f'"{shown(name)}"' for name in names[:5]).replace(" or ", " and ")
        message = f"the input {words} is missing" if len(names) == 1 else f"the inputs {words} are missing"
        remedy = 'add below "input:", and indented, ' + " and ".join(f'"{shown(name)}: …"' for name in names[:5])
        where: Path = (USE, "input") if self.given else (USE,)
        expected = "a value for each input that has no default"
        self.faults.append(Fault(where, "missing-input", message, expected, remedy, at_key=True))

    def _joined(self) -> tuple[dict[str, Json], Branch]:
        """The keys of the blueprint, those of the rule instead of them where both have one."""
        places, spot = self.blueprint.source.places.at(())
        _, mine = self.source.places.at(())
        own = {PLURALS.get(key, key) for key in self.own}
        value: dict[str, Json] = {}
        children: dict[Any, Spot] = {}
        keys: dict[Any, Spot] = {}
        for key, part in self.blueprint.body.items():
            if isinstance(spot, Branch) and PLURALS.get(key, key) not in own:
                value[key], filled = self._filled(part, spot.children[key], 1)
                children[key], keys[key] = Graft(places, filled), Graft(places, spot.keys[key])
        self._count(self.own, 0)
        if isinstance(mine, Branch):
            children |= mine.children
            keys |= mine.keys
        return {**value, **self.own}, Branch(span_of(mine), children, keys)

    def _filled(self, value: Json, spot: Spot, depth: int) -> tuple[Json, Spot]:
        """A part of the blueprint with its gaps filled, value and places alike."""
        if isinstance(value, InputRef) and (fill := self._fill(value.name)) is not None:
            given, place = fill
            return self._count(given, depth), place
        self._take(value, depth)
        if isinstance(value, dict) and isinstance(spot, Branch):
            parts = {key: self._filled(part, spot.children[key], depth + 1) for key, part in value.items()}
            children: Any = {key: place for key, (_, place) in parts.items()}
            return {key: part for key, (part, _) in parts.items()}, Branch(spot.span, children, spot.keys)
        if isinstance(value, list) and isinstance(spot, Branch):
            elements = [self._filled(*both, depth + 1) for both in zip(value, spot.children, strict=True)]
            return [part for part, _ in elements], Branch(spot.span, [place for _, place in elements], {})
        return value, spot

    def _count(self, value: Json, depth: int) -> Json:
        """A copy of the value, counted: no two places of a rule share a list or mapping."""
        self._take(value, depth)
        if isinstance(value, dict):
            return {key: self._count(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list):
            return [self._count(part, depth + 1) for part in value]
        return value

    def _take(self, value: Json, depth: int) -> None:
        self._left -= 1
        if self._left < 0 or depth + isinstance(value, dict | list) > DEFAULT.depth:
            raise _TooLarge


def united(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem of a blueprint once, with the first few rules that use it."""
    users: dict[Problem, list[tuple[Place, str]]] = {}
    for problem in problems:
        users.setdefault(replace(problem, also=()), []).extend(problem.also)
    return [replace(problem, also=_first_users(list(dict.fromkeys(also)))) for problem, also in users.items()]


def _first_users(also: list[tuple[Place, str]]) -> tuple[tuple[Place, str], ...]:
    rest = len(also) - _MOST_USERS
    if rest <= 0:
        return tuple(also)
    place, word = also[_MOST_USERS - 1]
    return (*also[: _MOST_USERS - 1], (place, f"{word}, and {rest} more times"))
