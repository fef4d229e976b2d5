"""Finds addresses that stand in more than one row, in constant memory whatever the number of rows.

An open-addressing table of 64-bit hashes in plain arrays: 12 bytes a slot, filled to two thirds at most. Beyond
PARTITION entries the hashes are split and the staged rows are read once for each part. A wrong hit needs two of n
addresses with one hash: at 10 million, a chance of one in 400,000.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

#: Entries of one part: with their slots 20 MB.
PARTITION: Final = 1_100_000
_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
RULES: Final = ("first", "last", "reject", "all")


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


class _Table:
    """hash -> ordinal, for a known number of entries."""

    def __init__(self, entries: int) -> None:
        self._size = entries * 3 // 2 + 16
        self._hashes = array("Q", [0]) * self._size
        self._ordinals = array("I", [0]) * self._size

    def put(self, key: bytes, ordinal: int) -> int:
        """Where the hash was free, take the slot and give -1; else give the slot's number."""
        hashes, size = self._hashes, self._size
        wanted = hash(key) & _MASK or 1
        at = wanted % size
        while found := hashes[at]:
            if found == wanted:
                return at
            at = at + 1 if at + 1 < size else 0
        hashes[at] = wanted
        self._ordinals[at] = ordinal
        return -1

    def get(self, key: bytes) -> int | None:
        """The ordinal kept for the key."""
        wanted = hash(key) & _MASK or 1
        at = wanted % self._size
        while found := self._hashes[at]:
            if found == wanted:
                return self._ordinals[at]
            at = at + 1 if at + 1 < self._size else 0
        return None

    def ordinal(self, slot: int) -> int:
        return self._ordinals[slot]

    def replace(self, slot: int, ordinal: int) -> None:
        self._ordinals[slot] = ordinal


class Duplicates:
    """Which rows of the file, and which records already there, are left out by `rule`.

    `base` gives the keys of the records already there (append), in their order, and can be read more than once;
    `rows` the (row number, key) of the staged rows. Blank keys (b"") are never duplicates.
    """

    def __init__(self, rule: str, base_count: int, last_row: int, entries: int) -> None:
        self._rule = rule
        self._base_count = base_count
        self._parts = max(1, -(-(entries + base_count) // PARTITION))
        self._entries = -(-(entries + base_count) // self._parts)
        self.dropped = Bitmap(last_row + 1)
        self.in_audience = Bitmap(last_row + 1)
        self.base_dropped = Bitmap(base_count + 1)
        self._table: _Table | None = None

    def find(
        self,
        base: Callable[[], Iterable[bytes]],
        rows: Callable[[], Iterator[tuple[int, bytes]]],
        keep_alive: Callable[[], None],
    ) -> None:
        """Fill the bitmaps; `keep_alive` is called now and then."""
        for part in range(self._parts):
            # Parts are even but for chance: some room more than the average.
            table = _Table(self._entries + (self._entries // 16 if self._parts > 1 else 0))
            for number, key in enumerate(base()):
                if key and self._part_of(key) == part:
                    self._meet_base(table, number, key)
                if not number % 50_000:
                    keep_alive()
            for count, (row, key) in enumerate(rows()):
                if key and self._part_of(key) == part:
                    self._meet_row(table, row, key)
                if not count % 50_000:
                    keep_alive()
            self._table = table if self._parts == 1 else None

    def _part_of(self, key: bytes) -> int:
        """By the upper bits: with all of them, a part would meet only some of the slots."""
        return (hash(key) >> 40) % self._parts if self._parts > 1 else 0

    def _meet_base(self, table: _Table, number: int, key: bytes) -> None:
        slot = table.put(key, number)
        if slot >= 0 and self._rule == "last":
            self.base_dropped.add(table.ordinal(slot))
            table.replace(slot, number)

    def _meet_row(self, table: _Table, row: int, key: bytes) -> None:
        slot = table.put(key, self._base_count + row)
        if slot < 0:
            return
        other = table.ordinal(slot)
        known = other < self._base_count
        if self._rule == "last":
            (self.base_dropped if known else self.dropped).add(other if known else other - self._base_count)
            table.replace(slot, self._base_count + row)
            return
        self.dropped.add(row)
        if known:
            self.in_audience.add(row)
        elif self._rule == "reject":
            self.dropped.add(other - self._base_count)

    def other_row(self, key: bytes) -> int | None:
        """The row that holds the same address (its first one, or with "last" the one kept), where it is known."""
        ordinal = self._table.get(key) if self._table else None
        return ordinal - self._base_count if ordinal is not None and ordinal >= self._base_count else None


def save_bitmaps(path: Path, found: Duplicates) -> None:
    """Keep what the load needs: dropped rows and dropped records, each with its length before it."""
    parts = (found.dropped.data, found.base_dropped.data)
    half_done = path.with_suffix(".new")
    half_done.write_bytes(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
    half_done.replace(path)


def load_bitmaps(path: Path) -> tuple[Bitmap, Bitmap]:
    """(dropped rows, dropped records); empty ones where nothing was kept."""
    if not path.exists():
        return Bitmap(), Bitmap()
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "big")
    return Bitmap(data=bytearray(raw[8 : 8 + length])), Bitmap(data=bytearray(raw[16 + length :]))
