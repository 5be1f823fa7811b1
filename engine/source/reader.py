"""From the events of a YAML parser to a value, its places and its problems, within limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from engine.problem import Problem, near
from engine.source.collection import OpenList, OpenMapping, copied
from engine.source.mistake import bad_escape, explain, unquoted_template
from engine.source.parser import MarkedYAMLError, events
from engine.source.places import Branch, Places, Span, Spot, span_between, span_of
from engine.source.scalar import InputRef, SecretRef, plain
from engine.values import phones_masked

UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Characters that may not be in a file, nor come out of an escape in quotes."""

MOST_PROBLEMS = 100
_REFERENCES: dict[str, Callable[[str], Any]] = {"!secret": SecretRef, "!input": InputRef}
_REFERENCE_NAME = re.compile(r"[\w.-]+")
_TAG_REMEDIES = {
    "!include": "every *.yaml below the rules folder is read; put the rules straight into a file there",
    "!env_var": "put the value into secrets.yaml and write !secret and its name",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may be: `size` in bytes, `depth` in nested lists and mappings, `nodes` with aliases expanded."""

    size: int = 1 << 20
    depth: int = 32
    nodes: int = 100_000


class _StopReading(Exception):
    """Reading ends here: a limit was passed, or a second document begins."""


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an anchor stands for: `nodes` is how many it counts, `height` how deep it nests."""

    value: Any
    spot: Spot
    nodes: int
    height: int


class Reader:
    """Reads one text; `value`, `spot` (the tree of places) and `problems` are its results."""

    def __init__(self, file: str, text: str, limits: Limits, problems: list[Problem]) -> None:
        self.places = Places(file, text)
        self.limits = limits
        self.problems = problems
        self._nodes = 0
        self._documents = 0
        self._document = OpenList((0, 0, 1), False, 0, None)
        self._open: list[OpenList] = [self._document]
        self._anchors: dict[str, _Anchored | None] = {}
        self._complete = False

    @property
    def value(self) -> Any:
        return self._document.value[0] if self._complete and self._document.value else None

    @property
    def spot(self) -> Spot:
        spots: list[Spot] = self._document.branch.children
        return spots[0] if self._complete and spots else self._document.branch.span

    def run(self, pure: bool) -> None:
        """Reads the whole text, as far as it can be read."""
        try:
            for event in events(self.places.text, pure):
                if handler := _HANDLERS.get(type(event)):
                    handler(self, event)
            self._complete = True
        except _StopReading:
            pass
        except MarkedYAMLError as error:
            self._syntax(error)

    def _syntax(self, error: MarkedYAMLError) -> None:
        """A complaint in a line that has a problem already is the consequence of that problem."""
        problem = explain(error, self.places.file, self.places.text)
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        known = {known.place.line for known in self.problems if known.place and known.severity == "error"}
        if problem.place and not known & {problem.place.line, line}:
            self.problems.append(replace(problem, message=phones_masked(problem.message)))

    def _problem(self, code: str, span: Span, message: str, expected: str = "", remedy: str = "", **more: Any) -> None:
        self._report(Problem(code, message, self.places.place(span), expected, remedy, **more))

    def _report(self, problem: Problem) -> None:
        self.problems.append(replace(problem, message=phones_masked(problem.message)))
        if len(self.problems) >= MOST_PROBLEMS:
            raise _StopReading

    def _document_start(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._problem(
                "several-documents",
                span_between(event.start_mark, event.end_mark),
                "a second document begins here",
                "one document in a file",
                "delete the line with ---, or put what follows into a file of its own",
            )
            raise _StopReading

    def _count(self, nodes: int, span: Span) -> None:
        self._nodes += nodes
        if self._nodes > self.limits.nodes:
            self._problem(
                "too-many-values",
                span,
                f"more than {self.limits.nodes:,} values, aliases counted each time they are used",
                "a file of a size that people can read",
                "split it into several files, and use fewer aliases (*name)",
            )
            raise _StopReading

    def _deepen(self, levels: int, span: Span) -> None:
        if len(self._open) - 1 + levels > self.limits.depth:
            self._problem(
                "too-deep",
                span,
                f"lists and mappings are nested more than {self.limits.depth} deep",
                f"at most {self.limits.depth} levels",
                "look for a bracket or a dash that is repeated by mistake",
            )
            raise _StopReading

    def _scalar(self, event: Any) -> None:
        span = span_between(event.start_mark, event.end_mark)
        self._count(1, span)
        top = self._open[-1]
        if top.wants_key:
            value: Any = self._key(top, event, span)
        else:
            value = self._scalar_value(event, span)
            top.take(value, span)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(value, span, 1, 0)

    def _scalar_value(self, event: Any, span: Span) -> Any:
        text: str = event.value
        if event.tag is not None:
            return self._tagged(event.tag, text, span)
        if not event.style:
            return plain(text)
        if event.style == '"' and UNREADABLE.search(text):
            self._report(bad_escape(self.places.place((span[0], span[1], 1))))
            raise _StopReading
        return text

    def _tagged(self, tag: str, text: str, span: Span) -> Any:
        reference = _REFERENCES.get(tag)
        if reference is None:
            self._unknown_tag(tag, span)
            return text
        if not _REFERENCE_NAME.fullmatch(text):
            self._reference_without_name(tag, span)
        return reference(text)

    def _reference_without_name(self, tag: str, span: Span) -> None:
        self._problem(
            "reference-name",
            span,
            f"{tag} without a name that it can refer to",
            f"{tag} and one word",
            f"write `{tag} name`; a name has letters, digits, dots, dashes and underscores",
        )

    def _unknown_tag(self, tag: str, span: Span) -> None:
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        family = next((known for known in _TAG_REMEDIES if shown.startswith(known)), "")
        remedy = _TAG_REMEDIES.get(family) or _suggestion(shown, _REFERENCES)
        self._problem(
            "unknown-tag",
            span,
            f"{shown[:60]} is not known here",
            "!secret, !input or a plain value",
            remedy or 'take it away; if it is text, put quotes around the whole text, like "..."',
        )

    def _key(self, mapping: Any, event: Any, span: Span) -> str | None:
        """Begins an entry of `mapping`; without a name where the key is no good."""
        if not event.style and event.value == "<<" and event.tag is None:
            self._merge_key(mapping, span)
            return None
        key = self._scalar_value(event, span)
        self._begin(mapping, key, event.value, span)
        return key if isinstance(key, str) else None

    def _begin(self, mapping: Any, key: Any, shown: str, span: Span) -> None:
        keys = mapping.branch.keys
        if not isinstance(key, str):
            self._key_not_text(shown, span)
            mapping.begin(None)
        elif key in keys:
            if not mapping.repeats:
                self._duplicate(key, span, keys[key])
            mapping.repeats = True
            mapping.begin(None)
        else:
            mapping.repeats = False
            keys[key] = span
            mapping.begin(key)

    def _merge_key(self, mapping: Any, span: Span) -> None:
        if mapping.merge_key:
            self._duplicate("<<", span, mapping.merge_key)
            mapping.begin(None)
        else:
            mapping.begin_merge(span)

    def _key_not_text(self, shown: str, span: Span) -> None:
        if self.problems and self.problems[-1].place == self.places.place(span):
            return  # what is wrong with this key was said
        self._problem(
            "key-not-text",
            span,
            f"the key {shown[:60]} is not text" if shown else "a key that is not text",
            "text in front of the colon",
            f'put quotes around it: "{shown}":' if 0 < len(shown) <= 60 else "write a name in front of the colon",
        )

    def _duplicate(self, key: str, span: Span, first: Span) -> None:
        self._problem(
            "duplicate-key",
            span,
            f'the key "{key[:60]}" is given twice',
            "each key once in the same mapping",
            f"delete one of the two; if a new list item begins here, write `- ` in front: `- {key[:60]}:`",
            also=((self.places.place(first), "first given here"),),
        )

    def _alias(self, event: Any) -> None:
        span = span_between(event.start_mark, event.end_mark)
        anchored = self._anchored(event.anchor, span)
        self._count(anchored.nodes, span)
        self._deepen(anchored.height, span)
        top = self._open[-1]
        if top.wants_key:
            self._begin(top, anchored.value, f"*{event.anchor}", span)
            return
        top.height = max(top.height, anchored.height + 1)
        spot = anchored.spot
        top.take(copied(anchored.value), Branch(span, spot.children, spot.keys) if isinstance(spot, Branch) else span)

    def _anchored(self, name: str, span: Span) -> _Anchored:
        known = self._anchors.get(name)
        if known is not None:
            return known
        if name in self._anchors:
            self._problem("alias-loop", span, f"*{name[:60]} stands inside what it refers to", "an anchor further up")
        else:
            self._problem(
                "unknown-alias",
                span,
                f"*{name[:60]} refers to &{name[:60]}, which is not defined above",
                f"&{name[:60]} at a value further up",
                _suggestion(name, self._anchors) or 'if it is text, put quotes around the whole text, like "..."',
            )
        return _Anchored(None, span, 1, 0)

    def _list_start(self, event: Any) -> None:
        self._start(OpenList, event)

    def _mapping_start(self, event: Any) -> None:
        self._start(OpenMapping, event)

    def _start(self, kind: type[OpenList], event: Any) -> None:
        span = (event.start_mark.line, event.start_mark.column, 1)
        self._count(1, span)
        self._deepen(1, span)
        if event.tag is not None:
            self._tag_of_collection(event.tag, span)
        if self._open[-1].wants_key:
            self._collection_as_key(self._open[-1], span)
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append(kind(span, event.flow_style, self._nodes - 1, event.anchor))

    def _tag_of_collection(self, tag: str, span: Span) -> None:
        if tag in _REFERENCES:
            self._reference_without_name(tag, (*span[:2], 0))
        else:
            self._unknown_tag(tag, (*span[:2], 0))

    def _collection_as_key(self, mapping: OpenList, span: Span) -> None:
        """A mapping as a key is nearly always a template without quotes."""
        line, column, _ = mapping.branch.span
        text = self.places.lines[line]
        if mapping.flow and text.startswith("{{", column) and span[:2] == (line, column + 1):
            end = text.find("}}", column)
            mapping.template = text[column : end + 2 if end >= 0 else len(text)]
            self._report(unquoted_template(self.places.place((line, column, len(mapping.template)))))
        elif not self.places.lines[span[0]].startswith("{{", span[1]):
            self._key_not_text("", span)

    def _end(self, event: Any) -> None:
        closed = self._open.pop()
        if isinstance(closed, OpenMapping) and closed.merged:
            closed.merge(self._merge_parts(*closed.merged))
        closed.branch.span = self._final_span(closed, event.end_mark)
        value: Any = closed.value
        spot: Spot = closed.branch
        if closed.template is not None:
            value, spot = closed.template, (*closed.branch.span[:2], len(closed.template))
        if closed.anchor:
            self._anchors[closed.anchor] = _Anchored(value, spot, self._nodes - closed.nodes, closed.height)
        top = self._open[-1]
        top.height = max(top.height, closed.height + 1)
        if isinstance(top, OpenMapping) and top.wants_key:
            top.begin(None)
        else:
            top.take(value, spot)

    def _final_span(self, closed: OpenList, end: Any) -> Span:
        """A flow collection is underlined to its bracket, a mapping at its first key, a list at its first dash."""
        line, column, length = closed.branch.span
        if closed.flow:
            return (line, column, end.column - column if end.line == line else 0)
        first = next(iter(closed.branch.keys.values()), None)
        return first if first and first[:2] == (line, column) else (line, column, length)

    def _merge_parts(self, merged: Any, spot: Spot) -> list[tuple[dict[str, Any], Branch]]:
        parts = []
        for value, place in _each(merged, spot):
            if isinstance(value, dict) and isinstance(place, Branch):
                parts.append((value, place))
            else:
                self._merge_not_mapping(span_of(place))
        return parts

    def _merge_not_mapping(self, span: Span) -> None:
        self._problem(
            "merge-not-mapping",
            span,
            "<< takes in the keys of a mapping, and this is none",
            "*name of a mapping, or a list of such names",
            "give the mapping a name with &name further up",
        )


def _suggestion(name: str, known: Iterable[str]) -> str:
    """A near name, looked for only where that is quick: a hostile file may hold a hundred thousand long ones."""
    return near(name, (word for word in islice(known, 200) if len(word) <= 60)) if len(name) <= 60 else ""


def _each(value: Any, spot: Spot) -> Iterator[tuple[Any, Spot]]:
    if isinstance(value, list) and isinstance(spot, Branch):
        yield from zip(value, spot.children, strict=True)
    else:
        yield value, spot


_HANDLERS: dict[type, Callable[[Reader, Any], None]] = {
    ScalarEvent: Reader._scalar,
    MappingStartEvent: Reader._mapping_start,
    MappingEndEvent: Reader._end,
    SequenceStartEvent: Reader._list_start,
    SequenceEndEvent: Reader._end,
    AliasEvent: Reader._alias,
    DocumentStartEvent: Reader._document_start,
}
