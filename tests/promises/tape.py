"""What a process wrote, synced and said, in order; and the files as a power cut at any place of it leaves them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

SECTOR = 512
"""What a disk writes whole; of a longer write any part may be there."""


class Wrote(NamedTuple):
    """Bytes that the system took for a file."""

    file: str
    at: int
    data: bytes


class Shortened(NamedTuple):
    """A file that was cut to a size."""

    file: str
    size: int


class Removed(NamedTuple):
    """A file that is no more."""

    file: str


class Synced(NamedTuple):
    """All that was written to a file by now is on the disk."""

    file: str


class Said(NamedTuple):
    """Something that left the process: of which kind, and what it was about."""

    kind: str
    what: str


Entry = Wrote | Shortened | Removed | Synced | Said


class Tape:
    """Entries as they happen, each in the file before the process goes on."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, entry: Entry) -> None:
        os.write(self._file, pickle.dumps(entry))


def entries(path: Path) -> Iterator[Entry]:
    """A tape from its beginning; what a killed process has written of its last entry counts as nothing."""
    with path.open("rb") as tape:
        while True:
            try:
                yield pickle.load(tape)
            except (EOFError, pickle.UnpicklingError):
                return


class Disk:
    """Files under entries that come one by one: what is surely on the disk, and what may or may not be."""

    def __init__(self) -> None:
        self._safe: dict[str, bytearray] = {}
        self._unsafe: dict[str, list[Wrote | Shortened]] = {}

    def take(self, entry: Entry) -> None:
        """The next entry of the tape."""
        if isinstance(entry, Wrote | Shortened):
            self._safe.setdefault(entry.file, bytearray())
            self._unsafe.setdefault(entry.file, []).append(entry)
        elif isinstance(entry, Synced):
            for written in self._unsafe.pop(entry.file, []):
                _put(self._safe[entry.file], written)
        elif isinstance(entry, Removed):
            self._safe.pop(entry.file, None)
            self._unsafe.pop(entry.file, None)

    @property
    def unsafe(self) -> int:
        """How many writes a power cut may lose now."""
        return sum(len(each) for each in self._unsafe.values())

    def cut(self, folder: Path, random: Random) -> None:
        """Writes what a power cut leaves of the files now into a folder: any sectors of what was not synced."""
        share = random.choice((0.0, 0.5, 1.0, random.random()))
        folder.mkdir(parents=True)
        for name, safe in self._safe.items():
            left = bytearray(safe)
            for written in self._unsafe.get(name, []):
                for part in _parts(written):
                    if random.random() < share:
                        _put(left, part)
            (folder / name).write_bytes(left)


def _put(file: bytearray, written: Wrote | Shortened) -> None:
    if isinstance(written, Shortened):
        del file[written.size :]
        return
    file.extend(bytes(max(0, written.at - len(file))))
    file[written.at : written.at + len(written.data)] = written.data


def _parts(written: Wrote | Shortened) -> Iterator[Wrote | Shortened]:
    if isinstance(written, Shortened):
        yield written
        return
    start = 0
    while start < len(written.data):
        end = min(len(written.data), start + SECTOR - (written.at + start) % SECTOR)
        yield Wrote(written.file, written.at + start, written.data[start:end])
        start = end
