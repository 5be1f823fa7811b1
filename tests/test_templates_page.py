"""Each example of docs/templates.md gives what the page says, and the page has one for every function there is."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.records import EntityRecord
from engine.states import Overlay, Snapshot, States
from engine.template import Template
from engine.template.elsewhere import ELSEWHERE
from engine.template.functions import CONSTANTS, FILTERS, FUNCTIONS, TESTS
from engine.testing import CountedIds

PAGE = (Path(__file__).parent.parent / "docs" / "templates.md").read_text(encoding="utf-8")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Kolkata")
EXAMPLES = re.findall(r"^\| `(\{[{%].*?[%}]\})(.*?)` \| `(.*?)` \|", PAGE, re.MULTILINE)

# What a Home Assistant template without devices can call: section 10 of what the language is built by.
_SECTION = """
    states state_attr is_state is_state_attr has_value expand
    now utcnow today_at as_datetime as_local as_timestamp as_timedelta strptime timedelta time_since time_until
    relative_time timestamp_custom timestamp_local timestamp_utc
    int float bool list set tuple typeof string_like is_number is_defined
    add average clamp combine contains difference flatten intersect max median min shuffle statistical_mode
    symmetric_difference union zip
    base64_encode base64_decode from_hex md5 sha1 sha256 sha512 ordinal pack unpack slugify urlencode
    regex_match regex_search regex_replace regex_findall regex_findall_index
    from_json to_json
    iif apply as_function log merge_response version
    sin cos tan asin acos atan atan2 sqrt e pi tau inf wrap remap round multiply bitwise_and bitwise_or bitwise_xor
"""
NAMED = _SECTION.split()
GIVEN_BY_THE_RUN = {"this"}


def entities() -> Overlay:
    since = NOW - timedelta(hours=5)
    attributes: dict[str, dict[str, Any]] = {
        "sensor.failed_imports": {"unit_of_measurement": "entries", "friendly_name": "Failed imports"},
        "counter.orders": {"step": 1},
    }
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert len(rows) == 4
    records = (EntityRecord(name, state, attributes.get(name, {}), since, since) for name, state in rows)
    return Overlay(States(records))


def render(source: str) -> Any:
    (given,) = re.findall(r"`trigger.json` is `(.*?)`\.", PAGE)
    view = Snapshot(NOW, ZONE, CountedIds(), entities())
    variables = {"trigger": {"json": json.loads(given)}}
    return Template.parse(source).render(variables, now=NOW, zone=ZONE, strict=True, view=view)


@pytest.mark.parametrize(
    ("source", "result"), [((begun + rest).replace("\\|", "|"), result) for begun, rest, result in EXAMPLES]
)
def test_each_example_gives_what_the_page_says(source: str, result: str) -> None:
    found = render(source)
    assert (found if isinstance(found, str) else json.dumps(found)) == result


def test_no_example_is_passed_over() -> None:
    assert len(EXAMPLES) == len(re.findall(r"^\| `\{", PAGE, re.MULTILINE)) > 100


@pytest.mark.parametrize("name", NAMED)
def test_what_home_assistant_can_call_is_here_and_on_the_page(name: str) -> None:
    assert name in {*FUNCTIONS, *FILTERS, *TESTS, *CONSTANTS}
    assert re.search(rf"`[^`\n]*\b{name}\b", PAGE)


def test_what_is_not_here_is_named_with_its_reason() -> None:
    here = {*FUNCTIONS, *FILTERS, *TESTS, *CONSTANTS}
    assert not here & set(ELSEWHERE)
    assert all(ELSEWHERE.values())
    assert not GIVEN_BY_THE_RUN & here
