"""kill -9 at random moments while webhooks come in and imports fail: what was lost, and what was sent twice.

Run it as `python -m benchmarks.kills --kills 200 --events 2000`; prints one line of JSON and ends with status 1 when a
promise was broken. The daemon is the real one, with a state on disk. The judges are those who take its calls: a
simulated ChakraHQ, which refuses 2 % of the messages, turns 1 % away for a while and loses 3 % of its answers, and a
web service that does the like. Two fifths of the events send a WhatsApp message, two fifths call the web service, and
one fifth names a background job that goes wrong. A fifth of the kills come while the daemon starts, another while it
stops.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.acceptance.kill_loop import KillLoop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        loop = KillLoop(Path(folder) / "house", kills=wanted.kills, events=wanted.events, seed=wanted.seed)
        report = asyncio.run(loop.run())
    print(json.dumps({"figure": "kills", **report.to_json()}), flush=True)
    sys.exit(1 if report.verdict.faults else 0)


if __name__ == "__main__":
    main()
