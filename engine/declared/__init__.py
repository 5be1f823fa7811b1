"""The kinds of entities that a rule file may declare, each in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping

from engine.declaration import Declaration
from engine.declared.counter import Counter
from engine.declared.input_boolean import InputBoolean
from engine.declared.input_datetime import InputDatetime
from engine.declared.input_number import InputNumber
from engine.declared.input_text import InputText
from engine.declared.sensor import Sensor
from engine.declared.timer import Timer

DECLARED: Mapping[str, type[Declaration]] = {
    kind.domain: kind for kind in (InputBoolean, InputNumber, InputText, InputDatetime, Counter, Timer, Sensor)
}


def is_entity(name: str) -> bool:
    """Whether a name is one of an entity that files declare, and not that of a rule or script."""
    domain, dot, _ = name.partition(".")
    return bool(dot) and domain in DECLARED
