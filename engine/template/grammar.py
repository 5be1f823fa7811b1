"""What a template may be: its text as Jinja's tree, checked against what rules may use, and what it reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateSyntaxError, nodes
from jinja2.parser import Parser

from engine.template.budget import MAX_INTEGER, TemplateProblem
from engine.template.functions import CONSTANTS, FILTERS, FUNCTIONS, TESTS, unknown
from engine.template.sandbox import SANDBOX, chain

MAX_SOURCE = 16 * 1024
MAX_DEPTH = 60
MAX_BLOCKS = 12

_WORDS = """
    Template Output TemplateData For If Assign AssignBlock With Macro CallBlock FilterBlock ExprStmt Continue Break
    Name NSRef Const Tuple List Dict Pair Keyword CondExpr Filter Test Call Getattr Getitem Slice Concat Compare Operand
    Add Sub Mul Div FloorDiv Mod Pow And Or Not Neg Pos
"""
_ALLOWED = frozenset(_WORDS.split())
_BLOCKS = (nodes.For, nodes.If, nodes.With, nodes.Macro, nodes.CallBlock, nodes.FilterBlock, nodes.AssignBlock)
_OPTIONAL = frozenset({"default", "d", "defined", "undefined"})
_BY_NAME = {"map": (0, FILTERS), "select": (0, TESTS), "reject": (0, TESTS), "selectattr": (1, TESTS)}
_BY_NAME["rejectattr"] = _BY_NAME["selectattr"]


@dataclass(frozen=True, slots=True)
class Read:
    """A name that a template reads: `path` as far as it is written out ("trigger.json.count").

    `line` and `column` count from 1 inside the template; `optional` says that the template copes with its absence.
    """

    path: str
    line: int
    column: int
    optional: bool = False


def located(problem: TemplateProblem, source: str) -> TemplateProblem:
    """The problem with line and column of its subject, as far as they can be found in the text."""
    problem.line = problem.line or 0  # Jinja gives some of its own nodes no line
    if problem.column or not (problem.subject or problem.line):
        return problem
    start = sum(len(line) + 1 for line in source.split("\n")[: max(0, problem.line - 1)])
    at = _find(source, problem.subject, start)
    if at >= 0:
        problem.line = source.count("\n", 0, at) + 1
        problem.column = at - source.rfind("\n", 0, at)
    problem.column = problem.column or 1
    return problem


def _find(source: str, subject: str, start: int = 0) -> int:
    """Where a name or path stands in the text, or -1; a path written with brackets is found by its first name."""
    for word in (subject, subject.partition(".")[0]):
        for begun in (start, 0) if word else ():
            at = source.find(word, begun)
            while at >= 0:
                around = source[max(0, at - 1) : at] + source[at + len(word) : at + len(word) + 1]
                if not (_is_letter(word[0]) and any(map(_is_letter, around))):
                    return at
                at = source.find(word, at + 1)
    return -1


def _is_letter(character: str) -> bool:
    return character.isidentifier() or character.isdigit()


SHORTEN = "shorten it; a long text belongs into the template of the message, its parts into variables"


def tree_of(source: str) -> nodes.Template:
    if len(source) > MAX_SOURCE or len(source.encode("utf-8", "surrogatepass")) > MAX_SOURCE:
        raise TemplateProblem("this template is too long", line=1, column=1, expected="at most 16 kB", remedy=SHORTEN)
    parser = None
    try:
        parser = Parser(SANDBOX, source, "template", None)
        tree = parser.parse()
        _check(tree, 0, 0)
    except TemplateSyntaxError as error:
        raise located(_syntax(source, error, parser), source) from None
    except TemplateProblem as problem:
        raise located(problem, source) from None
    except (RecursionError, ValueError, MemoryError, OverflowError):
        raise TemplateProblem(
            "this template is nested too deeply or has a number that is too large",
            line=1,
            column=1,
            remedy="use `{% set %}` for its parts",
        ) from None
    return tree


_SENTENCES = (
    (r"unexpected '(.+?)'", "unexpected `{0}`"),
    (r"unexpected end of template", "something is not closed: the template ends too early"),
    (r"unexpected char [\"']([\"'])[\"'] at (\d+)", "a quote is not closed"),
    (r"unexpected char '(.+?)' at (\d+)", "unexpected character `{0}`"),
    (r"Expected an expression, got '(.+?)'", "a value is missing in front of `{0}`"),
    (r"expected token '(.+?)', got '(.+?)'", "expected `{0}` but found `{1}`"),
    (r"Encountered unknown tag '(.+?)'", "no statement `{0}`"),
    (r"Missing end of comment tag", "a comment `{{#` is not closed"),
)
_CURES = (
    (r"innermost block that needs to be closed is 'if'", "write `{% endif %}` where the block ends"),
    (r"innermost block that needs to be closed is 'for'", "write `{% endfor %}` where the block ends"),
    (r"end of template, expected 'end of print statement'", "write `}}` where the expression ends"),
    (r"end of template, expected 'end of statement block'", "write `%}` where the statement ends"),
    (r"expected token '.+?', got '='", "to compare, write `==`"),
    (r"expected token 'end of print statement', got", "join two parts with `~`, or close the `{{` before"),
    (r"(unexpected|an expression, got) '(end of print statement|\})'", "write a value in front of the `}}`"),
    (r"expected token '\(', got", "give it its brackets, with what goes in between them"),
    (r"unexpected '[\])]'", "take it out, or open it before"),
    (r"Missing end of comment tag", "write `#}` where the comment ends"),
    (r"unexpected char [\"']([\"'])[\"'] at", "write the same quote at the end of the text"),
)
_TAGS = (
    "for",
    "if",
    "set",
    "with",
    "macro",
    "call",
    "filter",
    "do",
    "break",
    "continue",
    "else",
    "elif",
    "endfor",
    "endif",
)


def _syntax(source: str, error: TemplateSyntaxError, parser: Parser | None) -> TemplateProblem:
    """Jinja's complaint in our words, with the place of the token that it stumbled over."""
    message = error.message or ""
    sentence, subject, remedy = "this is not a template that can be understood", "", ""
    for pattern, ours in _SENTENCES:
        found = re.match(pattern, message, re.IGNORECASE)
        if found:
            words = [_HUMAN.get(word, word) for word in found.groups()]
            sentence = ours.format(*words)
            break
    if "unknown tag" in message and found:
        subject = found[1]
        remedy = unknown("statement", subject, _TAGS).remedy
    remedy = remedy or next((cure for pattern, cure in _CURES if re.search(pattern, message, re.IGNORECASE)), "")
    column = 0 if subject else _column(source, error.lineno, parser)
    if "unexpected char" in message and found:
        column = int(found[2]) - source.rfind("\n", 0, int(found[2]))
    expected = "every `{{` has its `}}`, every `{% if %}` its `{% endif %}`, every quote its pair"
    return TemplateProblem(
        sentence, line=error.lineno, column=column, expected=expected, remedy=remedy, subject=subject
    )


_HUMAN = {"end of print statement": "}}", "end of statement block": "%}", "begin of statement block": "{%"}


def _column(source: str, line: int, parser: Parser | None) -> int:
    """The column of the parser's present token on its line, 1 where the text could not be cut into tokens."""
    if parser is None:
        return 1
    try:
        left = sum(1 for _ in parser.stream)
        raw = [token for token in SANDBOX.lex(source) if not token[1].startswith(("whitespace", "comment"))]
    except TemplateSyntaxError:
        return _column_of_last(source, line)
    offset, number = 0, len(raw) - left
    for _, _, value in raw[: number + 1]:
        at = source.find(value, offset)
        start, offset = (at, at + len(value)) if at >= 0 else (offset, offset)
    return start - source.rfind("\n", 0, start) if raw and source.count("\n", 0, start) + 1 == line else 1


def _column_of_last(source: str, line: int) -> int:
    """The column behind the last token that could be cut, where the text stops making sense; 1 on another line."""
    end = 0
    try:
        for _, _, value in SANDBOX.lex(source):
            end = max(end, source.find(value, end) + len(value))
    except TemplateSyntaxError:
        pass
    end += len(source[end:]) - len(source[end:].lstrip())
    return end - source.rfind("\n", 0, end) if source.count("\n", 0, end) + 1 == line else 1


def _check(node: nodes.Node, depth: int, blocks: int) -> None:
    """Raise TemplateProblem for anything that rules may not use."""
    if depth > MAX_DEPTH or blocks > MAX_BLOCKS:
        raise TemplateProblem(
            "this template is nested too deeply", line=node.lineno, remedy="use `{% set %}` for its parts"
        )
    name = type(node).__name__
    if name not in _ALLOWED:
        raise _forbidden(node)
    check = _CHECKS.get(name)
    if check is not None:
        check(node)
    blocks += isinstance(node, _BLOCKS)
    for child in node.iter_child_nodes():
        _check(child, depth + 1, blocks)


def _forbidden(node: nodes.Node) -> TemplateProblem:
    word = {"FromImport": "from", "ScopedEvalContextModifier": "autoescape", "Scope": "autoescape"}.get(
        type(node).__name__, type(node).__name__.lower()
    )
    remedy = "a template stands alone; write what it needs into it"
    return TemplateProblem(f"`{word}` is not allowed in templates", line=node.lineno, remedy=remedy, subject=word)


def _known(table: Mapping[str, object], what: str, name: str, line: int) -> None:
    if name not in table:
        problem = unknown(what, name, table)
        problem.line = line
        raise problem


def _check_filter(node: nodes.Filter) -> None:
    _known(FILTERS, "filter", node.name, node.lineno)
    _check_keywords(node)
    position, table = _BY_NAME.get(node.name, (0, {}))
    name = node.args[position] if table and len(node.args) > position else None
    if isinstance(name, nodes.Const) and isinstance(name.value, str):
        _known(table, "filter" if table is FILTERS else "test", name.value, node.lineno)


def _check_test(node: nodes.Test) -> None:
    _known(TESTS, "test", node.name, node.lineno)
    _check_keywords(node)


def _check_call(node: nodes.Call) -> None:
    if not isinstance(node.node, (nodes.Name, nodes.Getattr)):
        raise TemplateProblem("only functions by their name can be called", line=node.lineno)
    _check_keywords(node)


def _check_keywords(node: nodes.Call | nodes.Filter | nodes.Test) -> None:
    hidden = next((str(pair.key) for pair in node.kwargs if str(pair.key).startswith("_")), None)
    if hidden:
        raise TemplateProblem(f"`{hidden}` is not allowed here", line=node.lineno, subject=hidden)


def _check_call_block(node: nodes.CallBlock) -> None:
    if not isinstance(node.call, nodes.Call) or not isinstance(node.call.node, nodes.Name):
        raise TemplateProblem("`call` needs the name of a macro", line=node.lineno, subject="call")


def _check_hidden(node: nodes.Getattr | nodes.NSRef) -> None:
    if node.attr.startswith("_"):
        raise TemplateProblem(
            f"`{node.attr}` is not allowed: names that begin with `_` are hidden",
            line=node.lineno,
            subject=node.attr,
            remedy="take it out; only what the trigger gives and variables hold can be read",
        )


def _check_const(node: nodes.Const) -> None:
    if isinstance(node.value, (int, float)) and not -MAX_INTEGER <= node.value <= MAX_INTEGER:
        raise TemplateProblem("a number is too large", line=node.lineno, expected="at most 30 digits")


def _check_name(node: nodes.Name) -> None:
    if node.name == "self" or node.name.startswith("__"):
        raise TemplateProblem(f"`{node.name}` is not allowed in templates", line=node.lineno, subject=node.name)


_CHECKS: dict[str, Callable[[Any], None]] = {
    "Filter": _check_filter,
    "Test": _check_test,
    "Call": _check_call,
    "CallBlock": _check_call_block,
    "Getattr": _check_hidden,
    "NSRef": _check_hidden,
    "Const": _check_const,
    "Name": _check_name,
}


# What a template reads


def reads_of(source: str, tree: nodes.Template) -> Iterator[Read]:
    """Each path that is read, once, in the order of the text; its own names and our functions left out."""
    own = {"loop", "caller", "varargs", "kwargs", *FUNCTIONS, *CONSTANTS}
    found: dict[str, tuple[int, bool]] = {}
    for path, line, optional in _paths(tree, own):
        first, before = found.get(path, (line, False))
        found[path] = (first, before or optional)
    starts = [0, *(match.end() for match in re.finditer("\n", source))]
    for path, (line, optional) in found.items():
        if path.partition(".")[0] not in own:
            at = _find(source, path, starts[min(line, len(starts)) - 1])
            yield Read(path, source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at), optional)


def asking(source: str, tree: nodes.Template, names: frozenset[str]) -> Read | None:
    """Where the first of these functions, filters or tests is used: as a name, by `|` or `is`, by `map` or `select`."""
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    for node in tree.find_all(nodes.Expr):
        used = _used(node)
        if used in names and not (isinstance(node, nodes.Name) and used in own):
            problem = located(TemplateProblem("", line=node.lineno, subject=used), source)
            return Read(used, problem.line, problem.column)
    return None


def _used(node: nodes.Expr) -> str:
    """The function, filter or test that this expression uses; empty for any other."""
    if isinstance(node, nodes.Filter) and node.name in _BY_NAME:
        position = _BY_NAME[node.name][0]
        name = node.args[position] if len(node.args) > position else None
        return str(name.value) if isinstance(name, nodes.Const) else ""
    return node.name if isinstance(node, (nodes.Name, nodes.Filter, nodes.Test)) else ""


def _paths(node: nodes.Node, own: set[str], optional: bool = False) -> Iterator[tuple[str, int, bool]]:
    """The paths below `node`, with line and whether it copes with their absence; names it makes are added to `own`."""
    root, keys = chain(node)
    if isinstance(root, nodes.Name):
        if root.ctx == "load":
            yield ".".join([root.name, *_written(keys)]), node.lineno, optional
        else:
            own.add(root.name)
        return
    children: Iterable[nodes.Node] = node.iter_child_nodes()
    if isinstance(node, nodes.Macro):
        own.add(node.name)
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
        children = (node.node.node, *node.iter_child_nodes(exclude=("node",)))
    elif keys:
        children = (root,)
    copes = isinstance(node, (nodes.Filter, nodes.Test)) and node.name in _OPTIONAL
    for child in children:
        yield from _paths(child, own, copes and child is getattr(node, "node", None))


def _written(keys: tuple[str | int, ...]) -> list[str]:
    """The keys as far as they are names."""
    names: list[str] = []
    for key in keys:
        if not isinstance(key, str):
            break
        names.append(key)
    return names
