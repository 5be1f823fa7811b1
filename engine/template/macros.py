"""Macros as functions: `apply` calls one, `as_function` makes one that gives a value and not text."""

from __future__ import annotations

from typing import Any

from jinja2.runtime import Macro

from engine.template.budget import TemplateProblem, current, kind


class Returns:
    """What a macro calls to say what its value is; the last call counts."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: Any = None

    def __call__(self, value: Any = None) -> Any:
        current().pay()
        self.value = value
        return value


class MacroFunction:
    """A macro with the argument `returns`, called for what it returns."""

    __slots__ = ("_macro",)

    def __init__(self, macro: Macro) -> None:
        self._macro = macro

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        current().pay()
        returns = Returns()
        self._macro(*args, **{**kwargs, "returns": returns})
        return returns.value


MADE_HERE = (Macro, MacroFunction, Returns)
"""The kinds of functions that a template makes itself."""


def as_function(macro: Any) -> MacroFunction:
    """The function that a macro with the argument `returns` is."""
    if not isinstance(macro, Macro):
        raise TemplateProblem(f"`as_function` needs a macro, not {kind(macro)}", subject="as_function")
    return MacroFunction(macro)
