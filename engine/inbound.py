"""Takes the webhooks of connections: what became of our sends goes to the settler, messages of others to the rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from engine.intake import Intake
from engine.log import Log
from engine.plugin import Connection
from engine.values import Fact, Incoming

Settles = Callable[[str, Mapping[str, str], bytes], Awaitable[str]]


class Inbound:
    """Reads each webhook twice, for either may be in it; `settles` takes the receipts."""

    def __init__(self, connections: Mapping[str, Connection], settles: Settles, intake: Intake, log: Log) -> None:
        self._connections = connections
        self._settles = settles
        self._intake = intake
        self._log = log

    async def receive(self, connection: str, headers: Mapping[str, str], body: bytes) -> str:
        """Takes a webhook; when it returns, what it tells is on disk.

        Gives why it is not believed, or an empty text. Raises JournalError.
        """
        refusal = await self._settles(connection, headers, body)
        if refusal:
            return refusal
        try:
            messages = self._connections[connection].read_messages(headers, body)
        except Exception as error:  # a plugin's mistake tells nothing
            self._log.error("messages in a webhook could not be read", connection=connection, reason=repr(error))
            return "it could not be read"
        if isinstance(messages, str):
            return messages
        for message in messages:
            await self._take(connection, message)
        return ""

    async def _take(self, connection: str, message: Incoming) -> None:
        data = {**message.data, "connection": connection}
        fact = Fact("message", message.sender, data, self._intake.view().now, f"{connection}/{message.message_id}")
        for reason in await self._intake.take(("message", message.sender), fact):
            self._log.debug("message", connection=connection, reason=reason)
