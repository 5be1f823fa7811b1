"""Every key of Home Assistant's language beside what rulewheel does with it: checked, executed, tested.

The keys are a list of facts (`tests/data/language.txt`); the rest is asked of the engine itself: the schema says
whether a key is checked, the code that carries out its construct whether it is read there, the tests whether one of
them writes it where it names the construct. That a key does what it should is for that test to say.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine.conditions import _KINDS as CONDITIONS
from engine.field import DURATION, Block
from engine.registry import Registry
from engine.rules import schema
from engine.runs.steps import _KINDS as STEPS
from engine.settings import MODES
from engine.template.functions import CONSTANTS, FILTERS, FUNCTIONS, TESTS

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data" / "language.txt"
CARRIED_OUT = {
    "rule": ("engine", "engine/runs", "engine/rules"),
    "trigger": ("engine", "engine/rules", "engine/runs"),
    "condition": ("engine/conditions",),
    "step": ("engine/runs",),
    "script": ("engine", "engine/runs", "engine/rules"),
    "blueprint": ("engine/rules",),
    "use_blueprint": ("engine/rules",),
    "duration": ("engine",),
    "mode": ("engine/runs",),
}
BLOCKS: Mapping[str, type[Block]] = {
    "rule": schema.RuleKeys,
    "trigger": schema.TriggerKeys,
    "condition": schema.Condition,
    "step": schema.Step,
    "step choose option": schema.Branch,
    "step repeat inside": schema.Repeat,
    "script": schema.ScriptKeys,
    "blueprint": schema.BlueprintKeys,
    "blueprint input": schema.InputKeys,
    "blueprint section": schema.SectionKeys,
    "use_blueprint": schema.UseBlueprint,
    **{f"condition {name}": kind for name, kind in schema.CONDITION_KINDS.items()},
    **{f"step {name}": kind for name, kind in schema.STEP_KINDS.items()},
}
NORMALISED = {"target", "use_blueprint"}
"""Keys that the first reading already turns into others."""
NOT_THERE = "**no**"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a construct. `remark` means that only people read it."""

    section: int
    construct: str
    name: str
    remark: bool


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of a key: whether it is checked, carried out, and the first test file that uses it, or ""."""

    key: Key
    checked: bool
    executed: bool
    tested: str


def keys() -> list[Key]:
    """The keys of the list, in its order."""
    found = []
    for line in _lines():
        if not line.startswith("-"):
            section, construct, names = (part.strip() for part in line.split("|"))
            found += [Key(int(section), construct, each.lstrip("~"), each[0] == "~") for each in names.split()]
    return found


def left_out() -> list[tuple[int, str, str]]:
    """What is left out on purpose: section, what, and why."""
    parts = ([part.strip() for part in line[1:].split("|")] for line in _lines() if line.startswith("-"))
    return [(int(section), what, why) for section, what, why in parts]


def rows() -> list[Row]:
    """Each key and what becomes of it."""
    return [Row(key, is_checked(key), key.remark or is_executed(key), first_test_of(key)) for key in keys()]


def page() -> str:
    """The table for people, in Markdown."""
    every = rows()
    full = sum(row.checked and row.executed and bool(row.tested) for row in every)
    lines = [
        "# What of Home Assistant's language there is",
        "",
        "Every key that needs no device. *Checked*: `rulewheel check` knows it. *Executed*: the engine acts on it;",
        "some are for people only. *Tested*: a test uses it. This page is made from the engine and its tests by",
        "`tests/language_table.py`.",
        "",
        f"{full} of {len(every)} keys are checked, executed and tested.",
        "",
        "| section | construct | key | checked | executed | tested |",
        "|--:|---|---|---|---|---|",
    ]
    for row in every:
        executed = "for people" if row.key.remark else "yes" if row.executed else NOT_THERE
        cells = [f"`{row.key.name}`", "yes" if row.checked else NOT_THERE, executed, "yes" if row.tested else NOT_THERE]
        lines.append(f"| {row.key.section} | {row.key.construct} | {' | '.join(cells)} |")
    lines += ["", "## Left out on purpose", "", "| section | what | why |", "|--:|---|---|"]
    lines += [f"| {section} | {what} | {why} |" for section, what, why in left_out()]
    return "\n".join(lines) + "\n"


def _lines() -> Iterator[str]:
    for line in DATA.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


@cache
def _registry() -> Registry:
    return Registry.discover(("actions", "triggers"))


def is_checked(key: Key) -> bool:
    """Whether `rulewheel check` knows the key there."""
    if key.construct == "template":
        return any(key.name in table for table in (FUNCTIONS, FILTERS, TESTS, CONSTANTS))
    if key.construct == "mode":
        return key.name in MODES
    if key.construct == "duration":
        return key.name in DURATION.schema["properties"]
    kind, _, name = key.construct.partition(" ")
    block = _registry().triggers.get(name) if kind == "trigger" and name else BLOCKS.get(key.construct)
    return block is not None and (key.name in block.fields() or key.name in NORMALISED)


def is_executed(key: Key) -> bool:
    """Whether the code that carries out its construct reads the key."""
    if key.construct == "template":
        return is_checked(key)
    kind, _, name = key.construct.partition(" ")
    if kind == "trigger" and name:
        return any(re.search(rf"\b{key.name}\b", text) for text in _sources_of(_registry().triggers[name]))
    carried_out = {"condition": set(CONDITIONS), "step": set(STEPS)}.get(kind)
    if carried_out is not None and name and name.split(" ")[0] not in carried_out:
        return False
    used = re.compile(rf"""["']{key.name}["']|\.{key.name}_?\b""")
    return key.name in NORMALISED or any(used.search(text) for text in _engine(CARRIED_OUT[kind]))


def _sources_of(plugin: type[Block]) -> list[str]:
    """The code of a trigger's methods, and of those that it has from elsewhere."""
    found = []
    for each in plugin.__mro__:
        if each.__module__.startswith(("triggers", "engine")):
            found += [inspect.getsource(part) for part in vars(each).values() if inspect.isfunction(part)]
    return found


@cache
def _engine(folders: tuple[str, ...]) -> list[str]:
    """The engine's own code, without what only checks and describes."""
    files = [file for folder in folders for file in sorted((ROOT / folder).glob("*.py"))]
    return [
        file.read_text(encoding="utf-8")
        for file in files
        if file.name not in ("schema.py", "check.py", "complaints.py")
    ]


@cache
def _tests() -> list[tuple[str, str]]:
    """The tests by name, with their text; rules that are wrong on purpose and this table are none."""
    files = [file for file in sorted((ROOT / "tests").rglob("test_*.py")) if file.name != "test_language_table.py"]
    return [(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")) for file in files]


def first_test_of(key: Key) -> str:
    """The first test that uses the key where it names the construct."""
    words = [word for word in key.construct.split() if word not in ("template", "option", "inside", "section")]
    written = re.compile(rf"""(["']{key.name}["']|\b{key.name}["']?:|\b{key.name}=|\b{key.name}\()""")
    if key.construct in ("mode", "template", "trigger homeassistant"):
        written = re.compile(rf"\b{key.name}\b")
    for name, text in _tests():
        if all(word in text for word in words[-1:]) and written.search(text):
            return name
    return ""


if __name__ == "__main__":
    print(page())
