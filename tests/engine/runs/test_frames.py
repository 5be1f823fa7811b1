from __future__ import annotations

import json

from engine.runs.frames import Wait, begun, packed, steps_at, unpacked

PROGRAM = {
    "actions": [
        {"do": "if", "then": [{"do": "stop"}, {"do": "delay"}]},
        {"do": "choose", "choose": [{"sequence": [{"do": "event"}]}]},
    ]
}


def test_a_run_begins_before_its_first_step() -> None:
    body = begun({"id": "0"}, {"x": 1})
    ready = body.ready()
    assert ready is not None
    assert (ready.step_path, ready.parent, body.tokens()) == ("actions/0", None, [])


def test_a_sequence_inside_a_step_goes_first_and_knows_what_holds_it() -> None:
    body = begun({}, {})
    root = body.frames[0]
    inner = body.enter("actions/0/then", root)
    innermost = body.enter("actions/0/then/0/then", inner)
    assert body.ready() is innermost
    assert body.above(innermost) == [root, inner, innermost]
    assert body.parent(inner) is root
    assert body.parent(root) is None


def test_a_leaf_that_waits_is_not_ready_and_is_found_by_its_token() -> None:
    body = begun({}, {})
    body.frames[0].wait = Wait("1.2", "delay", {})
    assert body.ready() is None
    assert body.waiting("1.2") is body.frames[0]
    assert body.waiting("1.3") is None
    assert body.tokens() == ["1.2"]


def test_a_body_comes_back_from_plain_data_as_it_was() -> None:
    body = begun({"id": "0"}, {"x": [1]})
    inner = body.enter("actions/0/then", body.frames[0], {"wait": {"completed": True}})
    inner.wait = Wait("2.3", "outcome", {"pending": ["a"]})
    body.frames[0].step = {"index": 2}
    body.lines = {"actions/0/repeat/sequence/0": [1, 2]}
    body.failure = {"outcome": "error", "reason": "x"}
    assert unpacked(json.loads(json.dumps(packed(body)))) == body


def test_unpacking_leaves_the_data_alone() -> None:
    data = packed(begun({}, {"x": 1}))
    unpacked(data).variables["x"] = 2
    assert data["variables"] == {"x": 1}


def test_numbers_are_never_given_twice() -> None:
    body = begun({}, {})
    assert [body.fresh(), unpacked(packed(body)).fresh()] == [2, 3]


def test_a_path_leads_to_its_steps() -> None:
    assert len(steps_at(PROGRAM, "actions")) == 2
    assert steps_at(PROGRAM, "actions/0/then")[1] == {"do": "delay"}
    assert steps_at(PROGRAM, "actions/1/choose/0/sequence") == [{"do": "event"}]
    assert steps_at(PROGRAM, "on_error") == []
