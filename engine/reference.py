"""The reference of everything that can be written, as Markdown, made from the plugins and blocks themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from inspect import cleandoc
from typing import TypeVar

from engine.declared import DECLARED
from engine.declared.sensor import Question
from engine.plugin import Action, Block, Connection, Example, Field, Json, Trigger
from engine.registry import Registry
from engine.rules.schema import CONDITION_KINDS, STEP_KINDS, Branch, Condition, Retry, RuleKeys, Step, TriggerKeys
from engine.settings import Defaults, Host, Keep, Listen, NoticeKeys, SettingsFile
from engine.template.functions import CONSTANTS, FILTERS, FUNCTIONS, TESTS

P = TypeVar("P", bound=Action | Trigger | Connection)

_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_OPENING = """# Reference

Every key that may be written, made from the code by `rulewheel reference`; [rules.md](rules.md) explains how they go
together. Any value in `data:` of an action may be a template instead.
"""


def reference(registry: Registry) -> str:
    """The whole page for these plugins; the same bytes for the same plugins."""
    parts = [
        [_OPENING],
        _keys("## A rule", RuleKeys),
        _triggers(registry),
        _kinds("## Conditions", Condition, CONDITION_KINDS, "condition: "),
        _kinds("## Steps", Step, STEP_KINDS, ""),
        _keys("### A branch of `choose`", Branch),
        _keys("### `retry` of a step", Retry),
        _actions(registry),
        _entities(),
        _templates(),
        _settings(registry),
    ]
    return "\n".join(block.rstrip() + "\n" for part in parts for block in part)


def _triggers(registry: Registry) -> Iterator[str]:
    yield from _keys("## Triggers", TriggerKeys, "Beside the keys of its kind, every trigger may have these.")
    for name, plugin in _by_name(registry.triggers):
        yield from _keys(f"### trigger: {name}", plugin, cleandoc(plugin.__doc__ or ""))
        yield _table(("It gives", ""), ((f"`trigger.{key}`", says) for key, says in plugin.gives.items()))
        yield from (_example(example, _as_trigger(name, example)) for example in plugin.examples)


def _actions(registry: Registry) -> Iterator[str]:
    yield "## Actions\n"
    for name, plugin in _by_name(registry.actions):
        yield from _keys(f"### action: {name}", plugin, cleandoc(plugin.__doc__ or ""))
        if plugin.responds:
            yield "Its answer can be kept with `response_variable`.\n"
        yield from (_example(example, _as_step(name, example)) for example in plugin.examples)


def _kinds(title: str, common: type[Block], kinds: Mapping[str, type[Block]], prefix: str) -> Iterator[str]:
    yield from _keys(title, common, "All of them may have these keys.")
    shared = common.fields()
    for block in dict.fromkeys(kinds.values()):
        names = ", ".join(f"{prefix}{name}" for name, each in kinds.items() if each is block)
        own = {key: field for key, field in block.fields().items() if shared.get(key) is not field}
        yield f"### {names}\n"
        yield f"{cleandoc(block.__doc__ or '')}\n"
        yield _fields(own)


def _entities() -> Iterator[str]:
    yield "## Entities\n"
    yield "A file of rules declares them at its top, by kind and name; see [entities](language/entities.md).\n"
    for name, kind in DECLARED.items():
        yield from _keys(f"### {'sensors' if name == 'sensor' else name}", kind)
    yield from _keys("### `poll` of a sensor", Question)


def _templates() -> Iterator[str]:
    yield "## Templates\n"
    yield "What can be called between `{{` and `}}`; those of Home Assistant and Jinja behave as they do there."
    yield "[templates.md](templates.md) shows them by examples.\n"
    for title, names in (("Functions", {*FUNCTIONS, *CONSTANTS}), ("Filters", FILTERS), ("Tests", TESTS)):
        words = ", ".join(f"`{name}`" for name in sorted(names) if name.isidentifier())
        yield f"**{title}:** {words}\n"


def _settings(registry: Registry) -> Iterator[str]:
    yield from _keys("## Settings", SettingsFile, "The keys of `rulewheel.yaml`.")
    yield from _keys("### listen", Listen)
    yield from _keys("### keep", Keep)
    yield from _keys("### notices", NoticeKeys)
    yield from _keys("### defaults", Defaults)
    yield from _keys("### hosts: one host", Host)
    for name, plugin in _by_name(registry.connections):
        if plugin.fields():
            yield from _keys(f"### connections: {name}", plugin)


def _by_name(plugins: Mapping[str, type[P]]) -> list[tuple[str, type[P]]]:
    """Each plugin once, under its own name, in the order of names."""
    return sorted({plugin.name: plugin for plugin in plugins.values()}.items())


def _keys(title: str, block: type[Block], says: str = "") -> Iterator[str]:
    yield f"{title}\n"
    yield f"{says or cleandoc(block.__doc__ or '')}\n"
    yield _fields(block.fields())


def _fields(fields: Mapping[str, Field[Json]]) -> str:
    rows = [(f"`{key}`", field.says, field.kind.says, _default(field)) for key, field in fields.items()]
    return _table(("Key", "What it is for", "Value", "Without it"), rows) if rows else "It has no keys of its own.\n"


def _default(field: Field[Json]) -> str:
    if field.required:
        return "**needed**"
    value = field.default
    if value is None or value in ({}, []):
        return ""
    if isinstance(value, timedelta):
        return _words(value)
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _words(duration: timedelta) -> str:
    """A duration in its largest whole unit: "2 minutes"."""
    seconds = int(duration.total_seconds())
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size and seconds % size == 0), (1, "second"))
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _example(example: Example, yaml: str) -> str:
    return f"{example.title}:\n\n```yaml\n{yaml}```\n"


def _as_trigger(name: str, example: Example) -> str:
    return f"- trigger: {name}\n" + textwrap.indent(example.yaml, "  ")


def _as_step(name: str, example: Example) -> str:
    if example.yaml.strip() in ("", "{}"):
        return f"- action: {name}\n"
    return f"- action: {name}\n  data:\n" + textwrap.indent(example.yaml, "    ")
