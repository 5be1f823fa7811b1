"""The names that a template of a rule may read, and what is said of those that it may not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.plugin import Trigger
from engine.problem import Problem, near
from engine.template.elsewhere import ELSEWHERE
from engine.template.functions import FUNCTIONS

_ALWAYS = ("trigger", "this", "context")
_OF_EVERY_TRIGGER = ("id", "idx", "alias", "platform", "description")


@dataclass(slots=True)
class Names:
    """Names that are set so far, and the paths below `trigger` (None: not known).

    `is_limited`: a trigger's own templates, which see nothing at all.
    """

    roots: set[str] = field(default_factory=lambda: set(_ALWAYS))
    trigger: frozenset[str] | None = None
    is_limited: bool = False

    @classmethod
    def of_triggers(cls, plugins: Iterable[type[Trigger]]) -> Names:
        """The names of a rule with these triggers."""
        given = [frozenset(plugin.gives) for plugin in plugins]
        return cls(trigger=frozenset(_OF_EVERY_TRIGGER).union(*given) if given else None)

    def limited(self) -> Names:
        """No names at all."""
        return Names(roots=set(), is_limited=True)

    def with_names(self, *names: str) -> Names:
        """The same names and some more."""
        return Names(self.roots | set(names), self.trigger)

    def of_digest(self) -> Names:
        """The same names for the steps of a rule that gathers events: `trigger` holds all of them."""
        return Names(self.roots, frozenset(_OF_EVERY_TRIGGER) | {"events", "count"})

    def inside(self, name: str) -> Names:
        """The same names and one that only a part of the rule sees; what that part sets, the rest sees as well."""
        return Inner(self, name)

    def add(self, name: str) -> None:
        """From here on the name is set."""
        self.roots.add(name)

    def complaint(self, path: str) -> Problem | None:
        """What is wrong with reading this path, "trigger.job.id"; None when nothing is."""
        root, *below = path.split(".")
        if root not in self.roots:
            return self._undefined_root(root)
        if root == "trigger" and self.trigger is not None:
            return _undefined_field(below, self.trigger)
        return None

    def _undefined_root(self, root: str) -> Problem:
        if self.is_limited:
            remedy = "a template of a trigger is worked out when the rule is read, before anything has happened"
            return Problem("undefined-name", f"`{root}` is not known here", remedy=remedy)
        near_word = ELSEWHERE.get(root) or _quoted(root, self.roots) or _quoted(root, FUNCTIONS)
        remedy = near_word or "give it a value in variables before it is used, or put quotes around it if it is text"
        return Problem("undefined-name", f"`{root}` is not defined", remedy=remedy, severity="warning")


class Inner(Names):
    """Names of a part of a rule, with one of its own."""

    def __init__(self, outer: Names, own: str) -> None:
        super().__init__(outer.roots | {own}, outer.trigger, outer.is_limited)
        self._outer = outer

    def add(self, name: str) -> None:
        super().add(name)
        self._outer.add(name)


def _undefined_field(steps: list[str], known: frozenset[str]) -> Problem | None:
    """The first step that leads nowhere; below a field whose own fields are not listed, everything may be there."""
    reached = "trigger"
    paths = [tuple(path.split(".")) for path in known]
    for depth, step in enumerate(steps):
        here = sorted({path[depth] for path in paths if len(path) > depth})
        if not here:
            return None
        if step not in here:
            remedy = _quoted(f"{reached}.{step}", [f"{reached}.{each}" for each in here])
            expected = f"one of {', '.join(f'{reached}.{each}' for each in here)}"
            return Problem("undefined-name", f"`{reached}.{step}` is not defined", expected=expected, remedy=remedy)
        paths = [path for path in paths if len(path) > depth and path[depth] == step]
        reached = f"{reached}.{step}"
    return None


def _quoted(name: str, known: Iterable[str]) -> str:
    return near(name, known).replace('"', "`")
