"""The table of promise P10 as data, as far as no answer came: what surely happened, by httpx's exceptions."""

from __future__ import annotations

from typing import Final

import httpx

from connections.pool.lookup import AddressForbidden
from connections.pool.outcome import Row, waiting
from engine.plugin import Outcome, Unsure

EXCEPTIONS: Final[tuple[tuple[type[Exception], Row], ...]] = (
    (AddressForbidden, Row(waiting("address-not-allowed"), "not sent: the address is not allowed")),
    (httpx.ConnectError, Row(waiting("unreachable"), "cannot connect")),
    (httpx.ConnectTimeout, Row(waiting("unreachable"), "connecting took too long")),
    (httpx.PoolTimeout, Row(waiting(), "not sent: all connections are busy")),
    (httpx.UnsupportedProtocol, Row(waiting(), "not sent: neither http nor https")),
    (httpx.InvalidURL, Row(waiting(), "not sent: the address cannot be called")),
    (httpx.ReadTimeout, Row(Unsure, "sent, but no answer came in time")),
    (httpx.WriteTimeout, Row(Unsure, "sending took too long")),
    (httpx.ReadError, Row(Unsure, "sent, but the connection broke before the answer")),
    (httpx.WriteError, Row(Unsure, "the connection broke while sending")),
    (httpx.RemoteProtocolError, Row(Unsure, "sent, but the answer was not HTTP")),
    (httpx.DecodingError, Row(Unsure, "sent, but the answer cannot be unpacked")),
)
OTHER: Final = Row(Unsure, "something went wrong while sending")


def classify(error: Exception) -> Outcome:
    """The outcome of a call that raised; its reason is the exception's own words where the table knows it."""
    for kind, row in EXCEPTIONS:
        if isinstance(error, kind):
            return row.outcome(str(error) or row.says)
    return OTHER.outcome(f"{OTHER.says} ({type(error).__name__})")
