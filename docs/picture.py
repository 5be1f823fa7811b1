"""Draws docs/demo.svg: plays the demo and records what a terminal of 100 columns shows of it.

python docs/picture.py
"""

from __future__ import annotations

import asyncio
import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from engine.demo.performance import perform
from engine.demo.screen import Screen
from engine.demo.story import Story

COLUMNS = 100
SECONDS = 12.0
PICTURE = Path(__file__).with_name("demo.svg")

COLOURS = [
    (60, 66, 77),
    (224, 108, 117),
    (152, 195, 121),
    (229, 192, 123),
    (97, 175, 239),
    (198, 120, 221),
    (86, 182, 194),
    (220, 223, 228),
]
PAPER = TerminalTheme((30, 33, 39), (220, 223, 228), COLOURS, [(140, 148, 160), *COLOURS[1:]])


class Recording(Screen):
    """A screen of which only the rule, the last look at things and the summary are kept."""

    def __init__(self) -> None:
        self.seen = Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False, force_terminal=False)
        super().__init__(Story(), self.seen, live=True)

    def end(self, seconds: float) -> None:
        self.seen.line()
        super().end(seconds)


def recorded() -> Console:
    """What the screen has shown when the demo is over."""
    screen = Recording()
    asyncio.run(perform(SECONDS, 0, screen))
    return screen.seen


def drawn(console: Console) -> str:
    """What the console has seen, in the fonts that the reader has: nothing is fetched from elsewhere."""
    svg = console.export_svg(title="make demo", theme=PAPER, unique_id="demo")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace")


if __name__ == "__main__":
    PICTURE.write_text(drawn(recorded()), encoding="utf-8")
