"""The records of one block of a file: plain lines, which stay text until somebody asks, or rows taken apart already."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from worker.imports.dialect import Dialect

#: What JSON or PostgreSQL's COPY would have to escape. Everything else may stand in both as it is.
_ODD: Final = bytes(range(32)) + b'"\\'


def is_odd(text: str, allowed: bytes = b"") -> bool:
    """Whether the text holds control characters (but for `allowed`), double quotes, backslashes or undecoded bytes."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return True
    return len(data.translate(None, _ODD.translate(None, allowed))) != len(data)


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on: bytes and records (blank and skipped ones too) already read."""

    offset: int = 0
    row: int = 0


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that csv cannot take apart: `text` is its first line."""

    row: int
    code: str
    text: str


class Batch:
    """The records of one block. `suspect`: some text of it holds NUL or bytes that the encoding does not know.

    `plain`: no cell holds anything that `is_odd` looks for. `after` is where the next block begins.
    """

    plain = False

    def __init__(
        self,
        numbers: Sequence[int],
        rows: list[list[str]],
        broken: Sequence[Broken] = (),
        *,
        suspect: bool = False,
    ) -> None:
        self.numbers = numbers
        self.broken = list(broken)
        self.suspect = suspect
        self.after = Position()
        self._rows = rows

    @property
    def rows(self) -> list[list[str]]:
        """The cells of every record, as they stand in the file."""
        return self._rows

    def columns(self, width: int) -> list[list[str]] | None:
        """The same column by column; None where a record has not `width` cells."""
        rows = self.rows
        return list(map(list, zip(*rows, strict=True))) if set(map(len, rows)) == {width} else None

    def pick(self, wanted: Sequence[int]) -> Batch:
        """The records with these numbers, which are in order and all there."""
        chosen = set(wanted)
        rows = [row for number, row in zip(self.numbers, self.rows, strict=True) if number in chosen]
        return Batch(wanted, rows, suspect=self.suspect)

    def skip_to(self, first: int) -> None:
        """Leave out the records before `first`."""
        skip = sum(1 for number in self.numbers if number < first)
        if skip:
            self.numbers = self.numbers[skip:]
            self._cut(skip)
        self.broken = [broken for broken in self.broken if broken.row >= first]

    def _cut(self, skip: int) -> None:
        self._rows = self._rows[skip:]


class Lines(Batch):
    """Records of a line each: `text` holds no quotes, and each line ends with \\n."""

    def __init__(self, first: int, text: str, dialect: Dialect) -> None:
        super().__init__(range(first, first + text.count("\n")), [], suspect="\0" in text)
        self.plain = not is_odd(text, b"\n" + dialect.delimiter.encode())
        self._text = text
        self._dialect = dialect

    @property
    def rows(self) -> list[list[str]]:
        return self._parsed(self._text)

    def _parsed(self, text: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(text, newline=""), **self._dialect.csv_arguments()))

    def columns(self, width: int) -> list[list[str]] | None:
        # A line end as a cell of its own: if it is every (width + 1)th one, then every line has `width` cells.
        delimiter = self._dialect.delimiter
        cells = self._text.replace("\n", f"{delimiter}\n{delimiter}").split(delimiter)
        count, step = len(self.numbers), width + 1
        if len(cells) != count * step + 1:
            return None
        columns = [cells[at:-1:step] for at in range(step)]
        return columns if columns.pop().count("\n") == count else None

    def pick(self, wanted: Sequence[int]) -> Batch:
        lines = self._text.split("\n")
        text = "".join([f"{lines[self.numbers.index(number)]}\n" for number in wanted])
        return Batch(wanted, self._parsed(text), suspect=self.suspect)

    def _cut(self, skip: int) -> None:
        self._text = self._text.split("\n", skip)[skip]
