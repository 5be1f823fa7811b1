"""A list or mapping while it is being read: its value and its places grow side by side."""

from __future__ import annotations

from typing import Any

from engine.source.places import Branch, Span, Spot


class OpenList:
    """A list that is being read; `nodes` is what had been counted before it, `height` how deep it nests so far.

    `template` is the text of a template without quotes that was taken for braces of YAML.
    """

    wants_key = False

    def __init__(self, span: Span, flow: bool, nodes: int, anchor: str | None) -> None:
        self.value: Any = []
        self.branch = Branch(span, [], {})
        self.flow = flow
        self.nodes = nodes
        self.anchor = anchor
        self.height = 1
        self.template: str | None = None

    def take(self, value: Any, spot: Spot) -> None:
        """Adds what was read."""
        self.value.append(value)
        self.branch.children.append(spot)


class OpenMapping(OpenList):
    """A mapping that is being read: a key, then its value; a value whose key is no good is dropped.

    `repeats` says that its last key was given before: what follows likely belongs to a list item without its dash.
    """

    def __init__(self, span: Span, flow: bool, nodes: int, anchor: str | None) -> None:
        super().__init__(span, flow, nodes, anchor)
        self.value, self.branch.children = {}, {}
        self.wants_key = True
        self.repeats = False
        self.merge_key: Span | None = None
        self.merged: tuple[Any, Spot] | None = None
        self._merge_index = 0
        self._merging = False
        self._key: str | None = None

    def begin(self, key: str | None) -> None:
        """The next value belongs to `key`; None drops it."""
        self._key, self.wants_key = key, False

    def begin_merge(self, span: Span) -> None:
        """The next value belongs to `<<`."""
        self.begin(None)
        self.merge_key, self._merge_index, self._merging = span, len(self.value), True

    def take(self, value: Any, spot: Spot) -> None:
        """Adds what was read under the key that was begun."""
        self.wants_key = True
        if self._merging:
            self.merged, self._merging = (value, spot), False
        elif self._key is not None:
            self.value[self._key] = value
            self.branch.children[self._key] = spot

    def merge(self, parts: list[tuple[dict[str, Any], Branch]]) -> None:
        """Puts merged keys where `<<` stands; a key of the mapping's own wins, then the earlier part."""
        own, branch = self.value, self.branch
        names = list(own)
        self.value, self.branch = {}, Branch(branch.span, {}, {})
        for name in names[: self._merge_index]:
            self._adopt(name, own, branch)
        for value, source in parts:
            for name in value:
                if name not in own and name not in self.value:
                    self._adopt(name, value, source)
        for name in names[self._merge_index :]:
            self._adopt(name, own, branch)

    def _adopt(self, name: str, value: dict[str, Any], branch: Branch) -> None:
        self.value[name] = value[name]
        self.branch.children[name] = branch.children[name]
        self.branch.keys[name] = branch.keys[name]


def copied(value: Any) -> Any:
    """The same lists and mappings anew, so that no two places of a file share one."""
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, list):
        return [copied(part) for part in value]
    return value
