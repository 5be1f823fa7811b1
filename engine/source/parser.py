"""PyYAML's two parsers as one stream of events: libyaml where it is installed, else the one in Python.

Only events are asked for. Both parsers make them without recursion, one at a time, so the reader can count depth
before it asks for more; it is libyaml's composer that dies on 100,000 `[`, and nothing here calls it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yaml.error import MarkedYAMLError
from yaml.events import Event, StreamEndEvent
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner, ScannerError

try:
    from yaml.cyaml import CLoader
except ImportError:  # PyYAML built without libyaml
    CLoader = None  # type: ignore[assignment, misc]

HAS_LIBYAML = CLoader is not None
_BLANKS = (" ", "\t")


class _PureParser(Reader, Scanner, Parser):
    """The parser in Python, taught to accept tabs where libyaml does and to refuse the escapes that it refuses."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
            super().scan_to_next_token()

    def scan_plain_spaces(self, indent: int, start_mark: Any) -> Any:
        length = 0
        while self.peek(length) in _BLANKS:
            length += 1
        blanks = self.prefix(length)
        if "\t" not in blanks:
            return super().scan_plain_spaces(indent, start_mark)
        self.forward(length)
        chunks = super().scan_plain_spaces(indent, start_mark)
        return [blanks] if chunks == [] else chunks

    def scan_flow_scalar(self, style: Any) -> Any:
        start = self.get_mark()
        try:
            return super().scan_flow_scalar(style)
        except (ValueError, OverflowError):
            here = self.get_mark()
            raise ScannerError("while scanning a text", start, "found invalid Unicode character", here) from None


def events(text: str, pure: bool = False) -> Iterator[Event]:
    """The events of `text`, which must hold printable characters only.

    Raises `yaml.error.MarkedYAMLError` where the text is not YAML.
    """
    parser: Any = _PureParser(text) if pure or not HAS_LIBYAML else CLoader(text)
    while not isinstance(event := parser.get_event(), StreamEndEvent):
        yield event


__all__ = ["HAS_LIBYAML", "MarkedYAMLError", "events"]
