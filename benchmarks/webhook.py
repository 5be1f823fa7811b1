"""Webhook in, condition, `http.request` out: how many a second, and how late. Beside a FastAPI script in the same run.

Run it as `python -m benchmarks.webhook`; prints a line of JSON per figure. Load, target and what is measured are
processes of their own. A rate is counted at the target: from the first POST to the last arrival, each exactly once.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.processes import REPOSITORY, Child, Workshop, free_port, python

EVENTS = 3000
CALLERS = 32
PACED_EVENTS = 200
PER_SECOND = 20
ROUNDS = 4
RULE = """\
- id: {name}
  mode: {mode}
  triggers:
    - trigger: webhook
      webhook_id: {name}
  conditions: "{{{{ trigger.json.n >= 0 }}}}"
  actions:
    - action: http.request
      data:
        url: {target}
        json: {{n: "{{{{ trigger.json.n }}}}"}}
"""


@dataclass(frozen=True)
class Contender:
    """Something that takes webhooks at `url` and calls the target."""

    name: str
    url: str


class Target:
    """The target server, as this process sees it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str) -> object:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def arrivals(self, events: int, seconds: float = 120) -> dict[int, float]:
        """When each event arrived. Raises RuntimeError when one is missing or came twice."""
        end = time.monotonic() + seconds
        while self.ask("/count") != events and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.3)  # one that comes twice would come now
        came = [(int(number), float(at)) for number, at in self.ask("/arrivals")]  # type: ignore[attr-defined]
        if sorted(number for number, _ in came) != list(range(events)):
            raise RuntimeError(f"{len(came)} arrivals of {len(dict(came))} events; there were {events}")
        return dict(came)


def rate(contender: Contender, target: Target, events: int = EVENTS) -> float:
    """Events a second with all callers at work."""
    sent = [began for _, began, _ in load(contender, events, CALLERS)]
    return events / (max(target.arrivals(events).values()) - min(sent))


def delays(contender: Contender, target: Target) -> dict[str, float]:
    """Milliseconds from a POST to what it causes at the target (`through`) and to its answer, at a steady pace."""
    times = load(contender, PACED_EVENTS, 8, PER_SECOND)
    arrivals = target.arrivals(PACED_EVENTS)
    through = sorted((arrivals[number] - sent) * 1000 for number, sent, _ in times)
    answer = sorted((answered - sent) * 1000 for _, sent, answered in times)
    return {
        f"{name}_p{percent}": found[len(found) * percent // 100]
        for name, found in (("through", through), ("answer", answer))
        for percent in (50, 95)
    }


def load(contender: Contender, *how: object) -> list[tuple[int, float, float]]:
    with tempfile.TemporaryFile() as output:
        subprocess.run(python("benchmarks.load", contender.url, *how), stdout=output, check=True, cwd=REPOSITORY)
        output.seek(0)
        return [(number, sent, answered) for number, sent, answered in json.load(output)]


def alternating(ours: Contender, peer: Contender) -> Iterator[Contender]:
    """ours, peer, peer, ours, ...: whatever drifts meets both alike."""
    for number in range(ROUNDS):
        yield from (ours, peer) if number % 2 == 0 else (peer, ours)


def spread(values: Iterable[float], digits: int) -> dict[str, float]:
    found = sorted(values)
    return {name: round(f, digits) for name, f in (("min", found[0]), ("median", median(found)), ("max", found[-1]))}


def compared(figure: str, unit: str, ours: list[float], peer: list[float], digits: int) -> dict[str, object]:
    ratio = round(median(ours) / median(peer), 2)
    return {"figure": figure, "unit": unit, "ours": spread(ours, digits), "peer": spread(peer, digits), "ratio": ratio}


def figures(ours: Contender, peer: Contender, others: list[Contender], target: Target) -> Iterator[dict[str, object]]:
    for contender in (ours, peer, *others):
        rate(contender, target, 300)  # warm
    rates: dict[str, list[float]] = {ours.name: [], peer.name: []}
    for contender in alternating(ours, peer):
        rates[contender.name].append(rate(contender, target))
    yield compared("webhook_rate", f"events/s, {CALLERS} callers", rates[ours.name], rates[peer.name], 0)
    late: dict[str, list[dict[str, float]]] = {ours.name: [], peer.name: []}
    for contender in alternating(ours, peer):
        late[contender.name].append(delays(contender, target))
    for name in late[ours.name][0]:
        mine, theirs = ([each[name] for each in late[contender.name]] for contender in (ours, peer))
        yield compared(f"webhook_{name}", f"ms at {PER_SECOND}/s", mine, theirs, 2)
    for contender in others:
        found = spread((rate(contender, target, 1000) for _ in range(3)), 0)
        yield {"figure": f"webhook_rate, {contender.name}", "unit": f"events/s, {CALLERS} callers", "ours": found}


@contextmanager
def measured(folder: Path) -> Iterator[tuple[Contender, Contender, list[Contender], Target]]:
    """Everything started, and ended in the end."""
    with ExitStack() as stack:
        server = stack.enter_context(Child(python("benchmarks.target"), folder / "target.txt"))
        server.wait_for("\n")
        target = Target(int(server.output))
        port = free_port()
        peer = stack.enter_context(Child(python("benchmarks.peer_fastapi", port, target.url), folder / "peer.txt"))
        peer.wait_for("running on")
        ours = []
        for name, rules in variants(target).items():
            workshop = Workshop(folder / name.replace(" ", "_"), {"rules.yaml": rules})
            stack.enter_context(workshop.daemon()).wait_for(" ready ")
            ours.append(Contender(name, workshop.hook("bench")))
        yield ours[0], Contender("peer", f"http://127.0.0.1:{port}/hook"), ours[1:], target


def variants(target: Target) -> dict[str, str]:
    """The rules of each daemon: what is compared, one run at a time, and among 99 other rules."""

    def rule(name: str, mode: str) -> str:
        return RULE.format(name=name, mode=mode, target=target.url)

    side_by_side = rule("bench", "parallel")
    others = "".join(rule(f"other_{number}", "parallel") for number in range(99))
    return {
        "parallel": side_by_side,
        "mode queued (the default)": rule("bench", "queued"),
        "one rule of 100": side_by_side + others,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, measured(Path(folder)) as everything:
        for figure in figures(*everything):
            print(json.dumps(figure), flush=True)


if __name__ == "__main__":
    main()
