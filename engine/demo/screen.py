"""How the demo looks: drawn over and over in a terminal, told line by line into a file or a pipe."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich import box
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from engine.demo.story import ALLOWED, Beat, Import, Message, Story

GREEN, RED, QUIET = "green", "red", "bright_black"
BUBBLE = 46
NARROWEST = 4
WIDEST = 100
TELL_EVERY = 2.0


class Paper(Console):
    """A console whose reader may go away (`| head`): then the demo ends in good order, as click sees to it."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, "nobody reads any more")


class Screen:
    """Shows one story. `draw` may be called as often as one likes."""

    def __init__(self, story: Story, console: Console | None = None, live: bool | None = None) -> None:
        self.story = story
        self._console = console or Paper(highlight=False, soft_wrap=False)
        self._is_live = sys.stdout.isatty() if live is None else live
        self._live: Live | None = None
        self._told = 0
        self._told_at = 0.0

    @property
    def _width(self) -> int:
        return min(WIDEST, self._console.width)

    @property
    def _plain(self) -> bool:
        """Whether there are letters of ASCII only."""
        return not self._console.encoding.lower().startswith("utf")

    @contextmanager
    def shown(self, rule: str) -> Iterator[None]:
        """The stage is lit: first the rule, then what happens."""
        self._console.print(self._opening(rule))
        if not self._is_live:
            yield
            return
        with Live(console=self._console, auto_refresh=False, vertical_overflow="crop") as live:
            self._live = live
            yield
            live.update(Group(*self._scene()), refresh=True)
        self._live = None

    def draw(self, seconds: float) -> None:
        """Shows how things stand now."""
        if self._live is not None:
            hint = "The imports are done. Ctrl-C ends the demo." if self.story.is_over else "Ctrl-C ends the demo."
            passed = f"{seconds:.0f} s   {hint}"
            self._live.update(Group(*self._scene(), Text(passed, style=QUIET)), refresh=True)
        else:
            self._tell(seconds)

    def end(self, seconds: float) -> None:
        """The summary."""
        self._console.print(self._panel(summary(self.story, seconds), "What you saw"))

    def _opening(self, rule: str) -> RenderableType:
        title = Text.assemble(("rulewheel", "bold green"), ("  a real daemon and a simulated ChakraHQ", "bold"))
        says = Text("Everything happens on this machine; no message leaves it. This rule is running:", style=QUIET)
        code = Syntax(rule, "yaml", theme="ansi_dark", background_color="default", word_wrap=True)
        return Group(title, says, self._panel(code, "rules/demo.yaml"))

    def _scene(self) -> list[RenderableType]:
        """Imports, what happened, and as many of the newest messages as stand side by side."""
        story = self.story
        beside = max(1, self._width // (BUBBLE + 2))
        return [
            self._panel(self._imports(), "Imports in ChakraHQ"),
            *[beat_line(beat, self._plain) for beat in story.beats if beat.message is None][-5:],
            Columns([bubble(message, self._width) for message in story.messages[-beside:]]),
        ]

    def _tell(self, seconds: float) -> None:
        fresh = self.story.beats[self._told :]
        self._told = len(self.story.beats)
        for beat in fresh:
            self._console.print(beat_line(beat, self._plain))
            if beat.message:
                self._console.print(bubble(beat.message, self._width))
        if seconds - self._told_at >= TELL_EVERY and not self.story.is_over:
            self._told_at = seconds
            self._console.print(self._imports())

    def _imports(self) -> Table:
        """One line each; a bar where there is room for one."""
        table = Table.grid(padding=(0, 2), expand=False)
        space = min(40, self._width - 58)
        for each in self.story.imports:
            cells = (Text(each.id), bar(each, space, self._plain), *counts(each))
            table.add_row(*(cells if space >= NARROWEST else (cells[0], *cells[2:])))
        for column in table.columns:
            column.no_wrap = True
        return table

    def _panel(self, content: RenderableType, title: str) -> Panel:
        return Panel(
            content,
            box=box.ROUNDED,
            border_style=QUIET,
            width=self._width,
            title=f"[bold default]{title}[/]",
            title_align="left",
        )


def bar(job: Import, width: int, plain: bool = False) -> Text:
    """How far an import is: done and well, failed, still to do."""
    well, failed, left = "#x." if plain else "█▓░"
    share = width / max(1, job.entries)
    bad = min(width, round(job.failed * share) or (1 if job.failed else 0))
    good = max(0, min(width - bad, round(job.done * share) - bad))
    rest = width - good - bad
    return Text.assemble((well * good, GREEN), (failed * bad, RED), (left * rest, QUIET))


def counts(job: Import) -> tuple[Text, Text]:
    """`412 of 770` and `27 failed`."""
    return (
        Text(f"{job.done:>5,} of {job.entries:>5,}"),
        Text(f"{job.failed:>3} failed", style=f"bold {RED}" if job.failed > ALLOWED else "" if job.failed else QUIET),
    )


def beat_line(beat: Beat, plain: bool = False) -> Text:
    """One thing that happened, with when."""
    mark = ("*" if plain else "✓", f"bold {GREEN}") if beat.well else ("!", f"bold {RED}")
    return Text.assemble(mark, (f" {beat.at:5.1f} s  ", QUIET), beat.says)


def bubble(message: Message, width: int) -> Panel:
    """The message as its reader sees it on the phone."""
    return Panel(
        Text(message.text),
        box=box.ROUNDED,
        border_style=GREEN,
        width=min(BUBBLE, width),
        padding=(0, 1),
        title=f"[bold]WhatsApp[/]  {message.to}",
        title_align="left",
        subtitle=f"{message.at:%H:%M}",
        subtitle_align="right",
    )


def summary(story: Story, seconds: float) -> Text:
    """What came of it, in a few lines."""
    entries = sum(each.entries for each in story.imports)
    sent, fired = len(story.messages), len(story.fired)
    once = (
        f"one for each import with more than {ALLOWED} failed entries"
        if sent == fired
        else f"the rule fired {fired} times"
    )
    lines = (
        (f"{entries:,}", f"entries of {len(story.imports)} imports watched"),
        (f"{story.requests:,}", f"requests to ChakraHQ in {seconds:.0f} s"),
        (
            f"{sent:,}",
            f"message{'' if sent == 1 else 's'} sent" + (f": {once}" if sent else "; the imports were young"),
        ),
    )
    text = Text()
    for number, says in lines:
        text.append(f"{number:>6}", style="bold green").append(f"  {says}\n")
    return text.append("\nYour own rules:  ").append("rulewheel init my-rules", style="bold")
