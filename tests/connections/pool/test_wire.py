from __future__ import annotations

import pytest

from connections.pool import encoded


def test_headers_are_encoded_as_they_are_sent() -> None:
    assert encoded({"Authorization": "Bearer x", "X-A": ""}) == b"Authorization: Bearer x\r\nX-A: \r\n"


@pytest.mark.parametrize(
    "headers", [{"A": "b\r\nC: d"}, {"A\n": "b"}, {"": "b"}, {"A": "é"}, {"A b": "c"}, {"A": "\0"}]
)
def test_headers_that_would_break_out_are_refused_without_showing_their_value(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="letters that a header cannot carry") as fault:
        encoded(headers)
    assert "C: d" not in str(fault.value)
