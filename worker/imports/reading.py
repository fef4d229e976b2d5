"""Reads a file of any size record by record in blocks of constant size, and can go on at any block's end.

Record numbers are those of a spreadsheet: the first record of the file is row 1, blank lines count, a record over
several lines is one row. An unclosed quote would swallow the rest of the file without a word (csv's behaviour), so a
record may have RECORD_LINES physical lines; beyond that its first line alone is reported and the next ones are read
as records of their own.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

from worker.imports.blocks import Batch, Broken, Lines, Position
from worker.imports.dialect import Dialect

RECORD_LINES: Final = 100
BLOCK_BYTES: Final = 128 * 1024
#: A line longer than this is no line of a table.
LINE_BYTES: Final = 8 * 1024 * 1024
#: Characters of a header cell that are kept.
NAME_LENGTH: Final = 200
BYTE_ORDER_MARKS: Final = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}
#: Stands for a byte sequence that the encoding does not know: a lone surrogate, which no valid text holds.
BAD_BYTES: Final = "\udc80"


def _mark_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return BAD_BYTES, error.end
    raise error


codecs.register_error("carillon-mark", _mark_bad_bytes)


class Unreadable(Exception):
    """The file as a whole cannot be read; `message` is for the operator."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _LineCap(Exception):
    """One record took RECORD_LINES lines."""


class _Lines:
    """The lines of a block for csv.reader; asks for more only in the middle of a record, gives lines back."""

    def __init__(self, lines: list[str], more: Callable[[], list[str]]) -> None:
        self.lines = lines
        self.at = 0
        self.start = 0
        self.dry = False
        self._more = more

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        at = self.at
        if at - self.start >= RECORD_LINES:
            raise _LineCap
        if at >= len(self.lines):
            if at == self.start:
                raise StopIteration
            further = self._more()
            if not further:
                self.dry = True
                raise StopIteration
            self.lines += further
        self.at = at + 1
        return self.lines[at]

    def keep_first_line_only(self) -> str:
        """Give back all but the first line of the record in hand."""
        self.at = self.start + 1
        self.dry = False
        return self.lines[self.start].rstrip("\r\n")


class Reader:
    """Iterates over the batches of a file from a position on. Close it, or use it with `with`."""

    def __init__(
        self, path: Path, dialect: Dialect, start: Position | None = None, block_bytes: int = BLOCK_BYTES
    ) -> None:
        self._file: BinaryIO = path.open("rb")
        self._dialect = dialect
        self._arguments = dialect.csv_arguments()
        self._wide = dialect.encoding.startswith("utf-16")
        self._newline = dialect.newline.encode(dialect.encoding if self._wide else "ascii")
        self._block_bytes = block_bytes
        start = start or Position()
        self._row = start.row
        self._offset = start.offset or self._mark_length()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def _mark_length(self) -> int:
        mark = BYTE_ORDER_MARKS.get(self._dialect.encoding, b"")
        return len(mark) if mark and self._file.read(len(mark)) == mark else 0

    def __iter__(self) -> Iterator[Batch]:
        while raw := self._take(self._block_bytes, whole_block=True):
            text = self._decode(raw)
            batch = self._as_lines(text) or self._quickly(text) or self._carefully(text)
            batch.after = Position(self._offset, self._row)
            batch.skip_to(self._dialect.header_row + 1)
            yield batch

    def _take(self, size: int, *, whole_block: bool) -> bytes:
        """The bytes up to the last line end within `size` (whole_block), or up to the first one; b"" at the end."""
        raw = b""
        while True:
            self._file.seek(self._offset + len(raw))
            piece = self._file.read(size)
            raw += piece
            end = self._last_end(raw) if whole_block else self._first_end(raw)
            if end or len(piece) < size:
                break
            if len(raw) > LINE_BYTES:
                raise Unreadable("line_too_long", "A line is longer than 8 MiB. This does not look like a CSV file.")
        # A block that ends with the file needs no line end; what follows the last one of it belongs to it too.
        taken = raw[:end] if end and (len(piece) == size or not whole_block) else raw
        self._offset += len(taken)
        return taken

    def _last_end(self, raw: bytes) -> int:
        at = raw.rfind(self._newline)
        while self._wide and at > 0 and at % 2:
            at = raw.rfind(self._newline, 0, at + 1)
        return at + len(self._newline) if at >= 0 else 0

    def _first_end(self, raw: bytes) -> int:
        at = raw.find(self._newline)
        while self._wide and at > 0 and at % 2:
            at = raw.find(self._newline, at + 1)
        return at + len(self._newline) if at >= 0 else 0

    def _decode(self, raw: bytes) -> str:
        return raw.decode(self._dialect.encoding, "carillon-mark")

    def _more_lines(self) -> list[str]:
        raw = self._take(64 * 1024, whole_block=False)
        return list(io.StringIO(self._decode(raw), newline="")) if raw else []

    def _as_lines(self, text: str) -> Batch | None:
        """Without a quote in the block every line is a record; None where the block is not that plain."""
        if self._dialect.quote and self._dialect.quote in text:
            return None
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        if "\r" in text or BAD_BYTES in text or _has_long_line(text):
            return None
        if not text.endswith("\n"):
            text += "\n"
        batch = Lines(self._row + 1, text, self._dialect)
        self._row += len(batch.numbers)
        return batch

    def _quickly(self, text: str) -> Batch | None:
        """At csv's own speed, where every record is a line; None where one is not, or never ends."""
        try:
            reader = csv.reader(io.StringIO(text, newline=""), **self._arguments)
            rows = list(reader)
            if reader.line_num != len(rows):
                return None
        except csv.Error:
            return None
        if self._dialect.quote and self._dialect.quote in text and not _is_closed(text, self._arguments):
            return None
        first = self._row + 1
        self._row += len(rows)
        return Batch(range(first, first + len(rows)), rows, suspect=_is_suspect(text))

    def _carefully(self, text: str) -> Batch:
        lines = _Lines(list(io.StringIO(text, newline="")), self._more_lines)
        reader = csv.reader(lines, **self._arguments)
        numbers: list[int] = []
        rows: list[list[str]] = []
        batch = Batch(numbers, rows)
        while True:
            lines.start = lines.at
            code = ""
            row: list[str] = []
            try:
                row = next(reader)
            except StopIteration:
                break
            except _LineCap:
                code = "quote_unclosed"
            except csv.Error as error:
                code = "cell_too_long" if "limit" in str(error) else "row_unreadable"
            if lines.dry or (code and lines.at - lines.start > 1):
                code = "quote_unclosed"
            self._row += 1
            if code:
                batch.broken.append(Broken(self._row, code, lines.keep_first_line_only()))
                reader = csv.reader(lines, **self._arguments)
            else:
                numbers.append(self._row)
                rows.append(row)
        batch.suspect = _is_suspect("".join(lines.lines))
        return batch


def _has_long_line(text: str) -> bool:
    """Whether a line may be longer than a cell of csv may be (it is looked for in steps of that length)."""
    limit = csv.field_size_limit()
    at = 0
    while at + limit < len(text):
        at = text.rfind("\n", at, at + limit) + 1
        if not at:
            return True
    return False


def _is_closed(text: str, arguments: dict[str, Any]) -> bool:
    """Whether the last line is a record of its own: csv says nothing of a quote that the text's end leaves open."""
    last = text[text.rfind("\n", 0, len(text) - 1) + 1 :]
    with contextlib.suppress(csv.Error):
        return len(list(csv.reader([last], strict=True, **arguments))) == 1
    return False


def _is_suspect(text: str) -> bool:
    if "\0" in text:
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _as_name(cell: str) -> str:
    """A column's name that every page and database takes, whatever the header holds."""
    return cell.replace(BAD_BYTES, "\N{REPLACEMENT CHARACTER}").replace("\0", "").strip()[:NAME_LENGTH]


@dataclass(frozen=True, slots=True)
class Peek:
    """The top of a file: column names as the header says them (made up where it does not), and records below it."""

    header: list[str]
    rows: list[list[str]]
    has_more: bool


def peek(path: Path, dialect: Dialect, count: int) -> Peek:
    """Read the header and up to `count` records that are not blank, out of the first block of the file."""
    with Reader(path, replace(dialect, header_row=0)) as reader:
        batch = next(iter(reader), None)
        if batch is None:
            return Peek([], [], has_more=False)
        size = path.stat().st_size
    names: list[str] = []
    rows: list[list[str]] = []
    for number, row in zip(batch.numbers, batch.rows, strict=True):
        if number == dialect.header_row:
            names = [_as_name(cell) for cell in row]
        elif number > dialect.header_row and any(map(str.strip, row)):
            rows.append(row)
    if not dialect.header_row and rows:
        names = [""] * Counter(map(len, rows)).most_common(1)[0][0]
    header = [name or f"Column {index}" for index, name in enumerate(names, start=1)]
    return Peek(header, rows[:count], has_more=len(rows) > count or batch.after.offset < size)
