"""Changes that happen at a time, such as the end of a timer: how they are kept, and read again when they are due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.records import Changes, Drop, DueRecord
from engine.values import FireEvent, Json, Later, SetState


def later_key(later: Later) -> str:
    """The name of the due row; of two with the same key the later one counts."""
    return f"later/{later.key}"


def put_off(later: Later, changes: Changes) -> None:
    """Writes into `changes` that these changes happen at their time, or that they are taken back."""
    key = later_key(later)
    changes.drop = [each for each in changes.drop if each.key != (key,)]
    changes.put = [each for each in changes.put if not (isinstance(each, DueRecord) and each.key == key)]
    if later.at is None:
        changes.drop.append(Drop(DueRecord, (key,)))
    else:
        changes.put.append(DueRecord(key, "later", later.at, {"then": [_kept(each) for each in later.then]}))


def changes_of(row: DueRecord) -> list[SetState | FireEvent]:
    """The changes that a due row keeps."""
    return [_read(each) for each in row.data["then"]]


def _kept(change: SetState | FireEvent) -> Json:
    if isinstance(change, SetState):
        return {"entity": change.entity, "state": change.state, "attributes": dict(change.attributes)}
    return {"event_type": change.event_type, "data": dict(change.data)}


def _read(kept: Mapping[str, Any]) -> SetState | FireEvent:
    return FireEvent(**kept) if "event_type" in kept else SetState(**kept)
