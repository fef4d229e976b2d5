"""Finds addresses that stand in more than one row, in constant memory whatever the number of rows.

Compared are 64-bit hashes of the addresses. A wrong hit needs two of n addresses with one hash: at 10 million rows, a
chance of one in 400,000.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from worker.imports.hashes import Buckets, Table, hash_of

RULES: Final = ("first", "last", "reject", "all")
#: Entries of one part: with their slots 10 MB.
PARTITION: Final = 550_000
#: Dropped rows for which it is known which other row has their address.
PAIRS: Final = 50_000
_STEP: Final = 50_000


class Bitmap:
    """One bit a row."""

    def __init__(self, bits: int = 0, data: bytearray | None = None) -> None:
        self.data = bytearray(bits // 8 + 1) if data is None else data

    def add(self, at: int) -> None:
        self.data[at >> 3] |= 1 << (at & 7)

    def __contains__(self, at: int) -> bool:
        byte = at >> 3
        return byte < len(self.data) and bool(self.data[byte] >> (at & 7) & 1)

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


def find_duplicates(
    *,
    rule: str,
    base: Iterable[bytes],
    base_count: int,
    rows: Iterable[tuple[int, bytes]],
    row_count: int,
    last_row: int,
    folder: Path,
    keep_alive: Callable[[], None],
) -> Found:
    """Which rows of the file, and which records already there, `rule` (first, last, reject) leaves out.

    `base` are the keys of the records already there (append), in their order; `rows` (row number, key) of the staged
    rows. Blank keys (b"") are no duplicates. `keep_alive` is called now and then; `folder` holds a temporary file.
    """
    found = Found(last_row, base_count)
    parts = max(1, -(-(base_count + row_count) // PARTITION))
    with Buckets(folder, parts) as buckets:
        for number, key in enumerate(base):
            if key:
                buckets.add(hash_of(key), number)
            if not number % _STEP:
                keep_alive()
        for count, (row, key) in enumerate(rows):
            if key:
                buckets.add(hash_of(key), base_count + row)
            if not count % _STEP:
                keep_alive()
        for part in range(parts):
            _compare(rule, buckets, part, base_count, found)
            keep_alive()
    found.pairs = array("Q", sorted(found.pairs))
    return found


def _compare(rule: str, buckets: Buckets, part: int, base_count: int, found: Found) -> None:
    """One part, in the order of base and file: numbers below `base_count` are records, the others rows."""
    table = Table(buckets.length(part))
    put, numbers = table.put, table.numbers
    for wanted, number in buckets.pairs(part):
        slot = put(wanted, number)
        if slot < 0:
            continue
        first = numbers[slot]
        if rule == "last":
            numbers[slot] = number
        _meet(rule, first, number, base_count, found)


def _meet(rule: str, first: int, second: int, base_count: int, found: Found) -> None:
    """Two with the same address, in their order."""
    row, other = second - base_count, first - base_count
    if rule == "last":
        if other < 0:
            found.base_dropped.add(first)
        else:
            found.drop(other, row)
    elif row < 0:
        return  # both were there before: an earlier import kept them
    elif other < 0:
        found.dropped.add(row)
        found.in_audience.add(row)
    else:
        found.drop(row, other)
        if rule == "reject":
            found.drop(other, row)
