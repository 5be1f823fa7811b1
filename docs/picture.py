"""Draws docs/demo.svg: runs the demo and records what a terminal of 100 columns shows of it.

python docs/picture.py
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS = 100
SECONDS = 20
PICTURE = Path(__file__).with_name("demo.svg")

PAPER = TerminalTheme(
    background=(30, 33, 39),
    foreground=(220, 223, 228),
    normal=[
        (92, 99, 112),
        (224, 108, 117),
        (152, 195, 121),
        (229, 192, 123),
        (97, 175, 239),
        (198, 120, 221),
        (86, 182, 194),
        (220, 223, 228),
    ],
)


def shown() -> str:
    """What the demo prints, colours included."""
    here = {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color", "TTY_COMPATIBLE": "1"}
    demo = [str(Path(sys.executable).with_name("rulewheel")), "demo", "--for", f"{SECONDS}s"]
    done = subprocess.run(demo, env={**os.environ, **here}, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def drawn(text: str) -> str:
    """The text as a picture of a terminal, in the fonts that the reader has: nothing is fetched from elsewhere."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(text.strip("\n")), soft_wrap=False)
    svg = console.export_svg(title="make demo", theme=PAPER, unique_id="demo")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace")


if __name__ == "__main__":
    PICTURE.write_text(drawn(shown()), encoding="utf-8")
