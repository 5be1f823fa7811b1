"""What a power cut leaves of files: all that was synced, and any part of the rest."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.promises.tape import Disk, Entry, Removed, Said, Shortened, Synced, Tape, Wrote, entries

A, B = b"a" * 1024, b"b" * 1024


def left(folder: Path, *written: Entry) -> set[bytes]:
    """What many cuts leave of the file f."""
    disk = Disk()
    for entry in written:
        disk.take(entry)
    for seed in range(60):
        disk.cut(folder / str(seed), Random(seed))
    return {(each / "f").read_bytes() if (each / "f").exists() else b"-" for each in folder.iterdir()}


def test_what_was_synced_stays(tmp_path: Path) -> None:
    assert left(tmp_path, Wrote("f", 0, A), Wrote("f", 512, B), Synced("f")) == {A[:512] + B}


def test_of_what_was_not_synced_any_sectors_are_there(tmp_path: Path) -> None:
    half_a, half_b = A[:512], B[:512]
    found = left(tmp_path, Wrote("f", 0, A), Synced("f"), Wrote("f", 0, B), Synced("another"))
    assert found == {A, B, half_a + half_b, half_b + half_a}


def test_a_later_sector_may_be_there_without_the_one_before_it(tmp_path: Path) -> None:
    assert bytes(512) + A[:512] in left(tmp_path, Wrote("f", 0, A))


def test_a_file_is_shortened_or_not_until_that_is_synced_and_is_gone_once_it_was_removed(tmp_path: Path) -> None:
    assert left(tmp_path / "1", Wrote("f", 0, A), Synced("f"), Shortened("f", 4)) == {A, A[:4]}
    assert left(tmp_path / "2", Wrote("f", 0, A), Synced("f"), Removed("f")) == {b"-"}


def test_a_tape_is_read_up_to_where_its_writer_was_killed(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "tape")
    tape.add(Said("answered", "order-1"))
    tape.add(Wrote("f", 7, A))
    whole = (tmp_path / "tape").read_bytes()
    (tmp_path / "tape").write_bytes(whole[:-5])
    assert list(entries(tmp_path / "tape")) == [Said("answered", "order-1")]
