"""Jinja's immutable sandbox with every operation on values replaced by one that pays.

A tree is rewritten before Jinja compiles it: reads, comparisons, methods, joins and loops become filters whose
names hold a space, so that no template can name them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.environment import Template as Compiled
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

from engine.template import operators
from engine.template.budget import Missing, TemplateProblem, current, text
from engine.template.functions import CONSTANTS, FILTERS, FUNCTIONS, TESTS, may_be_called

NODES_PER_TICK = 8


def compiled(tree: nodes.Template) -> Compiled:
    """The tree as code; the tree itself is used up."""
    return Compiled.from_code(SANDBOX, SANDBOX.compile(_rewritten(tree), "template", "<template>"), {})


def chunks(template: Compiled) -> Iterable[str]:
    """The parts of the text that the template gives in the current render."""
    return template.root_render_func(_Names(SANDBOX, {}, "template", {}))


def sole_values(tree: nodes.Template) -> list[nodes.Output]:
    """What the template prints, if that is one value and nothing else, whichever branch of an `if` it takes.

    Statements that print nothing may stand around it. Empty where it prints more than that, or nothing.
    """
    return _sole(tree.body) or []


def _sole(body: list[nodes.Node]) -> list[nodes.Output] | None:
    printing = [node for node in body if _prints(node)]
    if len(printing) != 1:
        return None if printing else []
    node = printing[0]
    if isinstance(node, nodes.Output):
        parts = _parts(node)
        return [node] if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData) else None
    if not isinstance(node, nodes.If):
        return None
    branches = [_sole(branch) for branch in (node.body, *(other.body for other in node.elif_), node.else_)]
    return None if None in branches else [output for branch in branches for output in branch or ()]


def _prints(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Output):
        return bool(_parts(node))
    if isinstance(node, (nodes.Assign, nodes.AssignBlock, nodes.ExprStmt, nodes.Macro)):
        return False
    if isinstance(node, (nodes.For, nodes.If, nodes.With)):
        return any(_prints(child) for child in node.iter_child_nodes() if isinstance(child, nodes.Stmt))
    return not isinstance(node, (nodes.Break, nodes.Continue))


def _parts(output: nodes.Output) -> list[nodes.Expr]:
    return [part for part in output.nodes if not (isinstance(part, nodes.TemplateData) and not part.data.strip())]


def chain(node: nodes.Node) -> tuple[nodes.Node, tuple[str | int, ...]]:
    """`a.b['c'][0]` as its root and its keys."""
    keys: list[str | int] = []
    while True:
        if isinstance(node, nodes.Getattr):
            keys.append(node.attr)
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and is_key(node.arg.value):
            keys.append(node.arg.value)
        else:
            return node, tuple(reversed(keys))
        node = node.node


def is_key(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _rewritten(tree: nodes.Template) -> nodes.Template:
    """The tree as Jinja shall compile it; the names of its added filters hold a space, so no template can use them."""
    for output in sole_values(tree):
        (value,) = _parts(output)
        output.nodes = [_use("the result", value, value)]
    tree = _Rewrite().visit(tree)
    tree.set_environment(SANDBOX)
    return tree


def _use(name: str, at: nodes.Node, *args: Any, **parts: Any) -> nodes.Filter:
    value, *rest = args
    given = [*rest, *parts.get("args", ())]
    return nodes.Filter(
        value, name, given, parts.get("kwargs", []), parts.get("dyn_args"), parts.get("dyn_kwargs"), lineno=at.lineno
    )


def _weight(body: Iterable[nodes.Node]) -> int:
    """What one pass through these statements costs."""
    return 1 + sum(1 + sum(1 for _ in node.find_all(nodes.Node)) for node in body) // NODES_PER_TICK


class _Rewrite(NodeTransformer):
    """Sends every operation on values through the functions that pay for it."""

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:
        root, keys = chain(node)
        path = ".".join([root.name if isinstance(root, nodes.Name) else "…", *map(str, keys)])
        return _use("a part", node, self.visit(root), nodes.Const(keys), nodes.Const(path))

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        if isinstance(node.arg, nodes.Const) and is_key(node.arg.value):
            return self.visit_Getattr(node)  # type: ignore[arg-type]
        value = self.visit(node.node)
        if isinstance(node.arg, nodes.Slice):
            ends = (node.arg.start, node.arg.stop, node.arg.step)
            return _use("a slice", node, value, *(self.visit(end) if end else nodes.Const(None) for end in ends))
        return _use("an item", node, value, self.visit(node.arg))

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        called = node.node
        if not isinstance(called, nodes.Getattr):
            return self.generic_visit(node)
        node.node = nodes.Const(None)  # the method is looked up by its name, not read
        self.generic_visit(node)
        more = {"args": node.args, "kwargs": node.kwargs, "dyn_args": node.dyn_args, "dyn_kwargs": node.dyn_kwargs}
        return _use("a method", node, self.visit(called.node), nodes.Const(called.attr), **more)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        pairs = [part for each in node.ops for part in (nodes.Const(each.op), self.visit(each.expr))]
        return _use("a comparison", node, self.visit(node.expr), *pairs)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _use("a join", node, *node.nodes)

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:
        self.generic_visit(node)
        node.expr2 = node.expr2 or nodes.Const("")
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:
        weight = _weight([*node.body, *([node.test] if node.test else [])])
        self.generic_visit(node)
        node.iter = _use("a walk", node, node.iter, nodes.Const(weight))
        if node.recursive:
            node.body.insert(0, _toll(node, weight))
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        toll = _toll(node, _weight([*node.body, *node.defaults]))
        self.generic_visit(node)
        node.body.insert(0, toll)
        return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:
        return self.visit_Macro(node)  # type: ignore[arg-type]


def _toll(node: nodes.Node, weight: int) -> nodes.ExprStmt:
    return nodes.ExprStmt(_use("a toll", node, nodes.Const(weight)), lineno=node.lineno)


class _Names(Context):
    """The names of one render: the template's own, then those handed in, then our functions."""

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return self.vars[key]
        handed = current().context
        if key in handed:
            return handed[key]
        return FUNCTIONS[key] if key in FUNCTIONS else CONSTANTS.get(key, missing)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox, with every operation replaced by one that pays."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})
    concat = staticmethod(operators.concat)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return operators.calculate(operator, left, right)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        return operators.negate(operator, arg)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return operators.item(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return operators.item(obj, argument)

    def is_safe_callable(self, obj: Any) -> bool:
        return may_be_called(obj)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        current().pay()
        if isinstance(__obj, Missing):
            return __obj.settle()
        if not callable(__obj) or not __self.is_safe_callable(__obj):
            raise TemplateProblem("only functions can be called")
        return __context.call(__obj, *args, **kwargs)


@pass_context
def _shown(context: Context, value: Any) -> str:
    return text(value)


def _keep(value: Any) -> str:
    current().result = value
    return ""


SANDBOX = _Sandbox(
    optimized=False,
    autoescape=False,
    undefined=Missing,
    finalize=_shown,
    cache_size=0,
    extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
)
SANDBOX.globals.clear()
SANDBOX.tests = dict(TESTS)
SANDBOX.filters = {
    **FILTERS,
    "the result": _keep,
    "a part": operators.read,
    "an item": operators.item,
    "a slice": operators.cut,
    "a method": operators.call_method,
    "a comparison": operators.compare,
    "a join": operators.joined,
    "a walk": operators.walk,
    "a toll": lambda weight: current().pay(weight),
}
