"""The proof that a connection's listing shows our own messages: one that arrived is looked up as if nobody knew."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from engine.cli._journal import looked
from engine.values import Arrived, NotFound, Settlement

if TYPE_CHECKING:
    from engine.journal.sqlite import SqliteJournal
    from engine.plugin import Connection, Finding
    from engine.records import EffectRecord
    from engine.settings import Settings
    from engine.values import OtherSend

LOOKED_AT = 200
TRIED = 5

Case = tuple["EffectRecord", "list[OtherSend]"]


def proof_of(settings: Settings, name: str) -> Finding:
    """What doctor says of the listing of this connection. Raises ProblemError when the journal cannot be read."""
    from engine.clock import SystemClock
    from engine.plugin import Finding

    connection = settings.connection(name)
    now = SystemClock().now()
    cases = looked(settings, lambda journal: _cases(journal, name, connection, now))
    if not cases:
        remedy = f"send a message, wait {connection.settle_time.total_seconds():g} s, and try again"
        return Finding("Listing", False, f"no message went through {name} that is old enough to be listed", remedy)
    found = asyncio.run(_looked_up(settings, connection, cases))
    if isinstance(found, Arrived):
        return Finding("Listing", True, f"proven: {found.proof}")
    says = found.looked if isinstance(found, NotFound) else found.reason
    return Finding(
        "Listing", False, f"a message that arrived was not found: {says}", "unsure messages are held for you"
    )


async def _cases(journal: SqliteJournal, name: str, connection: Connection, now: datetime) -> list[Case]:
    """A few accepted messages, each with the other sends to its recipient."""
    from engine.settle import MOST_OTHERS, OTHERS_WITHIN, attempted, other_sends

    newest = await journal.sends(states=("accepted",), limit=LOOKED_AT)
    old = [
        each
        for each in newest
        if each.connection == name and each.recipient and attempted(each) + connection.settle_time < now
    ]
    cases = []
    for effect in old[:TRIED]:
        others = await journal.sends_to(effect.recipient, attempted(effect) - OTHERS_WITHIN, MOST_OTHERS)
        cases.append((effect, other_sends(effect, others)))
    return cases


async def _looked_up(settings: Settings, connection: Connection, cases: list[Case]) -> Settlement:
    """The first proof, else what the last look gave."""
    from engine.clock import SystemClock
    from engine.effects import request_of
    from engine.plugin import Operation, Tools
    from engine.settle import attempted
    from engine.values import CannotTell

    found: Settlement = CannotTell("nothing was looked up")
    await connection.open(Tools(SystemClock(), settings.secrets.value, settings.hosts))
    try:
        for effect, others in cases:
            operation = Operation(effect.op_id, effect.send_by)
            found = await connection.settle(request_of(effect), operation, attempted(effect), others)
            if isinstance(found, Arrived):
                break
    finally:
        await connection.close()
    return found
