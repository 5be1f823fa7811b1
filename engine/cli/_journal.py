"""The journal as commands look at it: beside the daemon, without taking the state from it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from engine.problem import ProblemError

if TYPE_CHECKING:
    from engine.journal.sqlite import SqliteJournal
    from engine.settings import Settings

R = TypeVar("R")


def looked(settings: Settings, question: Callable[[SqliteJournal], Awaitable[R]]) -> R:
    """What a look at the journal gives. Raises ProblemError when it cannot be read."""
    from engine.journal.api import JournalError
    from engine.journal.sqlite import SqliteJournal

    async def look() -> R:
        journal = SqliteJournal.look(settings.state_file)
        try:
            return await question(journal)
        finally:
            await journal.close()

    try:
        return asyncio.run(look())
    except JournalError as error:
        raise ProblemError(error.problem()) from None
