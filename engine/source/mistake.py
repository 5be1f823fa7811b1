"""A YAML parser's complaint, said again for people who do not program.

A parser knows where it gave up; the cause is often a little earlier. The lines around that point tell the most
frequent causes apart: a template without quotes, no space after a colon, a quote that is never closed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from yaml.error import MarkedYAMLError

from engine.problem import Place, Problem

_QUOTE_IT = 'put quotes around the whole text, like "..."'
_TEMPLATE = re.compile(r"(?:^[ ]*|[:\-][ \t]+|[\[,][ ]*)(\{[{%])")
_NO_SPACE = re.compile(r"[ ]*(?:- +)*([\w.-]+):(?![\s/])\S")
_ODD = re.compile(r"[\w .-]*:?[ ]*([\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000])")
_HEAD = re.compile(r"( *)((?:- +)*)(-?)([\w.-]+):(?=\s|$)")
_BEGINS = frozenset({"id", "alias", "trigger", "platform", "condition", "action", "service", "if", "choose", "delay"})
_LOOKED_BACK = 40
_VALUE = re.compile(r"[ ]*(?:- +)*(?:[\w.-]+:[ \t]+)?(\S)")
_HAS_KEY = re.compile(r"[ ]*(?:- +)*[^\s:\"']+:(?:\s|$)")


@dataclass(frozen=True, slots=True)
class _Complaint:
    """What the parser said, and the two points (line and column from 0) that it named."""

    file: str
    lines: list[str]
    words: str
    line: int
    column: int
    since: tuple[int, int]

    def text(self, line: int) -> str:
        return self.lines[line] if 0 <= line < len(self.lines) else ""

    @property
    def here(self) -> str:
        return self.text(self.line)

    @property
    def char(self) -> str:
        return self.here[self.column : self.column + 1]

    @property
    def previous(self) -> int:
        """The nearest line above that is not blank, or -1."""
        return next((n for n in range(self.line - 1, -1, -1) if self.text(n).strip()), -1)

    def place(self, line: int, column: int, length: int = 0) -> Place:
        return Place(self.file, line + 1, column + 1, length or max(1, len(self.text(line).rstrip()) - column))

    def at(self, length: int = 1) -> Place:
        return self.place(self.line, self.column, length)

    def at_start(self, length: int = 1) -> Place:
        return self.place(*self.since, length)


def explain(error: MarkedYAMLError, file: str, text: str) -> Problem:
    """The problem behind `error`, with the place of its cause as far as the text gives it away."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    start = error.context_mark
    since = (start.line, start.column) if start else (line, column)
    words = f"{error.context or ''}: {error.problem or ''}"
    complaint = _Complaint(file, text.splitlines(), words, line, column, since)
    for judge in (_odd_character, _template, _by_words, _after_quote, _starting_character):
        if problem := judge(complaint):
            return problem
    return _indentation(complaint)


def unquoted_template(place: Place) -> Problem:
    """The problem of `to: {{ name }}`: YAML takes the braces for its own."""
    return Problem(
        "unquoted-template",
        "a template without quotes around it",
        place,
        expected="a template in quotes",
        remedy='put quotes around the whole value, like "{{ ... }}"',
    )


def _odd_character(complaint: _Complaint) -> Problem | None:
    """A blank or invisible character from a web page that people take for a space, or for nothing."""
    for line in (complaint.line, complaint.since[0], complaint.previous):
        found = _ODD.match(complaint.text(line))
        if found:
            blank = found[1].isspace()
            return Problem(
                "odd-blank" if blank else "invisible-character",
                f"a special blank (U+{ord(found[1]):04X}) where an ordinary one belongs"
                if blank
                else f"an invisible character (U+{ord(found[1]):04X})",
                complaint.place(line, found.start(1), 1),
                expected="an ordinary space" if blank else "nothing, or an ordinary space",
                remedy="delete it and type a space; it often comes along when text is copied from a web page",
            )
    return None


def _template(complaint: _Complaint) -> Problem | None:
    for line in (complaint.line, complaint.since[0]):
        found = _TEMPLATE.search(complaint.text(line))
        if found and not set("\"'#|>") & set(complaint.text(line)[: found.start()]):
            return unquoted_template(complaint.place(line, found.start(1)))
    return None


def _by_words(complaint: _Complaint) -> Problem | None:
    for words, judge in _JUDGES:
        if words in complaint.words:
            return judge(complaint)
    return None


def _cannot_start(complaint: _Complaint) -> Problem:
    if complaint.char == "\t":
        return _tab(complaint)
    return _needs_quotes(complaint.at(), complaint.char)


def _tab(complaint: _Complaint) -> Problem:
    return Problem(
        "tab",
        "a tab character where only spaces may stand",
        complaint.at(),
        expected="spaces in front of a line",
        remedy="replace the tab with spaces, two for each level",
    )


def _needs_quotes(place: Place, char: str) -> Problem:
    return Problem(
        "needs-quotes",
        f"a value that begins with {char}, which has a meaning of its own in YAML",
        place,
        expected="text in quotes",
        remedy=_QUOTE_IT,
    )


def _needs_quotes_here(complaint: _Complaint) -> Problem:
    line, column = complaint.since
    return _needs_quotes(complaint.at_start(0), complaint.text(line)[column : column + 1])


def _colon(complaint: _Complaint) -> Problem:
    """A colon where none may be: one too many in this line, or the line above is not finished."""
    if missing := _missing_space(complaint, complaint.previous):
        return missing
    if ": " in complaint.here[: complaint.column]:
        return Problem(
            "colon-in-text",
            "a second colon in an unquoted value",
            complaint.at(),
            expected="one `key: value` in a line",
            remedy=f"if the colon belongs to the text, {_QUOTE_IT}",
        )
    above, here = complaint.text(complaint.previous).lstrip(), complaint.here.lstrip()
    both_items = above.startswith("- ") and here.startswith("- ")
    if complaint.previous >= 0 and not both_items and not _HAS_KEY.match(above):
        return _missing_colon(complaint, complaint.previous)
    return _indentation(replace(complaint, column=len(complaint.here) - len(here)))


def _no_colon(complaint: _Complaint) -> Problem:
    line = complaint.since[0]
    return _missing_space(complaint, line) or _missing_colon(complaint, line)


def _missing_space(complaint: _Complaint, line: int) -> Problem | None:
    found = _NO_SPACE.match(complaint.text(line))
    if not found:
        return None
    key = found[1]
    return Problem(
        "missing-space",
        f"no space after the colon of `{key}:`",
        complaint.place(line, found.start(1), len(key) + 1),
        expected="`key: value`, with a space after the colon",
        remedy=f"write `{key}: ` and then the value",
    )


def _missing_colon(complaint: _Complaint, line: int) -> Problem:
    text = complaint.text(line)
    return Problem(
        "missing-colon",
        "a line that is neither `key: value` nor an item of a list",
        complaint.place(line, len(text) - len(text.lstrip())),
        expected="`key: value`, or `- ` and an item",
        remedy="add the colon and a space after it; text that goes on from the line above needs quotes or `|`",
    )


def _unclosed_quote(complaint: _Complaint) -> Problem:
    return _quote_problem(complaint.at_start(0))


def _quote_problem(place: Place) -> Problem:
    return Problem(
        "unclosed-quote",
        "a quote that is opened here and never closed",
        place,
        expected="a quote at both ends of the text",
        remedy="close the quote at the end of the text; to write a quote inside a text, use the other kind around it",
    )


def _after_quote(complaint: _Complaint) -> Problem | None:
    """Text straight after a closing quote: either half a text is quoted, or a quote above was never closed."""
    before = complaint.here[: complaint.column].rstrip()
    if "end" not in complaint.words and "key" not in complaint.words and "'-'" not in complaint.words:
        return None
    if before[-1:] not in ("'", '"') or not complaint.char:
        return None
    quote = before[-1]
    if before.count(quote) % 2:
        opened = next((n for n in range(complaint.line - 1, -1, -1) if complaint.text(n).count(quote) % 2), None)
        if opened is not None:
            return _quote_problem(complaint.place(opened, complaint.text(opened).rfind(quote)))
    return Problem(
        "text-after-quote",
        "text after the closing quote",
        complaint.place(complaint.line, complaint.column),
        expected="quotes around the whole text or none of it",
        remedy="move the closing quote to the end; a text that holds one kind of quote needs the other kind around it",
    )


def _starting_character(complaint: _Complaint) -> Problem | None:
    found = _VALUE.match(complaint.here)
    if found and found[1] in "*&!" and found.start(1) < complaint.column:
        return _needs_quotes(complaint.place(complaint.line, found.start(1)), found[1])
    return None


def _block_text(complaint: _Complaint) -> Problem:
    return Problem(
        "block-text",
        f"text in the same line as `{complaint.text(complaint.since[0])[complaint.since[1] :][:1]}`",
        complaint.at(0),
        expected="the text in the lines below, indented",
        remedy=f"move the text to the next line and indent it, or {_QUOTE_IT}",
    )


def _escape(complaint: _Complaint) -> Problem:
    return bad_escape(complaint.at_start())


def bad_escape(place: Place) -> Problem:
    """A backslash in double quotes that stands for nothing, or for a character that may not be in a text."""
    return Problem(
        "bad-escape",
        "a backslash in double quotes that does not make a character",
        place,
        expected='\\n, \\t, \\", \\\\ or \\u and four digits after a backslash',
        remedy="write the backslash twice, or use single quotes, where it means itself",
    )


def _unclosed_bracket(complaint: _Complaint) -> Problem:
    opening = complaint.text(complaint.since[0])[complaint.since[1] :][:1]
    if opening not in ("[", "{"):
        return _stray_bracket(complaint)
    closing = "]" if opening == "[" else "}"
    return Problem(
        "unclosed-bracket",
        f"this `{opening}` is not closed, or something inside it is wrong",
        complaint.at_start(),
        expected=f"items with commas between them, then `{closing}`",
        remedy=f"add the missing `{closing}` or comma, or put quotes around text that holds brackets",
        also=((complaint.at(), "what was found instead"),),
    )


def _stray_bracket(complaint: _Complaint) -> Problem:
    if not complaint.char:
        return _ends_too_early(complaint)
    return Problem(
        "stray-bracket",
        f"a `{complaint.char}` that nothing before it asks for",
        complaint.at(),
        expected="a value",
        remedy=f"take it away; if it belongs to a text, {_QUOTE_IT}",
    )


def _ends_too_early(complaint: _Complaint) -> Problem:
    """The last bracket of the file was opened and nothing followed."""
    line = next((n for n in range(complaint.line, -1, -1) if set("[{") & set(complaint.text(n))), complaint.line)
    column = max(complaint.text(line).rfind("["), complaint.text(line).rfind("{"), 0)
    if complaint.text(line)[column : column + 1] in ("[", "{"):
        return _unclosed_bracket(replace(complaint, since=(line, column)))
    return _unfinished(complaint)


def _unfinished(complaint: _Complaint) -> Problem:
    return Problem(
        "unfinished",
        "the text ends too early",
        complaint.at(),
        expected="a value",
        remedy="finish what the last line begins",
    )


def _list_item(complaint: _Complaint) -> Problem:
    return Problem(
        "list-on-key-line",
        "a list that begins in the line of its key",
        complaint.at(),
        expected="the first `- ` in the line below the key",
        remedy=f"move the item to the next line; if the dash belongs to a text, {_QUOTE_IT}",
    )


def _directive(complaint: _Complaint) -> Problem:
    return Problem(
        "directive",
        "a line that begins with %, which gives orders to YAML itself",
        complaint.at(),
        expected="rules",
        remedy=f"delete the line; if it is text, {_QUOTE_IT}",
    )


def _indentation(complaint: _Complaint) -> Problem:
    if complaint.char and complaint.char in "]}":
        return _stray_bracket(complaint)
    return _dash_missing(complaint) or _out_of_line(complaint)


def _dash_missing(complaint: _Complaint) -> Problem | None:
    """Further keys below a line that should have begun an item: `id: a` without its dash, or `-id: a`."""
    above = _HEAD.match(complaint.text(complaint.previous)) if complaint.previous >= 0 else None
    here = len(complaint.here) - len(complaint.here.lstrip())
    if above is None or (not above[3] and (above[2] or above[4] not in _BEGINS or here != len(above[1]) + 2)):
        return None
    key = above[4]
    return Problem(
        "missing-dash",
        f"no space after the dash of `-{key}:`" if above[3] else f"no dash in front of `{key}:`",
        complaint.place(complaint.previous, above.start(3), len(key) + len(above[3]) + 1),
        expected=f"`- {key}:` where an item of a list begins, its other keys below the `{key}`",
        remedy=f"write `- {key}:`, with a dash and a space",
    )


def _out_of_line(complaint: _Complaint) -> Problem:
    neighbour = _neighbour(complaint)
    remedy = "move the line to the left or right with spaces until it stands under its neighbours"
    also: tuple[tuple[Place, str], ...] = ()
    if neighbour is not None:
        line, column = neighbour
        remedy = f"write {column} spaces in front of it, as for line {line + 1}, if the two belong together"
        also = ((complaint.place(line, column, 1), f"in line {line + 1} it is column {column + 1}"),)
    return Problem(
        "indentation",
        f"this does not line up with the lines above it: it begins in column {complaint.column + 1}",
        complaint.at(),
        expected="keys that belong together, and the dashes of one list, in the same column",
        remedy=remedy,
        also=also,
    )


def _neighbour(complaint: _Complaint) -> tuple[int, int] | None:
    """Line and column where a line above begins in nearly the same column, a dash for a dash, a key for a key."""
    here = len(complaint.here) - len(complaint.here.lstrip(" "))
    is_item = complaint.here.lstrip(" ").startswith("- ")
    found: list[tuple[int, int, int]] = []
    for line in range(complaint.line - 1, max(-1, complaint.line - _LOOKED_BACK), -1):
        head = _HEAD.match(complaint.text(line))
        if head is None or (is_item and not head[2]):
            continue
        column = len(head[1]) if is_item else head.start(4)
        found.append((abs(column - here), complaint.line - line, column))
    nearest = min(found, default=None)
    return (complaint.line - nearest[1], nearest[2]) if nearest and 0 < nearest[0] <= 3 else None


_JUDGES = (
    ("cannot start any token", _cannot_start),
    ("violates indentation", _tab),
    ("mapping values are not allowed", _colon),
    ("could not find expected ':'", _no_colon),
    ("unexpected end of stream", _unclosed_quote),
    ("unexpected document", _unclosed_quote),
    ("scanning an alias", _needs_quotes_here),
    ("scanning an anchor", _needs_quotes_here),
    ("a tag", _needs_quotes_here),
    ("tag handle", _needs_quotes_here),
    ("a block scalar", _block_text),
    ("escape", _escape),
    ("hexa", _escape),
    ("hexdecimal", _escape),
    ("invalid Unicode", _escape),
    ("a flow", _unclosed_bracket),
    ("node content", _stray_bracket),
    ("sequence entries are not allowed", _list_item),
    ("keys are not allowed", _needs_quotes_here),
    ("directive", _directive),
    ("incompatible YAML document", _directive),
)
