"""The command `demo`."""

from __future__ import annotations

import re

import click

_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|)")
_UNITS = {"": 1, "s": 1, "m": 60}


class Length(click.ParamType[float]):
    """A length of time such as `20s`, in seconds."""

    name = "time"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = _LENGTH.fullmatch(str(value))
        if not found or not float(found[1]):
            self.fail(f'"{value}" is not a length of time such as 20s or 2m', param, ctx)
        return float(found[1]) * _UNITS[found[2]]


@click.command(
    epilog="""\b
Examples:
  rulewheel demo
  rulewheel demo --for 20s
"""
)
@click.option("--for", "seconds", type=Length(), metavar="TIME", help="End by itself after so long, such as 20s.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the simulator; without it a free one.")
def command(seconds: float | None, port: int) -> None:
    """Show a rule at work: imports that fail, the rule that sees it, the message that comes of it.

    It runs a simulated ChakraHQ and a real daemon in a temporary folder on this machine. No message leaves it. Ctrl-C
    ends it and leaves nothing behind.
    """
    import asyncio

    from engine.demo.performance import perform
    from engine.demo.screen import Screen
    from engine.demo.story import Story

    asyncio.run(perform(seconds, port, Screen(Story())))
