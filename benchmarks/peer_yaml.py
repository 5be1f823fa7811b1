"""The floor for `check`: the same files read by libyaml and held to a bare schema, with nothing known about rules.

Run as `python -m benchmarks.peer_yaml FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "triggers", "actions"],
        "properties": {
            "id": {"type": "string"},
            "triggers": {"type": "array", "items": {"type": "object", "required": ["trigger"]}},
            "actions": {"type": "array", "items": {"type": "object"}},
        },
    },
}


class Loader(yaml.CSafeLoader):
    """Knows `!secret`."""


Loader.add_constructor("!secret", lambda loader, node: str(node.value))

if __name__ == "__main__":
    judge = Draft202012Validator(SCHEMA)
    for path in sorted(Path(sys.argv[1]).glob("*.yaml")):
        judge.validate(yaml.load(path.read_bytes(), Loader))
