"""Millions of (hash, number) pairs in little memory: spilled to disk in parts, looked up part by part."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from mmap import mmap
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Final

#: Pairs that wait in memory for each part: 100 kB.
SPILL: Final = 8_192
_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
_SIZE: Final = 8 + 4


def hash_of(key: bytes) -> int:
    """A 64-bit hash that is not 0. It is this process's own (PYTHONHASHSEED): nobody can make a file of collisions."""
    return hash(key) & _MASK or 1


class Buckets:
    """Pairs in `parts` parts by their hash, each part in the order of adding; on disk but for the last few."""

    def __init__(self, folder: Path, parts: int) -> None:
        self._parts = parts
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._hashes = [array("Q") for _ in range(parts)]
        self._numbers = [array("I") for _ in range(parts)]
        self._spilled: list[list[int]] = [[] for _ in range(parts)]

    def __enter__(self) -> Buckets:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, wanted: int, number: int) -> None:
        # By the upper bits: the lower ones choose the slot in a table.
        part = (wanted >> 40) % self._parts
        self._hashes[part].append(wanted)
        self._numbers[part].append(number)
        if len(self._numbers[part]) >= SPILL:
            self._spill(part)

    def _spill(self, part: int) -> None:
        self._spilled[part].append(self._file.tell())
        self._file.write(self._hashes[part].tobytes() + self._numbers[part].tobytes())
        del self._hashes[part][:], self._numbers[part][:]

    def length(self, part: int) -> int:
        return len(self._spilled[part]) * SPILL + len(self._numbers[part])

    def pairs(self, part: int) -> Iterator[tuple[int, int]]:
        """The pairs of one part, once all are added."""
        for offset in self._spilled[part]:
            self._file.seek(offset)
            raw = self._file.read(SPILL * _SIZE)
            yield from zip(array("Q", raw[: SPILL * 8]), array("I", raw[SPILL * 8 :]), strict=True)
        yield from zip(self._hashes[part], self._numbers[part], strict=True)


class Table:
    """hash -> number for a known number of entries, with open addressing: 12 bytes a slot, two thirds filled."""

    def __init__(self, entries: int) -> None:
        self._size = entries * 3 // 2 + 16
        # Pages of their own: the system has them back at once, where an array's would stay with the process.
        self._hashes = memoryview(mmap(-1, 8 * self._size)).cast("Q")
        self.numbers = memoryview(mmap(-1, 4 * self._size)).cast("I")

    def put(self, wanted: int, number: int) -> int:
        """Where the hash is new, keep its number and give -1; else give the slot of the one that was there first."""
        hashes, size = self._hashes, self._size
        at = wanted % size
        while found := hashes[at]:
            if found == wanted:
                return at
            at = at + 1 if at + 1 < size else 0
        hashes[at] = wanted
        self.numbers[at] = number
        return -1
