"""Valid rows between check and load: blocks of columns in PostgreSQL's COPY text format, so nothing is parsed twice.

A block is a line of seven numbers (rows, then the bytes of each part) and its parts: the row numbers in the file (the
first one alone where they follow each other) and the fields, values of one column with \\n between them. A field that
is NULL in every row has no bytes. The file only grows; a cursor keeps its length, and what a killed worker wrote beyond
that is cut off by its successor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Final, NamedTuple

from worker.imports.blocks import is_odd

NULL: Final = "\\N"
FIELDS: Final = ("email", "phone", "external_id", "push_token", "variables")
#: One row's values by FIELDS, as COPY text.
Fields = tuple[str, ...]

_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_LETTERS: Final = {"t": "\t", "n": "\n", "r": "\r"}


def escape(text: str) -> str:
    """A value as it stands in the file; an empty one is NULL."""
    return text.translate(_ESCAPES) if text else NULL


def escaped(values: list[str]) -> list[str]:
    """The same for a column."""
    if is_odd("".join(values)):
        return list(map(escape, values))
    return [value or NULL for value in values] if "" in values else values


def unescaped(column: str) -> list[str | None]:
    """The values of a column as the database has them."""
    values: list[str | None] = column.split("\n")  # type: ignore[assignment]
    return [_unescape(value) if value and "\\" in value else value for value in values] if "\\" in column else values


def _unescape(text: str) -> str | None:
    if text == NULL:
        return None
    return _ESCAPED.sub(lambda found: _LETTERS.get(found[1], found[1]), text)


@dataclass(slots=True)
class Rows:
    """Valid rows: their numbers in the file, and each field as a text with \\n between values; None: all are NULL."""

    numbers: Sequence[int] = ()
    columns: tuple[str | None, ...] = (None,) * len(FIELDS)

    def __len__(self) -> int:
        return len(self.numbers)

    def values(self, field: str) -> list[str] | None:
        """One field of every row, as COPY text; None where all are NULL."""
        column = self.columns[FIELDS.index(field)]
        return None if column is None else column.split("\n")

    def part(self, first: int, last: int) -> Rows:
        """The rows from place `first` on, before place `last`."""
        if not first and last >= len(self):
            return self
        columns = [None if column is None else "\n".join(column.split("\n")[first:last]) for column in self.columns]
        return Rows(self.numbers[first:last], tuple(columns))

    def without(self, dropped: Iterable[int]) -> Rows:
        """The rows but for those with these numbers."""
        gone = set(dropped)
        if not gone:
            return self
        kept = [number not in gone for number in self.numbers]
        if not any(kept):
            return Rows()
        columns = [None if text is None else "\n".join(compress(text.split("\n"), kept)) for text in self.columns]
        return Rows(list(compress(self.numbers, kept)), tuple(columns))

    def joined(self, more: Sequence[tuple[int, Fields]]) -> Rows:
        """These rows and others (number, fields), in the order of their numbers."""
        if not more:
            return self
        numbers = [*self.numbers, *(number for number, _ in more)]
        order = sorted(range(len(numbers)), key=numbers.__getitem__)
        columns: list[str | None] = []
        for at, text in enumerate(self.columns):
            old = [NULL] * len(self) if text is None else text.split("\n")
            values = old[: len(self)] + [fields[at] for _, fields in more]
            columns.append("\n".join([values[place] for place in order]) if set(values) != {NULL} else None)
        return Rows([numbers[place] for place in order], tuple(columns))


class Place(NamedTuple):
    """How far a reader is: bytes of whole blocks, and rows of the block that follows."""

    offset: int = 0
    taken: int = 0


class StagingFile:
    """Appends blocks after the first `length` bytes."""

    def __init__(self, path: Path, length: int) -> None:
        self._file = path.open("r+b" if length else "wb")
        self._file.truncate(length)
        self._file.seek(length)

    def add(self, rows: Rows) -> None:
        if not rows:
            return
        first, last = rows.numbers[0], rows.numbers[-1]
        in_turn = last - first + 1 == len(rows)
        parts = [str(first) if in_turn else "\n".join(map(str, rows.numbers)), *[text or "" for text in rows.columns]]
        data = [part.encode() for part in parts]
        self._file.write(b"%d %d %d %d %d %d %d\n" % (len(rows), *map(len, data)))
        self._file.writelines(data)

    def flush(self) -> int:
        """Hand everything to the operating system; the length of the file in bytes."""
        self._file.flush()
        return self._file.tell()

    def close(self) -> None:
        self._file.close()


def blocks(path: Path, offset: int = 0) -> Iterator[tuple[int, Rows]]:
    """(offset after it, rows) of each block from `offset` on."""
    with path.open("rb") as file:
        file.seek(offset)
        while head := file.readline():
            count, *lengths = map(int, head.split())
            numbers, *columns = [file.read(length).decode() for length in lengths]
            first, *others = map(int, numbers.split("\n"))
            rows = [first, *others] if others else range(first, first + count)
            yield file.tell(), Rows(rows, tuple(text or None for text in columns))


def batches(path: Path, place: Place, size: int) -> Iterator[tuple[Place, list[Rows]]]:
    """(where to go on, blocks) with at most `size` rows together, from a place on; longer blocks are cut in parts."""
    held: list[Rows] = []
    count, taken = 0, place.taken
    before = place.offset
    for after, rows in blocks(path, place.offset):
        if count + len(rows) - taken > size and held:
            yield Place(before), held
            held, count = [], 0
        while len(rows) - taken > size:
            yield Place(before, taken + size), [rows.part(taken, taken + size)]
            taken += size
        held.append(rows.part(taken, len(rows)))
        count += len(held[-1])
        before, taken = after, 0
    if held:
        yield Place(before), held
