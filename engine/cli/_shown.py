"""Values as commands show them: times, counts, columns, data without phone numbers in clear."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from typing import TypeVar

import click

from engine.log import veiled
from engine.values import Json

F = TypeVar("F", bound=Callable[..., None])

_WIDEST = 48
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def form_option(command: F) -> F:
    """The option `--format`."""
    choice = click.Choice(["text", "json"])
    says = "For people, or for programs."
    return click.option("--format", "form", type=choice, default="text", show_default=True, help=says)(command)


def limit_option(command: F) -> F:
    """The option `--limit`."""
    most = click.IntRange(1, 100_000)
    return click.option("--limit", type=most, default=20, show_default=True, help="How many, the newest first.")(
        command
    )


def counted(count: int, word: str) -> str:
    """`1 rule`, `1,200 rules`, `2 memories`."""
    many = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count:,} {word if count == 1 else many}"


def moment(at: datetime | None, zone: tzinfo) -> str:
    """A time as people read it, in their zone."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" if at else ""


def shown(value: Json) -> Json:
    """Plain data with every phone number in it masked, also those written as numbers."""
    if isinstance(value, dict):
        return {veiled(str(key)): shown(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [shown(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return value
    told = veiled(str(value))
    return value if isinstance(value, int) and told == str(value) else told


def as_json(value: Json) -> str:
    """Data for programs, phone numbers masked."""
    return json.dumps(shown(value), indent=2)


def in_short(value: Json) -> str:
    """Data on one line, phone numbers masked, nothing in it that a terminal would obey."""
    found = shown(value)
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return _UNPRINTABLE.sub(" ", text)


def columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints rows below their headings; each column is as wide as it needs, the last one as long as it is."""
    table = [[in_short(cell) for cell in row] for row in rows]
    widths = [min(_WIDEST, max(map(len, column))) for column in zip(head, *table, strict=True)]
    widths[-1] = 0
    click.secho(_line(head, widths), bold=True)
    for row in table:
        click.echo(_line(row, widths))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
