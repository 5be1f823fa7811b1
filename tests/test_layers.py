"""The proof that a module imports only from lower layers; the table below is the house of the design."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A module imports from lower numbers, or from one listed earlier on its own lines.
# A word with `/*` is a folder whose modules may import each other.
HOUSE = """
0   problem values clock field kinds records log wake remedies
1   source/*
1   template/*
1   threshold calendar contact declaration declared/* plugin
2   holiday registry judge secret settings
3   rules/selector rules/model rules/schema rules/names rules/known rules/sensors rules/program
3   rules/normalise rules/blueprint rules/complaints rules/contradictions rules/steps rules/rule rules/check
3   rules/circles rules/followers rules/book
4   standing scope states entity later missed predicates spans index watches resolved match
4   conditions/holds conditions/typed conditions/compare conditions/entities conditions/clock conditions/holiday
4   conditions
4   runs/limits runs/called runs/frames runs/course runs/quiet
4   runs/calls runs/loops runs/waits runs/steps
4   runs/closing runs/modes runs/caps runs/gate runs/retry runs/advance runs/digest
5   journal/api journal/codes journal/rows journal/memory journal/file journal/owner journal/writer
5   journal/sqlite journal/backup journal/postgres
6   pulse notices outages notify lookout drift silence expired programs prune scrub forget reactions intake
6   declarations poll due executor effects settle inbound adopt cluster
7   assembly
8   readiness watchdog tree web/* testing/* rehearsal reference
9   daemon
9   demo/story demo/child demo/stage demo/screen demo/performance
10  cli/*
"""

# Rooms that later issues build: their layer is decided already.
LATER = ("journal/postgres", "cluster", "rehearsal")

# Outside the engine: who may import what, the first line that fits. `PLUGIN` is engine.plugin and the modules that it
# re-exports names of, `BELOW_CLI` all of the engine below the command line, `{own}` the connection itself.
PLUGINS = {
    "connections.pool": ["PLUGIN", "{own}"],
    "connections.pool.*": ["PLUGIN", "{own}"],
    "connections.*.commands": ["PLUGIN", "BELOW_CLI", "connections.pool.*", "{own}"],
    "connections.*": ["PLUGIN", "connections.pool.*", "{own}"],
    "actions.*": ["PLUGIN", "connections.*.requests", "connections.http"],
    "triggers.*": ["PLUGIN", "connections.*.requests", "connections.http"],
}
PACKAGES = ("engine", "actions", "triggers", "connections")
FOREIGN = ("tests", "benchmarks")


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a module stands: a number, and how far along the lines of that number."""

    number: int
    place: int


def shelves() -> dict[str, Shelf]:
    found: dict[str, Shelf] = {}
    for line in HOUSE.strip().splitlines():
        number, *words = line.split()
        for word in words:
            found["engine." + word.replace("/", ".")] = Shelf(int(number), len(found))
    return found


SHELVES = shelves()


def shelf(module: str) -> Shelf | None:
    return SHELVES.get(module) or SHELVES.get(module.rpartition(".")[0] + ".*") or SHELVES.get(module + ".*")


class Tree:
    """All modules below a folder, and what each of them imports of the others."""

    def __init__(self, root: Path) -> None:
        files = [path for package in (*PACKAGES, *FOREIGN) for path in sorted((root / package).rglob("*.py"))]
        self.paths = {self._name(path.relative_to(root)): path for path in files}
        self.packages = {name for name, path in self.paths.items() if path.name == "__init__.py"}

    @staticmethod
    def _name(path: Path) -> str:
        return ".".join(path.with_suffix("").parts).removesuffix(".__init__")

    def imports(self, module: str) -> Iterator[tuple[int, str]]:
        """Line and module of each import, also of those inside functions and under TYPE_CHECKING."""
        for node in ast.walk(ast.parse(self.paths[module].read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names if self._ours(alias.name))
            elif isinstance(node, ast.ImportFrom):
                source = self._source(module, node)
                for alias in node.names if self._ours(source) else []:
                    inner = f"{source}.{alias.name}"
                    yield node.lineno, inner if inner in self.paths else source

    def _source(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = module.split(".")
        above = parts[: len(parts) - node.level + (module in self.packages)]
        return ".".join([*above, *([node.module] if node.module else [])])

    @staticmethod
    def _ours(module: str) -> bool:
        return module.split(".")[0] in (*PACKAGES, *FOREIGN)

    def reexported(self) -> set[str]:
        """engine.plugin, and the modules of the engine that it imports: all that a plugin may know."""
        if "engine.plugin" not in self.paths:
            return set()
        return {"engine.plugin", *(name for _, name in self.imports("engine.plugin"))}


def violations(root: Path) -> list[str]:
    """One sentence for each import, and each module, that breaks the layers."""
    tree = Tree(root)
    plugin = tree.reexported()
    found = []
    for module in tree.paths:
        top = module.split(".")[0]
        if top in FOREIGN:
            continue
        place = tree.paths[module].relative_to(root).as_posix()
        if top == "engine" and module not in tree.packages and shelf(module) is None:
            found.append(f"{place} is not in the house: add it to HOUSE in tests/test_layers.py, above all it imports")
            continue
        for line, name in tree.imports(module):
            allowed = below(module, name) if top == "engine" else welcome(module, name, plugin)
            if name != module and not allowed:
                found.append(f"{place}:{line} imports {name}, which {rule(module)}")
    return list(dict.fromkeys(found))


def below(module: str, name: str) -> bool:
    """Whether a module of the engine may import another: it stands lower, earlier, or in the same open folder."""
    mine, other = shelf(module), shelf(name)
    if mine is None or other is None:
        return False
    return other.number < mine.number or (other.number == mine.number and other.place <= mine.place)


def welcome(module: str, name: str, plugin: set[str]) -> bool:
    """Whether a plugin or connection may import a module."""
    wanted = next((words for who, words in PLUGINS.items() if fnmatchcase(module, who)), [])
    own = ".".join(module.split(".")[:2])
    for word in wanted:
        if word == "PLUGIN" and name in plugin:
            return True
        if word == "BELOW_CLI" and name.startswith("engine.") and (place := shelf(name)) and place.number < 10:
            return True
        if word == "{own}" and (name == own or name.startswith(own + ".")):
            return True
        if fnmatchcase(name, word):
            return True
    return False


def rule(module: str) -> str:
    if module.startswith("engine."):
        return "is not below it (see HOUSE in tests/test_layers.py)"
    return "it may not know (see PLUGINS in tests/test_layers.py); a plugin needs engine.plugin and nothing else"


def test_every_module_imports_only_from_lower_layers() -> None:
    found = violations(ROOT)
    assert not found, "\n".join(found)


def plant(root: Path, files: dict[str, str]) -> None:
    """Write modules, each named by its path, and the `__init__.py` of their folders."""
    for name, text in files.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for folder in path.relative_to(root).parents[:-1]:
            (root / folder / "__init__.py").touch()


def test_a_house_in_order_has_no_violations(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "engine/values": "import json",
            "engine/problem": "",
            "engine/clock": "from engine.values import Json\nfrom . import problem",
            "engine/plugin": "from engine.values import Json",
            "engine/journal/api": "from engine import clock",
            "engine/journal/sqlite": "from .api import Journal\nfrom ..values import Json",
            "engine/web/page": "from engine.web.webhooks import Listener",
            "engine/web/webhooks": "from engine.web.page import Page",
            "engine/cli/run": "from engine.daemon import run\nimport engine.assembly",
            "engine/daemon": "",
            "engine/assembly": "",
            "connections/pool/wire": "from engine.plugin import Request",
            "connections/pool/pool": "from connections.pool.wire import Wire",
            "connections/chakra/client": "from connections.pool.pool import Pool\nfrom engine.values import Json",
            "connections/chakra/requests": "from connections.chakra import client",
            "connections/chakra/commands": "import engine.daemon, connections.chakra.client",
            "actions/whatsapp": "from connections.chakra.requests import Send\nfrom engine.plugin import Action",
            "triggers/time": "from engine.plugin import Trigger",
            "tests/test_all": "import engine.cli.run, actions.whatsapp",
        },
    )
    assert violations(tmp_path) == []


@pytest.mark.parametrize(
    ("module", "text", "found"),
    [
        ("engine/values", "import os\nfrom engine.clock import Clock", "engine/values.py:2 imports engine.clock"),
        ("engine/values", "def f():\n    import engine.daemon", "engine/values.py:2 imports engine.daemon"),
        ("engine/source", "from engine import registry", "engine/source.py:1 imports engine.registry"),
        ("engine/runs/steps", "from ..journal.api import J", "engine/runs/steps.py:1 imports engine.journal.api"),
        ("engine/assembly", "import actions.whatsapp", "engine/assembly.py:1 imports actions.whatsapp"),
        ("engine/daemon", "from engine.cli import main", "engine/daemon.py:1 imports engine.cli"),
        ("engine/testing", "from tests import support", "engine/testing.py:1 imports tests"),
        ("engine/helpers", "", "engine/helpers.py is not in the house"),
        ("engine/__init__", "from engine.values import Json", "engine/__init__.py:1 imports engine.values"),
        ("connections/pool", "from engine.registry import R", "connections/pool.py:1 imports engine.registry"),
        ("connections/http", "import connections.chakra.client", "connections/http.py:1 imports connections.chakra"),
        ("connections/http/client", "import engine.daemon", "connections/http/client.py:1 imports engine.daemon"),
        (
            "connections/chakra/commands",
            "import engine.cli.run",
            "connections/chakra/commands.py:1 imports engine.cli",
        ),
        ("connections/mail", "from actions import log", "connections/mail.py:1 imports actions"),
        ("actions/mail", "from connections.pool.pool import Pool", "actions/mail.py:1 imports connections.pool"),
        ("actions/whatsapp", "import connections.chakra.client", "actions/whatsapp.py:1 imports connections.chakra"),
        ("actions/log", "from actions import whatsapp", "actions/log.py:1 imports actions"),
        ("triggers/time", "from engine.calendar import cron", "triggers/time.py:1 imports engine.calendar"),
    ],
)
def test_a_planted_violation_is_found_with_file_and_line(tmp_path: Path, module: str, text: str, found: str) -> None:
    others = {"engine/registry": "", "engine/plugin": "from engine.values import Json"}
    plant(tmp_path, others | {module: text})
    assert [sentence for sentence in violations(tmp_path) if sentence.startswith(found)], violations(tmp_path)
    assert len(violations(tmp_path)) == 1


def test_no_module_is_listed_twice() -> None:
    words = [word for line in HOUSE.strip().splitlines() for word in line.split()[1:]]
    assert len(words) == len(set(words))


def test_every_room_of_the_house_is_built_or_comes_later() -> None:
    words = [word for line in HOUSE.strip().splitlines() for word in line.split()[1:]]
    rooms = [word.removesuffix("/*") for word in words]
    missing = [
        room
        for room in rooms
        if not (ROOT / "engine" / f"{room}.py").is_file() and not (ROOT / "engine" / room).is_dir()
    ]
    assert sorted(missing) == sorted(LATER)


def test_every_module_of_the_engine_has_its_line_in_contributing() -> None:
    engine = ROOT / "engine"
    modules = {path.stem for path in engine.glob("*.py")} - {"__init__"}
    folders = {f"{path.parent.name}/" for path in engine.glob("*/__init__.py")}
    named = re.findall(r"^\| `([a-z]+/?)` \|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) - {"actions/", "tests/", "connections/", "benchmarks/", "docs/", "engine/"} == modules | folders
