from __future__ import annotations

import stat
from pathlib import Path

from engine.web.key import FILE, put_key, webhook_key


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    made = webhook_key(tmp_path / "state")
    assert webhook_key(tmp_path / "state") == made
    assert len(made) == 32
    assert stat.S_IMODE((tmp_path / "state" / FILE).stat().st_mode) == 0o600
    assert [found.name for found in (tmp_path / "state").iterdir()] == [FILE]


def test_a_key_that_is_put_back_takes_the_place_of_another_which_is_kept(tmp_path: Path) -> None:
    put_key(tmp_path, b"a" * 32)
    put_key(tmp_path, b"a" * 32)
    assert [found.name for found in tmp_path.iterdir()] == [FILE]
    put_key(tmp_path, b"b" * 32)
    assert webhook_key(tmp_path) == b"b" * 32
    (kept,) = [found for found in tmp_path.iterdir() if found.name != FILE]
    assert kept.read_bytes() == b"a" * 32
    assert {stat.S_IMODE(found.stat().st_mode) for found in tmp_path.iterdir()} == {0o600}
