"""`python -m engine.cli` is `rulewheel`, for processes that start another one with the same Python."""

from __future__ import annotations

from engine.cli import main

main(prog_name="rulewheel")
