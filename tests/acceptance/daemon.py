"""Starts a daemon on the settings named: `python -m tests.acceptance.daemon rulewheel.yaml`."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.clock import SystemClock
from engine.daemon import serve
from engine.log import StreamLog
from engine.problem import ProblemError
from engine.settings import load_settings


def main() -> None:
    loaded = load_settings(Path(sys.argv[-1]))
    if loaded.settings is None:
        raise SystemExit("\n".join(map(str, loaded.problems)))
    try:
        serve(loaded.settings, StreamLog(SystemClock()))
    except ProblemError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
