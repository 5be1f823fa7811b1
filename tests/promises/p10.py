"""P10, only what surely did not happen is tried again: the table of outcomes over real sockets."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from tests.acceptance.process import ROOT
from tests.promises.figure import Figure, Stopwatch

TESTS = "tests/connections/test_promise_p10.py"
SHORT = "each_of_its_bytes"
"""`make test` runs the whole of it by itself; here these stand for it."""


def run(long: bool, *, defended: bool = True) -> Figure:
    """Requests that were made again though they may have happened, and tests that did not go as the table says."""
    watch = Stopwatch()
    chosen = [] if long else ["-k", SHORT]
    switch = [] if defended else ["-p", "tests.promises.repeats"]
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", *switch, *chosen, TESTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = re.search(r"^[.F]*(\{.*\})$", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    told = json.loads(found[1])
    again = told["retried_though_it_may_have_happened"] + told["seen_minus_made"] + told["seen_twice"]
    note = "made again though it may have happened" + ("" if done.returncode == 0 else "; tests failed")
    return Figure("P10", told["cases"], again + (done.returncode != 0), watch.seconds, note=note)
