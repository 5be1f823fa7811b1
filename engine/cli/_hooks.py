"""The webhooks that the rules and connections of these settings wait for, each with the path at which it listens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from engine.problem import Problem, ProblemError

if TYPE_CHECKING:
    from engine.rules.model import Book, Program
    from engine.settings import Settings


class Hook(NamedTuple):
    """One webhook: its id, the methods that it takes, its path."""

    id: str
    methods: str
    path: str

    @property
    def of_a_rule(self) -> bool:
        """Whether a rule waits for it; a connection does well without."""
        return not self.id.startswith("connection/")


def book_of(settings: Settings) -> Book:
    """The rules as they stand in the folder now."""
    from engine.rules.book import Shelf, make_book, read_tree
    from engine.rules.known import Known

    return make_book(read_tree(settings.rules), Shelf(Known.of(settings)), {})


def hooks(settings: Settings, programs: Mapping[str, Program]) -> list[Hook]:
    """By id. The key is made when there is none. Raises ProblemError when it can be neither read nor made."""
    from engine.clock import SystemClock, SystemIds
    from engine.match import Matcher
    from engine.states import Snapshot
    from engine.web.key import webhook_key
    from engine.web.webhooks import hook_path

    clock = SystemClock()
    matcher = Matcher()
    matcher.attach(programs.values(), Snapshot(clock.now(), settings.zone, SystemIds(clock)))
    found = {**matcher.watches.webhooks, **_of_connections(settings)}
    folder = settings.state_file.parent
    try:
        key = webhook_key(folder) if found else b""
    except OSError as fault:
        problem = Problem(
            "no-webhook-key",
            f"the key of the webhooks in {folder} can be neither read nor made: {fault.strerror}",
            remedy="look at the folder's owner and mode, and at state: in the settings",
        )
        raise ProblemError(problem) from None
    return [Hook(name, ", ".join(sorted(methods)), hook_path(key, name)) for name, methods in sorted(found.items())]


def _of_connections(settings: Settings) -> dict[str, frozenset[str]]:
    """Where connections hear what became of their sends."""
    from engine.settle import receipts_webhook

    kinds = settings.registry.connections
    named = [name for name in settings.connections if name in kinds and kinds[name].receives]
    return {receipts_webhook(name): frozenset({"POST"}) for name in named}
