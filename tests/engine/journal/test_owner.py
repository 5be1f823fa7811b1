from __future__ import annotations

import os
from pathlib import Path

from engine.journal.owner import Owner, holder


def test_nobody_holds_a_state_that_is_not_there_or_was_let_go(tmp_path: Path) -> None:
    state = tmp_path / "journal.db"
    assert holder(state) is None
    Owner(state, "rulewheel run").release()
    assert holder(state) is None


def test_the_holder_is_named_and_looking_does_not_disturb_it(tmp_path: Path) -> None:
    state = tmp_path / "journal.db"
    owner = Owner(state, "rulewheel run")
    try:
        said = holder(state)
        assert said is not None
        assert said.startswith(f"'rulewheel run' (process {os.getpid()} on ")
        assert holder(state) == said
    finally:
        owner.release()


def test_a_holder_that_has_not_said_who_it_is_counts_too(tmp_path: Path) -> None:
    state = tmp_path / "journal.db"
    owner = Owner(state, "rulewheel run")
    try:
        state.with_name("journal.db.lock").write_text("", encoding="utf-8")
        assert holder(state) == "another process that is just starting"
    finally:
        owner.release()
