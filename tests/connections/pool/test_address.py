from __future__ import annotations

import pytest

from connections.pool.address import Host, Reach, within

PRIVATE = [
    "10.0.0.1",
    "172.16.5.5",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "fc00::1",
    "fd12::1",
    "fec0::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2001:db8::1",
]
LOOPBACK = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
NEVER = [
    "0.0.0.0",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "ff0e::1",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "2a00:1450::5efe:a9fe:a9fe",
    "2a00:1450::200:5efe:169.254.169.254",
    "nonsense",
    "127.1",
    "0x7f000001",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    assert within(address, "public")


@pytest.mark.parametrize("address", [*PRIVATE, *LOOPBACK, *NEVER])
def test_no_other_address_is_public_also_not_one_wrapped_in_ipv6(address: str) -> None:
    assert not within(address, "public")


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_needs_the_operators_word(address: str) -> None:
    assert within(address, "loopback")


@pytest.mark.parametrize("address", PRIVATE)
def test_private_networks_need_a_word_of_their_own(address: str) -> None:
    assert not within(address, "loopback")
    assert within(address, "private")


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("reach", ["loopback", "private"])
def test_link_local_multicast_and_unspecified_addresses_are_never_called(address: str, reach: Reach) -> None:
    assert not within(address, reach)


@pytest.mark.parametrize(
    ("url", "host", "header"),
    [
        ("https://Shop.Example./a?b", Host(True, "shop.example", 443), "shop.example"),
        ("http://shop.example:8080", Host(False, "shop.example", 8080), "shop.example:8080"),
        ("http://[::1]:80/", Host(False, "::1", 80), "[::1]"),
        ("https://bücher.example/", Host(True, "xn--bcher-kva.example", 443), "xn--bcher-kva.example"),
    ],
)
def test_an_address_names_its_host(url: str, host: Host, header: str) -> None:
    assert Host.of(url) == host
    assert host.header == header


@pytest.mark.parametrize(
    "url", ["https://u:p@shop.example", "https://", "https://a b", "https://a:99999", "https://a%2fb"]
)
def test_an_address_that_cannot_be_called_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError):
        Host.of(url)


@pytest.mark.parametrize("url", ["ftp://shop.example", "file:///etc/passwd", "shop.example", ""])
def test_only_http_and_https_are_spoken(url: str) -> None:
    with pytest.raises(ValueError, match="must begin with https"):
        Host.of(url)
