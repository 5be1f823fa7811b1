"""A change of an entity on its way into a commit: its record, its history, its guard, and the fact that rules hear."""

from __future__ import annotations

from engine.records import Changes, Drop, EntityRecord, Expect, HistoryRecord
from engine.states import Heard, Snapshot, heard
from engine.values import SetState, State, moved

KEPT = ("sensor.", "counter.", "input_", "timer.")
"""Of which entities it is kept how they stood over time."""


def change(wanted: SetState, view: Snapshot, changes: Changes, depth: int = 0, cause: str = "") -> Heard | None:
    """Writes the change into `changes` and into the view's states; None when the entity stands so already.

    The change holds only if the entity stands in the journal as it does in the view, so that of two that were decided
    side by side none is lost. `depth` and `cause` are those of the fact.
    """
    states = view.states
    before = states.get(wanted.entity)
    if wanted.state is None:
        if before is None:
            return None
        guard(wanted.entity, before, changes)
        states.drop(wanted.entity)
        changes.put = [each for each in changes.put if not _is_row_of(wanted.entity, each)]
        changes.drop.append(Drop(EntityRecord, (wanted.entity,)))
        return heard(moved(before, None, view.now, depth, cause), view.frozen())
    record = states.changed(wanted.entity, wanted.state, wanted.attributes, view.now)
    if record is None:
        return None
    guard(wanted.entity, before, changes)
    states.take(record)
    changes.drop = [each for each in changes.drop if (each.record, each.key) != (EntityRecord, (wanted.entity,))]
    changes.put.append(record)
    if wanted.entity.startswith(KEPT):
        row = view.ids.row_id()
        changes.put.append(HistoryRecord(record.entity, row, view.now, record.state, record.attributes))
    return heard(moved(before, State(*record), view.now, depth, cause), view.frozen())


def _is_row_of(entity: str, record: object) -> bool:
    return isinstance(record, EntityRecord) and record.entity == entity


def guard(entity: str, before: State | None, changes: Changes) -> None:
    """How the entity must stand in the journal for `changes` to hold; the first of several guards says it."""
    if any(expect.record is EntityRecord and expect.key == (entity,) for expect in changes.expect):
        return
    values = None
    if before is not None:
        values = {"state": before.state, "attributes": dict(before.attributes), "updated": before.updated}
    changes.expect.append(Expect(EntityRecord, (entity,), values))
