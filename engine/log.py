"""The daemon's log: one line an occurrence, in words with named values, phone numbers masked."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, Protocol, TextIO

from engine.clock import Clock
from engine.values import EXAMPLE_PHONE, masked

_PHONE = re.compile(r"\+\d[\d ().-]{6,20}\d|(?<![\w.:-])\d{10,15}(?![\w.:-])")
_EXAMPLE = f'"{EXAMPLE_PHONE}"'
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
LEVELS = ("debug", "info", "warning", "error")


class Log(Protocol):
    """Where the engine says what it does."""

    def debug(self, message: str, **values: Any) -> None: ...

    def info(self, message: str, **values: Any) -> None: ...

    def warning(self, message: str, **values: Any) -> None: ...

    def error(self, message: str, **values: Any) -> None: ...


def veiled(text: str) -> str:
    """The text with everything that looks like a phone number masked, but for the example of our own sentences."""
    return _PHONE.sub(_veiled, text)


def _veiled(match: re.Match[str]) -> str:
    if match.string[match.start() - 1 : match.end() + 1] == _EXAMPLE:
        return match.group()
    return masked(re.sub(r"[^\d+]", "", match.group()))


class StreamLog:
    """Writes lines for people (`form` "text") or for machines ("json") to a stream."""

    def __init__(self, clock: Clock, stream: TextIO | None = None, form: str = "text", level: str = "info") -> None:
        self._clock = clock
        self._stream = stream or sys.stderr
        self._form = form
        self._least = LEVELS.index(level)

    def debug(self, message: str, **values: Any) -> None:
        """For those who look for a fault."""
        self._write("debug", message, values)

    def info(self, message: str, **values: Any) -> None:
        """What happened as it should."""
        self._write("info", message, values)

    def warning(self, message: str, **values: Any) -> None:
        """What may need a person."""
        self._write("warning", message, values)

    def error(self, message: str, **values: Any) -> None:
        """What needs a person."""
        self._write("error", message, values)

    def _write(self, level: str, message: str, values: dict[str, Any]) -> None:
        if LEVELS.index(level) < self._least:
            return
        now = self._clock.now()
        if self._form == "json":
            shown = {key: veiled(str(value)) for key, value in values.items()}
            line = json.dumps({"at": now.isoformat(), "level": level, "message": veiled(message), **shown})
        else:
            tail = "".join(f"  {key}={veiled(str(value))}" for key, value in values.items() if value not in ("", None))
            line = f"{now.astimezone():%Y-%m-%d %H:%M:%S} {level:<7} {veiled(message)}{tail}"
        self._stream.write(_CONTROL.sub(" ", line) + "\n")
        self._stream.flush()


class SilentLog:
    """Says nothing; for tests and one-off commands."""

    def debug(self, message: str, **values: Any) -> None:
        """Nothing."""

    info = warning = error = debug
