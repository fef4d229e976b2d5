"""Finds addresses that stand in more than one row, in constant memory whatever the number of rows.

Compared are 64-bit hashes of the addresses. A wrong hit needs two of n addresses with one hash: at 10 million rows, a
chance of one in 400,000.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import chain, compress
from pathlib import Path
from typing import Final

from worker.imports.hashes import Buckets
from worker.imports.staging import NULL

RULES: Final = ("first", "last", "reject", "all")
#: Entries of one part: as a set 7 MB.
PARTITION: Final = 65_536
_MOST_PARTS: Final = 256
#: Dropped rows for which it is known which other row has their address.
PAIRS: Final = 50_000


class Bitmap:
    """One bit a row."""

    def __init__(self, bits: int = 0, data: bytearray | None = None) -> None:
        self.data = bytearray(bits // 8 + 1) if data is None else data

    def add(self, at: int) -> None:
        self.data[at >> 3] |= 1 << (at & 7)

    def __contains__(self, at: int) -> bool:
        byte = at >> 3
        return byte < len(self.data) and bool(self.data[byte] >> (at & 7) & 1)

    def between(self, first: int, last: int) -> list[int]:
        """The bits of first … last that are set, in order."""
        begin = first >> 3
        bits = int.from_bytes(self.data[begin : (last >> 3) + 1], "little")
        found = []
        while bits:
            lowest = bits & -bits
            bits ^= lowest
            found.append((begin << 3) + lowest.bit_length() - 1)
        return [at for at in found if first <= at <= last]

    def any_between(self, first: int, last: int) -> bool:
        """Whether a bit of first … last is set (whole bytes: it may look at a few more)."""
        return any(self.data[first >> 3 : (last >> 3) + 1])

    def count(self) -> int:
        return int.from_bytes(self.data, "little").bit_count()


class Found:
    """What is left out: rows of the file (`dropped`; because of the audience: `in_audience`), records of the base."""

    def __init__(self, last_row: int = 0, base_count: int = 0) -> None:
        self.dropped = Bitmap(last_row + 1)
        self.in_audience = Bitmap(last_row + 1)
        self.base_dropped = Bitmap(base_count + 1)
        self.pairs = array("Q")  # dropped row << 32 | another row with its address; in order once all are found

    def drop(self, row: int, other: int) -> None:
        """Leave out a row because of another one of the file."""
        if row not in self.dropped and len(self.pairs) < PAIRS:
            self.pairs.append(row << 32 | other)
        self.dropped.add(row)

    def other_row(self, row: int) -> int | None:
        """Another row with the address of this dropped one, where it is known."""
        at = bisect_left(self.pairs, row << 32)
        known = at < len(self.pairs) and self.pairs[at] >> 32 == row
        return self.pairs[at] & 0xFFFF_FFFF if known else None

    def save(self, path: Path) -> None:
        """Keep it on disk, whole or not at all: each part with its length before it."""
        parts = (self.dropped.data, self.in_audience.data, self.base_dropped.data, self.pairs.tobytes())
        half_done = path.with_suffix(".new")
        half_done.write_bytes(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
        half_done.replace(path)

    @classmethod
    def load(cls, path: Path) -> Found:
        """What `save` kept; nothing is left out where there is no such file."""
        found = cls()
        if path.exists():
            parts = []
            with path.open("rb") as file:
                while length := file.read(8):
                    parts.append(file.read(int.from_bytes(length, "big")))
            bitmaps = [Bitmap(data=bytearray(part)) for part in parts[:3]]
            found.dropped, found.in_audience, found.base_dropped = bitmaps
            found.pairs = array("Q", parts[3])
        return found


class Finder:
    """Takes the keys of records and rows, "" or NULL where there is none, and finds those that are there twice.

    `expected` keys, about: they decide how many parts there are. `folder` holds temporary files. Close it.
    """

    def __init__(self, folder: Path, expected: int) -> None:
        parts = max(1, min(-(-expected // PARTITION), _MOST_PARTS))
        self._base, self._rows = Buckets(folder, parts), Buckets(folder, parts)

    def close(self) -> None:
        self._base.close()
        self._rows.close()

    def add_base(self, first: int, keys: Sequence[str]) -> None:
        """Records that are there already: `first` and those after it."""
        _add(self._base, keys, range(first, first + len(keys)))

    def add_rows(self, keys: Sequence[str], numbers: Sequence[int]) -> None:
        """Rows of the file, in their order."""
        _add(self._rows, keys, numbers)

    def find(self, rule: str, *, last_row: int, base_count: int, keep_alive: Callable[[], None]) -> Found:
        """Which rows of the file, and which records already there, `rule` (first, last, reject) leaves out.

        `keep_alive` is called now and then.
        """
        found = Found(last_row, base_count)
        for part in range(self._rows.parts):
            self._compare(rule, part, found)
            keep_alive()
        found.pairs = array("Q", sorted(found.pairs))
        return found

    def _compare(self, rule: str, part: int, found: Found) -> None:
        seen: set[int] = set()
        add = seen.add
        both = chain(self._base.hashes(part), self._rows.hashes(part))
        twice = {wanted for wanted in both if wanted in seen or add(wanted)}
        if not twice:
            return
        places: dict[int, int] = {}  # hash -> the record (-1 - its number) or row (its number) that is kept
        base = ((wanted, -1 - number) for wanted, number in self._base.pairs(part, twice))
        for wanted, place in chain(base, self._rows.pairs(part, twice)):
            other = places.setdefault(wanted, place)
            if other != place:
                _meet(rule, other, place, found)
                if rule == "last":
                    places[wanted] = place


def _add(buckets: Buckets, keys: Sequence[str], numbers: Sequence[int]) -> None:
    if NULL in keys or "" in keys:
        there = [key not in (NULL, "") for key in keys]
        buckets.add(compress(keys, there), compress(numbers, there))
    else:
        buckets.add(keys, numbers)


def _meet(rule: str, first: int, second: int, found: Found) -> None:
    """Two with the same address, in their order: rows of the file, or records (below 0)."""
    if rule == "last":
        if first < 0:
            found.base_dropped.add(-1 - first)
        else:
            found.drop(first, second)
    elif second < 0:
        return  # both were there before: an earlier import kept them
    elif first < 0:
        found.dropped.add(second)
        found.in_audience.add(second)
    else:
        found.drop(second, first)
        if rule == "reject":
            found.drop(first, second)
