from __future__ import annotations

import zlib

import pytest

from connections.pool.answer import Answer


def answer(body: bytes, headers: dict[str, str] | None = None, cut: bool = False) -> Answer:
    return Answer(200, headers or {}, body, cut)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"a":', b"[" * 200_000, b"NaN", b'{"a": Infinity}', b"\xff\xfe\x00", b"1" * 5000]
)
def test_a_body_that_is_no_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        answer(body).json()


def test_a_body_that_is_cut_or_packed_is_not_read() -> None:
    for unread in (answer(b"{}", cut=True), answer(b"{}", {"content-encoding": "gzip"})):
        with pytest.raises(ValueError, match="too long or packed"):
            unread.json()


def test_half_a_character_becomes_one_that_can_be_stored() -> None:
    assert answer(rb'{"a": "x\ud83dy", "\uDe00": 1}').json() == {"a": "x?y", "?": 1}
    assert answer(rb'"\ud83d\ude00"').json() == "😀"


def test_text_follows_the_named_encoding_and_never_fails() -> None:
    assert answer("é".encode("latin-1"), {"content-type": "text/plain; charset=latin-1"}).text() == "é"
    assert answer(b"a\xff", {"content-type": "text/plain; charset=none-such"}).text() == "a\ufffd"


def test_an_encoding_that_unpacks_is_not_followed() -> None:
    bomb = zlib.compress(b"x" * 1_000_000)
    assert len(answer(bomb, {"content-type": "text/plain; charset=zlib"}).text()) <= len(bomb)
