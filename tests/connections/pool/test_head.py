from __future__ import annotations

import pytest

from connections.pool.head import checked, encoded


def test_headers_are_encoded_as_httpx_takes_them() -> None:
    assert encoded({"Authorization": "Bearer x", "X-A": ""}) == ((b"Authorization", b"Bearer x"), (b"X-A", b""))


@pytest.mark.parametrize(
    "headers", [{"A": "b\r\nC: d"}, {"A\n": "b"}, {"": "b"}, {"A": "é"}, {"A b": "c"}, {"A": "\0"}, {"A": "\ud83d"}]
)
def test_headers_that_would_break_out_are_refused_without_showing_their_value(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="has letters that a header cannot carry") as fault:
        encoded(headers)
    assert "C: d" not in str(fault.value)


def test_headers_that_are_encoded_already_are_checked_as_well() -> None:
    with pytest.raises(ValueError, match='the header "X-Key"'):
        checked([(b"X-Good", b"yes"), (b"X-Key", b"canary\n")])
