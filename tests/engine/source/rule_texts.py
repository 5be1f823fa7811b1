"""Good rule files, and mutations of them, for the tests of reading."""

from __future__ import annotations

import os
import random
from typing import Any

MUTATIONS = int(os.environ.get("RULEWHEEL_MUTATIONS", "3000"))
SEED = int(os.environ.get("RULEWHEEL_SEED", "20250101"))

RULE = """\
- id: import_errors
  alias: Tell the team when an import goes wrong
  triggers:
    - trigger: job.entries            # Chakra background job
      job: any
      status: [ERROR, INVALID]
      above: 25
  actions:
    - action: whatsapp.send_template
      data:
        to: "+919876543210"
        header: {image: {link: "https://shop.example/a.png"}}
        body: ["{{ trigger.count }}", '{{ trigger.job.id }}']
"""
LIBRARY = """\
rules:
  - &base
    id: a
    sizes: {small: 1, all: [1, 2, {c: "d"}]}
    message: |
      Hello {{ {'a': [1, 2]}['a'] }}
        [[[[ not counted
    note: >-
      folded
      text
  - <<: *base
    id: 'it''s'
    "k": "\\u00e9\\n"
    token: !secret chakra_token
"""

FRAGMENTS = (
    *("\t", " ", "  ", "\n", "\r", "[", "]", "{", "}", '"', "'", ":", ": ", "- ", "? ", "&a ", "*a", "!x ", "!secret "),
    *(
        "|",
        ">",
        "#",
        " #",
        "%",
        "@",
        "`",
        "\\",
        "---\n",
        "...\n",
        "<<: ",
        "{{ ",
        "}}",
        ",",
        "~",
        "\\x",
        "\x00",
        "é",
        "😀",
    ),
)


def mutated(random_: random.Random) -> str:
    text = random_.choice((RULE, LIBRARY))
    for _ in range(random_.choice((1, 1, 2, 4))):
        start = random_.randrange(len(text) + 1)
        end = start + random_.choice((0, 0, 1, 2, 8))
        text = text[:start] + random_.choice(FRAGMENTS) * random_.choice((1, 1, 1, 3)) + text[end:]
    return text


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    steps: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(below for step in steps for below in paths(value[step], (*path, step)))]
