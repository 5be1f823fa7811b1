"""What templates do with text: shape and encode it, search it in linear time, read and write JSON."""

from __future__ import annotations

import hashlib
import html
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import markupsafe
import re2  # type: ignore[import-untyped, unused-ignore]
from jinja2 import filters

from engine.template import operators
from engine.template.budget import REQUIRED, SEQUENCES, TemplateProblem, current, kind, plain, text


def wide(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose first argument is a width: the width is looked at first."""

    def use(value: Any, width: int = 80, *rest: Any, **more: Any) -> Any:
        current().room(width)
        return function(text(value), width, *rest, **more)

    return use


def indent(value: str, width: Any = 4, first: bool = False, blank: bool = False) -> str:
    size = len(width) if isinstance(width, str) else int(width)
    current().room(len(value) + (value.count("\n") + 2) * max(0, size))
    return filters.do_indent(value, width, first, blank)


def truncate(value: str, length: int = 255, killwords: bool = False, end: str = "...", leeway: int = 5) -> str:
    """At most `length` characters, cut at a word, with `end` to show that something was cut."""
    if len(value) <= length + leeway:
        return value
    room = max(0, length - len(end))
    return (value[:room] if killwords else value[:room].rsplit(" ", 1)[0]) + end


def wordwrap(value: str, width: int = 79, break_long_words: bool = True) -> str:
    """Lines of at most `width` characters."""
    lines: list[str] = []
    for paragraph in value.splitlines():
        words: list[str] = []
        room = width
        for word in _pieces(paragraph, max(1, width) if break_long_words else len(paragraph) + 1):
            if words and len(word) > room:
                lines.append(" ".join(words))
                words, room = [], width
            words.append(word)
            room -= len(word) + 1
        lines.append(" ".join(words))
    return "\n".join(lines)


def _pieces(paragraph: str, width: int) -> Iterable[str]:
    for word in paragraph.split():
        for start in range(0, len(word), width):
            yield word[start : start + width]


_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th"}
    | {"Æ": "ae", "Œ": "oe", "Ø": "o", "Đ": "d", "Ð": "d", "Ł": "l", "Þ": "th", "ẞ": "ss"}
)


def slugify(value: Any, separator: str = "_") -> str:
    """Small letters and digits, everything else one `separator`: `Käse & Wein` is `kase_wein`."""
    given = text(value)
    flat = unicodedata.normalize("NFKD", html.unescape(given).translate(_LETTERS)).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=\d),(?=\d)", "", flat.lower()))
    return operators.join(separator, words) or ("unknown" if given else "")


def urlencoded(value: Any) -> str:
    """Text made safe for a URL; a mapping or pairs become a query."""
    if isinstance(value, (Mapping, *SEQUENCES)):
        return urlencode(plain(value) if isinstance(value, Mapping) else [tuple(pair) for pair in plain(value)])
    return quote(text(value), safe="/")


def striptags(value: str) -> str:
    return " ".join(html.unescape(re2.sub(r"<!--(?s:.*?)-->|<[^>]*>", "", value)).split())


def escaped(value: Any) -> str:
    """The text made safe for HTML."""
    return str(markupsafe.escape(text(value)))


def digest(algorithm: str) -> Callable[..., Any]:
    return lambda value: hashlib.new(algorithm, text(value).encode(), usedforsecurity=False).hexdigest()


# Regular expressions, in linear time


def _pattern(pattern: str, ignorecase: bool, value: str) -> Any:
    current().pay(8 + len(value.encode("utf-8", "ignore")) * _states(pattern) // 512)
    if len(pattern) > 1000:
        raise TemplateProblem("this regular expression is too long", expected="at most 1,000 characters")
    options = re2.Options()
    options.log_errors, options.max_mem, options.case_sensitive = False, 1 << 18, not ignorecase
    try:
        return re2.compile(pattern, options)
    except re2.error:
        remedy = "look-ahead, look-behind and back-references are not allowed; `\\d`, `[a-z]`, `( | )` and `*` are"
        raise TemplateProblem("this is not a regular expression that rules can use", remedy=remedy) from None


def _states(pattern: str) -> int:
    """About how many states the pattern has: what its worst search costs for each character."""
    counts = re.findall(r"\{(?:\d{1,4},)?(\d{1,4}),?\}", pattern[:1000])
    return len(pattern) * min(1000, math.prod(max(1, int(count)) for count in counts))


def regex_match(value: Any, find: str = "", ignorecase: bool = False) -> bool:
    """Whether the text begins with what the expression describes."""
    value = text(value)
    return bool(_pattern(find, ignorecase, value).match(value))


def regex_search(value: Any, find: str = "", ignorecase: bool = False) -> bool:
    """Whether the expression is found anywhere in the text."""
    value = text(value)
    return bool(_pattern(find, ignorecase, value).search(value))


def regex_findall(value: Any, find: str = "", ignorecase: bool = False) -> list[Any]:
    """All that the expression finds; with groups, the groups of each."""
    value, meter, found = text(value), current(), []
    for match in _pattern(find, ignorecase, value).finditer(value):
        groups = tuple(group or "" for group in match.groups())
        part = match.group() if not groups else groups[0] if len(groups) == 1 else groups
        meter.pay(3 + sum(len(group) for group in (groups or (part,))) // 32)
        found.append(part)
    return found


def regex_findall_index(value: Any, find: str = "", index: int = 0, ignorecase: bool = False) -> Any:
    return regex_findall(value, find, ignorecase)[index]


_STANDS_FOR = re.compile(r"\\(?:(\d{1,2})|g<(\w+)>|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


def regex_replace(value: Any = "", find: str = "", replace: str = "", ignorecase: bool = False) -> str:
    """The text with every find replaced; `\\1` or `\\g<name>` stands for a group."""
    value, meter, parts, end, size = text(value), current(), [], 0, 0
    for match in _pattern(find, ignorecase, value).finditer(value):
        new = _STANDS_FOR.sub(partial(_stood_for, match), replace)
        parts += [value[end : match.start()], new]
        size += len(parts[-1]) + len(parts[-2])
        meter.room(size)
        meter.pay(3 + len(new) // 32)
        end = match.end()
    return "".join([*parts, value[end:]])


def _stood_for(match: Any, sign: re.Match[str]) -> str:
    number, name, other = sign.groups()
    if other is not None:
        return _ESCAPES.get(other, sign[0])
    group = number or name
    return match.group(int(group) if group.isdecimal() else group) or ""


# JSON


def to_json(value: Any, ensure_ascii: bool = False, pretty_print: bool = False, sort_keys: bool = False) -> str:
    """The value as JSON; without spaces, unless for people (`pretty_print`) or in ASCII only."""
    current().weigh(value)
    layout: dict[str, Any] = {"indent": 2} if pretty_print else {"separators": None if ensure_ascii else (",", ":")}
    return json.dumps(plain(value), ensure_ascii=ensure_ascii, sort_keys=sort_keys, **layout)


def tojson(value: Any, indent: int | None = None) -> str:
    """The value as JSON that can stand in HTML, as Jinja makes it: keys in order, `<`, `>`, `&`, `'` as codes."""
    current().weigh(value)
    spaces = None if indent is None else max(0, min(8, indent))
    shown = json.dumps(plain(value), sort_keys=True, indent=spaces)
    for sign in "<>&'":
        shown = shown.replace(sign, f"\\u{ord(sign):04x}")
    return shown


def from_json(value: Any, default: Any = REQUIRED) -> Any:
    """The value that JSON text stands for."""
    try:
        if not isinstance(value, (str, bytes)):
            raise ValueError
        current().room(len(value))
        found = json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        if default is not REQUIRED:
            return default
        given = "text that is not JSON" if isinstance(value, str) else kind(value)
        raise TemplateProblem(f"`from_json` was given {given}", subject="from_json") from None
    current().weigh(found)
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(word)
