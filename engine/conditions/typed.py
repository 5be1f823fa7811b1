"""A condition's fields as typed values: its templates worked out, but for those that it works out itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from engine.rules.schema import Condition
from engine.scope import Scope
from engine.values import Json

C = TypeVar("C", bound=Condition)


def typed(kind: type[C], condition: Mapping[str, Json], scope: Scope) -> C:
    """The condition as its kind reads it. Raises FieldError and TemplateProblem."""
    fields = {key: field for key, field in kind.fields().items() if key not in _OF_EVERY_CONDITION}
    own = {key: value for key, value in condition.items() if key in fields}
    return kind({"condition": "", **{key: v if fields[key].is_late else scope.render(v) for key, v in own.items()}})


_OF_EVERY_CONDITION = frozenset(Condition.fields())
