"""Millions of (hash, number) pairs in little memory: spilled to disk in parts, looked up part by part."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Set
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Final

#: Pairs that wait in memory for each part: 48 kB.
SPILL: Final = 4_096


class Buckets:
    """Pairs in `parts` parts by their hash, each part in the order of adding; on disk but for the last few.

    The hashes are this process's own (PYTHONHASHSEED): nobody can make a file of collisions.
    """

    def __init__(self, folder: Path, parts: int) -> None:
        self.parts = parts
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._hashes = [array("q") for _ in range(parts)]
        self._numbers = [array("I") for _ in range(parts)]
        self._spilled: list[list[tuple[int, int]]] = [[] for _ in range(parts)]  # (offset, pairs)

    def __enter__(self) -> Buckets:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def add(self, keys: Iterable[str], numbers: Iterable[int]) -> None:
        """Add pairs of a key's hash and a number."""
        parts = self.parts
        hash_to = [part.append for part in self._hashes]
        number_to = [part.append for part in self._numbers]
        for wanted, number in zip(map(hash, keys), numbers, strict=True):
            # By the upper bits: the lower ones choose the slot in a set.
            part = (wanted >> 40) % parts
            hash_to[part](wanted)
            number_to[part](number)
        for part, waiting in enumerate(self._numbers):
            if len(waiting) >= SPILL:
                self._spill(part)

    def _spill(self, part: int) -> None:
        self._spilled[part].append((self._file.tell(), len(self._numbers[part])))
        self._file.write(self._hashes[part].tobytes() + self._numbers[part].tobytes())
        del self._hashes[part][:], self._numbers[part][:]

    def hashes(self, part: int) -> Iterator[int]:
        """The hashes of one part, once all are added."""
        return chain.from_iterable(hashes for hashes, _ in self._pieces(part))

    def pairs(self, part: int, among: Set[int]) -> Iterator[tuple[int, int]]:
        """The pairs of one part whose hash is one of these."""
        for hashes, numbers in self._pieces(part):
            yield from [pair for pair in zip(hashes, numbers, strict=True) if pair[0] in among]

    def _pieces(self, part: int) -> Iterator[tuple[array[int], array[int]]]:
        for offset, count in self._spilled[part]:
            self._file.seek(offset)
            yield array("q", self._file.read(count * 8)), array("I", self._file.read(count * 4))
        yield self._hashes[part], self._numbers[part]
