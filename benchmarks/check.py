"""`rulewheel check` of 1,000 rules as one types it, and reading them again when one file has changed.

Run it as `python -m benchmarks.check`; prints a line of JSON per figure. The rules are those in `examples/rules`, under
new ids, ten a file. The peer in the same run is a floor: libyaml and a bare schema over the same files.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from benchmarks.processes import ENVIRONMENT, REPOSITORY, python, rulewheel
from engine.rules.book import Shelf, make_book, read_tree
from engine.rules.known import Known
from engine.settings import load_settings

FILES = 100
RULES_A_FILE = 10
ROUNDS = 5
EXAMPLES = REPOSITORY / "examples"
HOME_ASSISTANT = "3.5 s: quoted from the requirements of this project, not measured in this run"


def write_rules(folder: Path) -> Path:
    """The examples' settings beside a folder of rules; gives the settings file."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((EXAMPLES / "rules").glob("*.yaml"))]
    rules = [rule for text in texts for rule in re.split(r"^(?=- id: )", text, flags=re.MULTILINE)[1:]]
    (folder / "rules").mkdir()
    endless = cycle(rules)
    for file in range(FILES):
        ten = [_renamed(rule, f"{file}_{number}") for number, rule in enumerate(islice(endless, RULES_A_FILE))]
        (folder / "rules" / f"rules_{file:03}.yaml").write_text("\n".join(ten), encoding="utf-8")
    secrets = folder / "secrets.yaml"
    shutil.copyfile(EXAMPLES / "secrets.example.yaml", secrets)
    secrets.chmod(0o600)
    return Path(shutil.copyfile(EXAMPLES / "rulewheel.yaml", folder / "rulewheel.yaml"))


def _renamed(rule: str, suffix: str) -> str:
    return re.sub(r"^(- id: \w+)", rf"\1_{suffix}", rule)


def seconds(command: list[str], says: str = "") -> float:
    """How long a process takes. Raises RuntimeError when it fails or does not say what it should."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=REPOSITORY, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode or says not in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)
    return took


def checks(settings: Path) -> dict[str, object]:
    """Whole processes, ours and the floor in turns."""
    ours, floor = [], []
    well = f"{FILES * RULES_A_FILE:,} rules in {FILES} files, no problems"
    for _ in range(ROUNDS):
        ours.append(seconds(rulewheel("check", "--settings", settings), well))
        floor.append(seconds(python("benchmarks.peer_yaml", settings.parent / "rules")))
    return {
        "figure": "check",
        "unit": "s, whole process",
        "rules": FILES * RULES_A_FILE,
        "ours": _spread(ours),
        "peer_libyaml_and_bare_schema": _spread(floor),
        "bar": 2.0,
        "home_assistant": HOME_ASSISTANT,
    }


def reloads(settings: Path) -> dict[str, object]:
    """What a running daemon does when one file of the tree has changed: look at all, check one."""
    loaded = load_settings(settings)
    assert loaded.settings is not None
    shelf = Shelf(Known.of(loaded.settings))
    last = make_book(read_tree(loaded.settings.rules), shelf, {}).programs
    changed = loaded.settings.rules / "rules_050.yaml"
    took = []
    for number in range(ROUNDS):
        changed.write_text(f"{changed.read_text(encoding='utf-8')}\n# change {number}\n", encoding="utf-8")
        began = time.perf_counter()
        last = make_book(read_tree(loaded.settings.rules), shelf, last).programs
        took.append(time.perf_counter() - began)
    return {"figure": "reload_of_one_file", "unit": "s", "rules": len(last), "ours": _spread(took)}


def _spread(values: list[float]) -> dict[str, float]:
    return {"min": round(min(values), 3), "median": round(median(values), 3), "max": round(max(values), 3)}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = write_rules(Path(folder))
        for figure in (checks(settings), reloads(settings)):
            print(json.dumps(figure), flush=True)


if __name__ == "__main__":
    main()
