"""The addresses of a host: looked up once, and only those that may be called are kept (promise P19)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import httpx

from connections.pool.address import Host, within

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]


class AddressForbidden(httpx.ConnectError):
    """The host has no address that may be called."""


async def resolved(name: str, port: int) -> list[str]:
    """The addresses of a name as the machine's resolver gives them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def vetted(host: Host, resolve: Resolve) -> list[str]:
    """The addresses that may be connected to, after one look-up. Raises httpx.ConnectError, AddressForbidden."""
    try:
        found = await resolve(host.name, host.port)
    except (OSError, UnicodeError):
        raise httpx.ConnectError(f"{host.name} has no address: the name cannot be looked up") from None
    allowed = [address for address in found if within(address, host.reach)]
    if not allowed:
        raise AddressForbidden(f"{host.name} leads to a private address; only the operator's settings can allow that")
    return allowed
