"""What a template that prints one value asks of single fields, such as `trigger.json.n > 5`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from jinja2 import nodes

from engine.template.budget import TemplateProblem
from engine.template.entities import FOLLOWING, TIMES
from engine.template.grammar import tree_of
from engine.template.sandbox import chain

Path: TypeAlias = tuple[str, ...]

_SIGNS = {"eq": "==", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<="}
_MIRRORED = {"==": "==", ">": "<", ">=": "<=", "<": ">", "<=": ">="}
_ABSENT = object()


class Clause(NamedTuple):
    """`path` `sign` `value`, a part of a template without which the template is not true."""

    path: Path
    sign: str
    value: Any


@lru_cache(maxsize=4096)
def path_of(source: str) -> Path | None:
    """The path that a template prints and does nothing else ("{{ trigger.json.n }}"); None for any other."""
    value = _printed(source)
    return None if value is None else _path(value)


@lru_cache(maxsize=4096)
def clauses(source: str) -> tuple[Clause, ...]:
    """What has to be so, or else the template is not true: comparisons of a path with a constant, joined by `and`.

    Empty where nothing of the kind can be told.
    """
    value = _printed(source)
    return () if value is None else tuple(_within(value))


def _printed(source: str) -> nodes.Expr | None:
    """The one expression that the template prints, if there is nothing else in it."""
    try:
        body = tree_of(source).body
    except TemplateProblem:
        return None
    if len(body) != 1 or not isinstance(body[0], nodes.Output):
        return None
    parts = [part for part in body[0].nodes if not (isinstance(part, nodes.TemplateData) and not part.data.strip())]
    return parts[0] if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData) else None


def _within(value: nodes.Expr) -> Iterator[Clause]:
    if isinstance(value, nodes.And):
        yield from _within(value.left)
        yield from _within(value.right)
    elif isinstance(value, nodes.Compare):
        left = value.expr
        for operand in value.ops:
            yield from _clause(left, operand.op, operand.expr)
            left = operand.expr


def _clause(left: nodes.Expr, name: str, right: nodes.Expr) -> Iterator[Clause]:
    sign = _SIGNS.get(name)
    if sign is None:
        return
    if _constant(left) is not _ABSENT:
        left, sign, right = right, _MIRRORED[sign], left
    path, constant = _path(left), _constant(right)
    is_number = isinstance(constant, int | float) and not isinstance(constant, bool)
    if path is not None and constant is not _ABSENT and (is_number or sign == "=="):
        yield Clause(path, sign, constant)


def _constant(value: nodes.Expr) -> Any:
    if isinstance(value, nodes.Neg) and isinstance(value.node, nodes.Const):
        found = value.node.value
        return -found if isinstance(found, int | float) else _ABSENT
    return value.value if isinstance(value, nodes.Const) else _ABSENT


def _path(value: nodes.Expr) -> Path | None:
    """Names one below the other, none of which means something of its own on some values."""
    root, keys = chain(value)
    if not isinstance(root, nodes.Name):
        return None
    names = [key for key in keys if isinstance(key, str) and key not in TIMES | FOLLOWING]
    return (root.name, *names) if len(names) == len(keys) else None
