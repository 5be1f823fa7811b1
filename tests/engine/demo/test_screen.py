from __future__ import annotations

import errno
import io

import pytest
from rich.console import Console

from engine.demo.screen import BUBBLE, Paper, Screen, bar, bubble, summary
from engine.demo.story import Import, Story
from tests.engine.demo.stories import ACCEPTED, COUNTS, NAMES, told

RULE = "- id: import_errors\n  triggers: []"


def shown(story: Story, *, live: bool = False, width: int = 100, encoding: str = "utf-8") -> str:
    """All that the screen shows of a story that has come so far, the summary included."""
    written = io.BytesIO()
    file = io.TextIOWrapper(written, encoding=encoding, errors="replace")
    console = Console(file=file, width=width, height=40, force_terminal=live, color_system=None)
    screen = Screen(story, console, live)
    with screen.shown(RULE):
        screen.draw(2.5)
        screen.draw(3.0)
    screen.end(6.2)
    file.flush()
    return written.getvalue().decode(encoding)


@pytest.mark.parametrize("live", [True, False])
def test_it_shows_the_rule_the_imports_what_happened_the_message_and_a_summary(live: bool) -> None:
    text = shown(told(), live=live)
    assert "- id: import_errors" in text
    assert "412 of   770   32 failed" in text
    assert "✓   4.9 s  import_errors fires: 30 entries of spring have failed." in text
    assert "WhatsApp  +9198…210" in text
    assert "Import spring has 30 failed entries." in text
    assert "1  message sent: one for each import with more than 25 failed entries" in text


def test_in_a_terminal_it_says_how_to_end_it_and_not_when_it_has_ended() -> None:
    before, after = shown(told(), live=True).rsplit("Ctrl-C ends the demo.", 1)
    assert "What you saw" not in before
    assert "What you saw" in after


def test_in_a_terminal_imports_that_are_done_are_said_to_be() -> None:
    story = Story()
    story.see({"orders": COUNTS["orders"]}, NAMES)
    assert "The imports are done. Ctrl-C ends the demo." in shown(story, live=True)


def test_into_a_file_every_thing_is_told_once_and_nothing_is_drawn_over() -> None:
    text = shown(told())
    assert "\x1b" not in text
    assert text.count("import_errors fires") == 1
    assert text.count("32 failed") == 1


def test_a_narrow_terminal_breaks_nothing_off() -> None:
    text = shown(told(), width=50)
    assert max(map(len, text.splitlines())) <= 50
    assert "412 of   770   32 failed" in text


def test_a_terminal_that_knows_ascii_only_has_bars_and_frames_too() -> None:
    text = shown(told(), encoding="ascii")
    assert "##" in text
    assert "*   0.7 s" in text
    assert "+-" in text


def test_where_there_are_two_messages_they_stand_side_by_side_if_there_is_room() -> None:
    story = told()
    story.deliver(6.0, [{**ACCEPTED, "rendered": "Second"}])
    frames = shown(story, live=True, width=2 * BUBBLE + 4)
    assert any(line.count("WhatsApp  +9198…210") == 2 for line in frames.splitlines())
    assert "Import spring has 30" not in shown(story, live=True, width=60).split("Ctrl-C ends the demo.")[-2]


@pytest.mark.parametrize(
    ("counts", "drawn"),
    [
        ({}, "░░░░░░░░░░"),
        ({"NOT_STARTED": 100}, "░░░░░░░░░░"),
        ({"NOT_STARTED": 50, "SUCCESS": 40, "ERROR": 10}, "████▓░░░░░"),
        ({"NOT_STARTED": 98, "SUCCESS": 1, "ERROR": 1}, "▓░░░░░░░░░"),
        ({"SUCCESS": 100}, "██████████"),
        ({"ERROR": 100}, "▓▓▓▓▓▓▓▓▓▓"),
    ],
)
def test_a_bar_shows_what_went_well_what_failed_and_what_is_left(counts: dict[str, int], drawn: str) -> None:
    assert bar(Import("spring", counts), 10).plain == drawn


def test_a_reader_that_went_away_ends_it_as_it_ends_every_command() -> None:
    with pytest.raises(BrokenPipeError) as error:
        Paper().on_broken_pipe()
    assert error.value.errno == errno.EPIPE


def test_a_bubble_is_no_wider_than_the_terminal() -> None:
    (message,) = told().messages
    assert bubble(message, 30).width == 30
    assert bubble(message, 100).width == BUBBLE


def test_a_summary_says_what_there_was_also_when_it_was_little() -> None:
    story = told()
    story.fire(7.0, "import_errors", {"job": {"id": "orders"}, "count": 26})
    assert "1  message sent: the rule fired 2 times" in summary(story, 8).plain
    assert "0  messages sent; the imports were young" in summary(Story(), 1).plain
