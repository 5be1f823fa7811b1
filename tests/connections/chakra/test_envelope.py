from __future__ import annotations

import json

import pytest

from connections.chakra.envelope import Envelope, told
from connections.pool.answer import Answer
from engine.plugin import Json


def answer(body: Json) -> Answer:
    return Answer(200, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def test_every_part_of_the_envelope_may_be_left_out() -> None:
    assert Envelope.read(answer({})) == Envelope({})
    full = {"_data": [1], "_meta": {"total": 1}, "_errors": ["a"]}
    assert Envelope.read(answer(full)) == Envelope(full, [1], {"total": 1}, ("a",))


@pytest.mark.parametrize("body", [b"", b"<html>", [], 3, None])
def test_what_is_no_object_is_no_envelope(body: Json) -> None:
    with pytest.raises(ValueError):
        Envelope.read(answer(body))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"_errors": ["a", "b"], "message": "c"}, "a; b"),
        ({"_errors": "a"}, "a"),
        ({"error": {"message": "m", "error_data": {"details": "d"}}}, "m: d"),
        ({"error": {}, "message": "c"}, "c"),
        ({"error": {"code": 1}}, "an error without words"),
        ({"error": "e"}, "e"),
        ({"message": "c"}, "c"),
        ({"message": 7, "_meta": 3}, ""),
        (b"Not Found\n", "Not Found"),
        (b"<html>secret page</html>", ""),
    ],
)
def test_a_refusal_says_for_itself_what_it_can(body: Json, words: str) -> None:
    assert told(answer(body)) == words
