from __future__ import annotations

import httpx
import pytest

from connections.pool.address import Host
from connections.pool.lookup import AddressForbidden, resolved, vetted


async def test_a_name_is_looked_up_once_and_only_its_public_addresses_are_kept() -> None:
    asked: list[str] = []

    async def resolve(name: str, port: int) -> list[str]:
        asked.append(name)
        return ["10.0.0.1", "8.8.8.8", "127.0.0.1"]

    assert await vetted(Host(True, "shop.example", 443), resolve) == ["8.8.8.8"]
    assert asked == ["shop.example"]


async def test_a_name_with_only_private_addresses_is_forbidden() -> None:
    async def resolve(name: str, port: int) -> list[str]:
        return ["192.168.1.1"]

    with pytest.raises(AddressForbidden, match="leads to a private address"):
        await vetted(Host(True, "shop.example", 443), resolve)


async def test_a_name_that_cannot_be_looked_up_is_a_connect_error() -> None:
    async def resolve(name: str, port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(httpx.ConnectError, match="cannot be looked up"):
        await vetted(Host(True, "shop.example", 443), resolve)


async def test_loopback_is_resolved_by_the_machine() -> None:
    assert set(await resolved("localhost", 80)) & {"127.0.0.1", "::1"}
