from __future__ import annotations

import re

from engine.demo.stage import shown_rule
from engine.demo.story import ALLOWED, Story
from tests.engine.demo.stories import ACCEPTED, COUNTS, NAMES, told


def test_an_import_is_what_the_simulator_counts_of_it() -> None:
    spring, orders = told().imports
    assert (spring.entries, spring.done, spring.failed) == (770, 412, 32)
    assert (orders.entries, orders.done, orders.failed) == (420, 420, 0)


def test_imports_that_the_simulator_has_besides_are_not_part_of_it() -> None:
    story = Story()
    story.see({**COUNTS, "another": {"ERROR": 99}}, (*NAMES, "missing"))
    assert [each.id for each in story.imports] == ["spring", "orders"]


def test_what_happened_is_told_in_order() -> None:
    assert [beat.says for beat in told().beats] == [
        "The daemon is ready and asks about each import once a second.",
        "import_errors fires: 30 entries of spring have failed.",
        "WhatsApp delivers the message:",
    ]


def test_a_rule_that_fired_for_an_import_is_told_once() -> None:
    story = told()
    story.fire(6.0, "import_errors", {"job": {"id": "spring"}, "count": 30})
    assert (len(story.beats), story.fired) == (3, {"spring": 30})


def test_a_message_is_as_it_is_read_to_a_masked_number() -> None:
    (message,) = told().messages
    assert (message.to, message.text) == ("+9198…210", ACCEPTED["rendered"])


def test_what_the_daemon_complains_about_is_told_and_what_it_notes_is_not() -> None:
    story = Story()
    story.hear(1.0, {"message": "run ended", "level": "info"})
    story.hear(2.0, {"message": "a poll had no answer", "level": "warning", "reason": "of +919876543210"})
    story.hear(3.0, {"message": "problem", "level": "error", "text": "token"})
    assert [(beat.says, beat.well) for beat in story.beats] == [
        ("a poll had no answer of +9198…210", False),
        ("problem token", False),
    ]


def test_it_is_over_when_no_import_moves_any_more() -> None:
    story = Story()
    assert not story.is_over
    story.see(COUNTS, NAMES)
    assert not story.is_over
    story.see({"orders": COUNTS["orders"]}, NAMES)
    assert story.is_over


def test_what_the_screen_says_is_allowed_is_what_the_rule_allows() -> None:
    found = re.search(r"above: (\d+)", shown_rule())
    assert found is not None
    assert int(found[1]) == ALLOWED
