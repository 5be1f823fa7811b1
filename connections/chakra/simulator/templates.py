"""Message templates: what exists, and how a message reads on the customer's phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from engine.problem import Problem, ProblemError

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_FIRST_ID = 572279198452421


def placeholders(text: str) -> list[str]:
    """Names of the variables of a text, in order, each once: `["1", "2"]` or `["customer_name"]`."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables replaced; one without a value stays as it is written."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


@dataclass(frozen=True, slots=True)
class Values:
    """What a message puts into a template: variables by name, a media header, url endings by button position."""

    body: Mapping[str, str] = field(default_factory=dict)
    header: Mapping[str, str] = field(default_factory=dict)
    media: str = ""
    buttons: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Template:
    """One template in one language, in Meta's own component form."""

    id: str
    name: str
    language: str
    components: tuple[Mapping[str, Any], ...]
    category: str = "UTILITY"
    status: str = "APPROVED"
    parameter_format: str = "POSITIONAL"

    def component(self, kind: str) -> Mapping[str, Any]:
        """The component `HEADER`, `BODY`, `FOOTER` or `BUTTONS`; empty when the template has none."""
        return next((part for part in self.components if part.get("type") == kind), {})

    @property
    def body(self) -> str:
        return str(self.component("BODY").get("text", ""))

    @property
    def header_format(self) -> str:
        """`TEXT`, `IMAGE`, `VIDEO`, `DOCUMENT`, `LOCATION`, or empty."""
        return str(self.component("HEADER").get("format", ""))

    @property
    def header(self) -> str:
        return str(self.component("HEADER").get("text", ""))

    @property
    def buttons(self) -> list[Mapping[str, Any]]:
        return list(self.component("BUTTONS").get("buttons", ()))

    def to_json(self) -> dict[str, Any]:
        """The template as Meta's list shows it."""
        return {
            "name": self.name,
            "parameter_format": self.parameter_format,
            "components": list(self.components),
            "language": self.language,
            "status": self.status,
            "category": self.category,
            "id": self.id,
        }

    def render(self, values: Values) -> str:
        """The whole message as the customer reads it: header, body, footer, buttons in brackets, a line each."""
        header = (
            f"[{self.header_format.lower()}: {values.media}]" if values.media else filled(self.header, values.header)
        )
        footer = str(self.component("FOOTER").get("text", ""))
        buttons = " ".join(_button(button, values.buttons.get(at, "")) for at, button in enumerate(self.buttons))
        return "\n".join(line for line in (header, filled(self.body, values.body), footer, buttons) if line)


def _button(button: Mapping[str, Any], ending: str) -> str:
    url = filled(str(button.get("url", "")), {"1": ending})
    return f"[{button.get('text', '')}: {url}]" if url else f"[{button.get('text', '')}]"


class Templates:
    """The templates of an account, by name and language; starts with those of our examples and demo."""

    def __init__(self) -> None:
        self._templates: dict[tuple[str, str], Template] = {}
        text = (files(__package__) / "data" / "templates.json").read_text(encoding="utf-8")
        for template in json.loads(text):
            self.add(template)

    def __iter__(self) -> Iterator[Template]:
        return iter(self._templates.values())

    def add(self, data: Mapping[str, Any]) -> Template:
        """Take a template in Meta's form (`name`, `language`, `components`, ...); the same name and language replaces.

        Raises ProblemError where one of those is missing.
        """
        lacking = [key for key in ("name", "language", "components") if not data.get(key)]
        if lacking:
            raise ProblemError(Problem("bad-template", f"a template lacks {', '.join(lacking)}"))
        template = Template(
            id=str(data.get("id") or _FIRST_ID + len(self._templates)),
            name=str(data["name"]),
            language=str(data["language"]),
            components=tuple(data["components"]),
            category=str(data.get("category", "UTILITY")),
            status=str(data.get("status", "APPROVED")),
            parameter_format=str(data.get("parameter_format", "POSITIONAL")),
        )
        self._templates[template.name, template.language] = template
        return template

    def find(self, name: str, language: str) -> Template | None:
        return self._templates.get((name, language))

    def languages(self, name: str) -> list[str]:
        """The languages in which a template of this name exists."""
        return [language for known, language in self._templates if known == name]
