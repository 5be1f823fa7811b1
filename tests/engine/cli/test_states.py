from __future__ import annotations

from datetime import UTC, datetime, timedelta

from engine.records import EntityRecord, HistoryRecord
from tests.engine.cli.home import Home, data, said, told

NOW = datetime.now(UTC).replace(microsecond=0)
ORDERS = EntityRecord("counter.orders", "3", {"step": 1}, NOW - timedelta(hours=1), NOW)
SECRET = EntityRecord("input_text.code", "1234", {"mode": "password"}, NOW, NOW)
OWN = EntityRecord("rulewheel.sending", "on", {}, NOW, NOW)


def past(hours: float, state: str) -> HistoryRecord:
    return HistoryRecord("counter.orders", f"{1000 - hours:08.1f}", NOW - timedelta(hours=hours), state, {"step": 1})


def test_entities_are_listed_without_rulewheels_own(home: Home) -> None:
    home.keep(ORDERS, SECRET, OWN)
    head, orders, code = told("states").splitlines()
    assert head.split() == ["since", "entity", "state"]
    assert orders.split()[2:] == ["counter.orders", "3"]
    assert code.split()[2:] == ["input_text.code", "•••"]
    assert [each["entity"] for each in data("states", "counter.")] == ["counter.orders"]


def test_one_entity_is_shown_with_its_attributes_and_how_it_stood(home: Home) -> None:
    home.keep(ORDERS, past(30, "1"), past(5, "2"), past(1, "3"))
    lines = told("states", "counter.orders").splitlines()
    assert lines[0] == "counter.orders: 3"
    assert "  step: 1" in lines
    assert [line.split()[-1] for line in lines if line[:2] == "20"] == ["2", "3"]
    assert [each["state"] for each in data("states", "counter.orders", "--hours", "48")["history"]] == ["1", "2", "3"]
    assert [each["state"] for each in data("states", "counter.orders", "--limit", "1")["history"]] == ["3"]


def test_an_entity_that_is_not_there_is_refused_with_a_near_name(home: Home) -> None:
    home.keep(ORDERS)
    result = said("states", "counter.oders")
    assert result.exit_code == 2
    assert 'there is no entity "counter.oders"' in result.stderr
    assert 'did you mean "counter.orders"?' in result.stderr


def test_no_entity_says_so(home: Home) -> None:
    home.keep(OWN)
    assert told("states") == "There are no entities yet.\n"
