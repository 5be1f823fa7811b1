"""The daemon with 100 rules and nothing to do: memory, computing time, and how soon after its start it is ready.

Run it as `python -m benchmarks.idle` (Linux); prints a line of JSON per figure. The rules watch a job that never ends,
times of day, crontab lines and webhooks, 25 each; the job is on the simulator and asked for every 30 seconds. A start
is that of a new process, with everything that Python imports, until the daemon says that it is ready. Beside it in the
same run is `peer_fastapi.py`, which listens for one webhook and has neither rules nor a clock nor a disk: a floor.
"""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.processes import Child, Workshop, free_port, python, rulewheel

STARTS = 5
SECONDS = 30.0
PEER_READY = "running on"
TRIGGERS = (
    "trigger: job.entries\n      job: bench-job\n      status: ERROR\n      above: {number}",
    'trigger: time\n      at: "{hour:02}:{minute:02}"',
    'trigger: cron\n      expression: "{minute} {hour} * * mon-fri"',
    "trigger: webhook\n      webhook_id: form_{number}",
)
RULE = """\
- id: rule_{number}
  mode: parallel
  triggers:
    - {trigger}
  conditions: "{{{{ now().hour >= 0 }}}}"
  actions:
    - action: whatsapp.send_template
      data: {{to: "+14155550101", template: import_failed, language: en, body: ["{number}", "an import"]}}
"""


def rules(count: int = 100) -> str:
    """Rules whose triggers take turns."""
    return "".join(_rule(number) for number in range(count))


def _rule(number: int) -> str:
    trigger = TRIGGERS[number % len(TRIGGERS)].format(number=number, hour=number % 24, minute=number % 60)
    return RULE.format(number=number, trigger=trigger)


def workshop(folder: Path, port: int, token: str) -> Workshop:
    """Settings that reach the simulator at this port."""
    plugin = "9aefeafc-a1c1-4d27-a0c6-10f66a25a80a"
    chakra = {"base_url": f"http://127.0.0.1:{port}", "allow_private": True, "plugin_id": plugin}
    keys = "    token: !secret chakra_token\n    phone_number_id: '1'\n"
    made = Workshop(folder, {"rules.yaml": rules()}, {"connections": {"chakra": chakra}})
    made.settings.write_text(made.settings.read_text().replace("  chakra:\n", f"  chakra:\n{keys}"), encoding="utf-8")
    secrets = folder / "secrets.yaml"
    secrets.touch(mode=0o600)
    secrets.write_text(f"chakra_token: {token}\n", encoding="utf-8")
    return made


def measure(folder: Path) -> list[dict[str, object]]:
    jobs = folder / "jobs.yaml"
    jobs.write_text("- {id: bench-job, counts: {NOT_STARTED: 700, SUCCESS: 3}}\n", encoding="utf-8")
    with ExitStack() as stack:
        simulator = stack.enter_context(Child(rulewheel("simulate", "--jobs", jobs), folder / "simulator.txt"))
        simulator.wait_for("\n")
        address = json.loads(simulator.output)
        made = workshop(folder / "daemon", address["port"], address["token"])
        starts: dict[str, list[float]] = {"ours": [], "peer": []}
        for _ in range(STARTS):
            with made.daemon() as daemon:
                starts["ours"].append(daemon.wait_for(" ready ") * 1000)
            with peer(folder) as other:
                starts["peer"].append(other.wait_for(PEER_READY) * 1000)
        ours, theirs = median(starts["ours"]), median(starts["peer"])
        return [_figure("idle_start_to_ready", "ms", ours, theirs, 1000, starts["ours"]), *idle(made)]


def peer(folder: Path) -> Child:
    """The script written by hand; it calls nobody, for nobody calls it."""
    return Child(python("benchmarks.peer_fastapi", free_port(), "http://127.0.0.1:9/"), folder / "peer.txt")


def idle(made: Workshop) -> list[dict[str, object]]:
    """What the daemon takes while nothing happens but polls, and the peer at the same time."""
    with made.daemon() as daemon, peer(made.folder) as other:
        daemon.wait_for(" ready ")
        other.wait_for(PEER_READY)
        time.sleep(3)
        before = [each.cpu_seconds() for each in (daemon, other)]
        time.sleep(SECONDS)
        after = [each.cpu_seconds() for each in (daemon, other)]
        ours, theirs = ((end - start) / SECONDS * 100 for start, end in zip(before, after, strict=True))
        memory = _figure("idle_memory", "MB", daemon.memory_mb(), other.memory_mb(), 80)
        return [memory, _figure("idle_cpu", "%", ours, theirs, 1)]


def _figure(
    name: str, unit: str, ours: float, theirs: float, bar: float, values: list[float] | None = None
) -> dict[str, object]:
    spread = {"min": round(min(values)), "max": round(max(values))} if values else {}
    said = {"ours": round(ours, 2), **spread, "peer": round(theirs, 2)}
    return {"figure": name, "unit": unit, "rules": 100, **said, "bar": bar}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for figure in measure(Path(folder)):
            print(json.dumps(figure), flush=True)


if __name__ == "__main__":
    main()
