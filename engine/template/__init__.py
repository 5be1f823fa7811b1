"""Bounded Jinja2: the templates of rules, as Home Assistant users know them, without a way out and without excess.

A template that prints the value of one expression and nothing else keeps its type ("Text stays text", design decision
1); any other renders to text. Before Jinja compiles a template its tree is rewritten, so that every read, comparison,
method, join and loop goes through `engine.template.operators` and `engine.template.functions`, which pay the render's
`Meter` (promise P15).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from functools import cached_property, lru_cache

from jinja2 import nodes
from jinja2.environment import Template as Code

from engine.template import operators
from engine.template.budget import DEFAULT, Budget, Meter, TemplateProblem, begin, end, plain
from engine.template.entities import Standing
from engine.template.functions import ASK_FOR_STATES, ASK_THE_CLOCK
from engine.template.grammar import Read, asking, located, reads_of, tree_of
from engine.template.sandbox import chunks, compiled, sole_values
from engine.values import Json

__all__ = ["DEFAULT", "Budget", "Read", "Standing", "Template", "TemplateProblem", "is_template"]


def is_template(source: str) -> bool:
    """Whether a text of a rule is a template and not just text."""
    return "{{" in source or "{%" in source or "{#" in source


class Template:
    """A template that has been checked; it is compiled when it is first rendered."""

    def __init__(self, source: str, tree: nodes.Template) -> None:
        self.source = source
        self.native = bool(sole_values(tree))
        self._tree: nodes.Template | None = tree
        self._code: Code | None = None

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        """The names and paths that the template reads, each once, in the order of the text."""
        return tuple(reads_of(self.source, self._tree or tree_of(self.source)))

    @property
    def names(self) -> frozenset[str]:
        """The paths of `reads`."""
        return frozenset(read.path for read in self.reads)

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name that the template looks up, functions included: a variable may have the name of one."""
        found = (self._tree or tree_of(self.source)).find_all(nodes.Name)
        return frozenset(name.name for name in found if name.ctx == "load")

    @cached_property
    def asks_clock(self) -> Read | None:
        """Where the template first asks what time it is; None if it does not."""
        return asking(self.source, self._tree or tree_of(self.source), ASK_THE_CLOCK)

    @cached_property
    def asks_states(self) -> Read | None:
        """Where the template first asks how an entity stands; None if it does not."""
        return asking(self.source, self._tree or tree_of(self.source), ASK_FOR_STATES)

    @staticmethod
    def parse(source: str) -> Template:
        """The template of this text, the same object for the same text; raises TemplateProblem with its place."""
        return _parse(source)

    def render(
        self,
        context: Mapping[str, object],
        *,
        now: datetime,
        zone: tzinfo,
        strict: bool,
        view: Standing | None = None,
        budget: Budget = DEFAULT,
        warnings: list[TemplateProblem] | None = None,
    ) -> Json:
        """What the template gives for these values: plain data if it is one expression, else text.

        Entities are looked up in `view`, through its two methods only; without one they cannot be asked for. A name
        that is not defined raises where `strict`; elsewhere it is empty text and is added to `warnings`. Functions at
        the top of `context` can be called. Raises TemplateProblem and nothing else.
        """
        meter = Meter(budget, context, now, zone, strict, view)
        token = begin(meter)
        try:
            return self._result(meter)
        except Exception as error:
            problem = error if isinstance(error, TemplateProblem) else _in_words(error)
            raise self._placed(problem, error) from None
        finally:
            end(token)
            if warnings is not None:
                warnings += [located(problem, self.source) for problem in meter.warnings]

    def _result(self, meter: Meter) -> Json:
        code = self._code or self._compile()
        shown = operators.concat(list(_bounded(chunks(code), meter))).strip()
        value = meter.result if self.native else shown
        if not isinstance(value, (str, bool, int, float, type(None))):
            meter.room(meter.weigh(value))
        return _fitting(plain(value), meter)

    def _compile(self) -> Code:
        self._code = compiled(self._tree or tree_of(self.source))
        self._tree = None
        return self._code

    def _placed(self, problem: TemplateProblem, error: Exception) -> TemplateProblem:
        trace, line = error.__traceback__, 0
        while trace is not None and self._code is not None:
            if trace.tb_frame.f_code.co_filename == "<template>":
                line = self._code.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        problem.line = problem.line or line
        return located(problem, self.source).with_traceback(None)


def _bounded(parts: Iterable[str], meter: Meter) -> Iterator[str]:
    length = 0
    for part in parts:
        length += len(part)
        meter.room(length)
        yield part


def _fitting(value: Json, meter: Meter) -> Json:
    if isinstance(value, str):
        meter.room(len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass")))
    return value


def _in_words(error: Exception) -> TemplateProblem:
    words = (
        (ZeroDivisionError, "division by zero"),
        (OverflowError, "a number or date is too large"),
        (RecursionError, "the template calls itself too often, or its data is nested too deeply"),
        (MemoryError, "the template needs too much memory"),
    )
    known = next((sentence for kind, sentence in words if isinstance(error, kind)), None)
    return TemplateProblem(known or "the template cannot work with these values in this way")


@lru_cache(maxsize=4096)
def _parse(source: str) -> Template:
    return Template(source, tree_of(source))
