"""Where a call may go: the host, and which addresses are public (promise P19)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, Literal
from urllib.parse import urlsplit

Reach = Literal["public", "loopback", "private"]

# Networks whose addresses carry an IPv4 address in their last 32 bits: mapped, compatible, NAT64 (RFC 6052).
_NAT64: Final = IPv6Network("64:ff9b::/96")
_CARRIES_V4: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("::/96"), _NAT64)
_TUNNEL_V4: Final = IPv6Network("2002::/16")  # 6to4 (RFC 3056): bits 16 to 48
_ISATAP: Final = (0x00005EFE, 0x02005EFE)  # RFC 5214: bits 64 to 96
_PORTS: Final = {"https": 443, "http": 80}
_WITHIN: Final[dict[Reach, tuple[Reach, ...]]] = {
    "public": ("public",),
    "loopback": ("public", "loopback"),
    "private": ("public", "loopback", "private"),
}


@dataclass(frozen=True, slots=True)
class Host:
    """One scheme, name and port; `reach` says how far from the public Internet its addresses may lie."""

    secure: bool
    name: str
    port: int
    reach: Reach = "public"

    @property
    def header(self) -> str:
        """The value of the `Host` header."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port == (443 if self.secure else 80) else f"{name}:{self.port}"

    @classmethod
    def of(cls, url: str, reach: Reach = "public") -> Host:
        """The host of a web address. Raises ValueError, in words for people."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise ValueError("the address must begin with https:// or http://")
        if parts.username is not None or parts.password is not None:
            raise ValueError("the address must not hold a user name or password; use a header with a secret")
        if not parts.hostname:
            raise ValueError("the address names no host")
        return cls(parts.scheme == "https", _ascii(parts.hostname), parts.port or _PORTS[parts.scheme], reach)


def _ascii(name: str) -> str:
    try:
        plain = name.rstrip(".").encode("idna").decode("ascii") if not name.isascii() else name.rstrip(".")
    except UnicodeError:
        plain = ""
    if not plain or not all(letter.isalnum() or letter in "-._:" for letter in plain):
        raise ValueError("the address names no host that can exist")
    return plain.lower()


def within(address: str, reach: Reach) -> bool:
    """Whether the address may be called: it, and any IPv4 address that it carries, lies within the reach.

    Link-local addresses (a cloud's metadata service), multicast and `0.0.0.0` never do.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return _kind(parsed) in _WITHIN[reach]
    carried = _carried(parsed)
    if parsed.ipv4_mapped is None and _kind(parsed) not in _WITHIN[reach]:
        return False
    return carried is None or _kind(carried) in _WITHIN[reach]


def _kind(address: IPv4Address | IPv6Address) -> Reach | None:
    if address.is_loopback:
        return "loopback"
    if address.is_multicast or address.is_link_local or address.is_unspecified:
        return None
    if address.is_reserved and address not in _NAT64:  # some versions of Python count NAT64 as reserved
        return None
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return "public" if address.is_global and not site_local else "private"


def _carried(address: IPv6Address) -> IPv4Address | None:
    bits = int(address)
    if address.is_loopback:
        return None
    if any(address in network for network in _CARRIES_V4) or (bits >> 32) & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(bits & 0xFFFFFFFF)
    if address in _TUNNEL_V4:
        return IPv4Address((bits >> 80) & 0xFFFFFFFF)
    return address.teredo[1] if address.teredo else None
