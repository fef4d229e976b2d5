"""The file of rejected rows: the original columns in their order, then row, code, reason and what was expected.

It opens in a spreadsheet (UTF-8 with byte order mark, cells that would run as formulas get an apostrophe), and once
repaired it can be uploaded as it is: the four columns are recognised and ignored, the apostrophes taken off.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

REJECT_COLUMNS: Final = ("_row", "_code", "_reason", "_expected")
_PHONE: Final = re.compile(r"\+\d{7,15}", re.ASCII)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_GUARDED: Final = re.compile(r"'(?=[=+\-@\t\r])")


def is_rejects_header(header: Sequence[str]) -> bool:
    """Whether a file is one of ours, given back."""
    return set(REJECT_COLUMNS) <= {name.casefold() for name in header}


def guarded(cell: str) -> str:
    """The cell with an apostrophe where a spreadsheet would run it (phone numbers stay as they are)."""
    return f"'{cell}" if cell.startswith(_FORMULA) and not _PHONE.fullmatch(cell) else cell


def unguarded(cell: str) -> str:
    """The cell without the apostrophe that `guarded` put before it."""
    return cell[1:] if _GUARDED.match(cell) else cell


class RejectsFile:
    """Appends rejected rows; `length` bytes are what a cursor keeps, so that a successor cuts off what came after."""

    def __init__(self, path: Path, header: Sequence[str], length: int) -> None:
        self._width = len(header)
        self._file = path.open("r+b" if length else "wb")
        self._file.truncate(length)
        self._file.seek(length)
        self._buffer = io.StringIO(newline="")
        self._writer = csv.writer(self._buffer)
        if not length:
            self._file.write(b"\xef\xbb\xbf")
            self._writer.writerow([*header, *REJECT_COLUMNS])

    def add(self, cells: Sequence[str], row: int, code: str, reason: str, expected: str) -> None:
        """One rejected row; missing cells are filled up, surplus ones stand after our four, so they are seen."""
        shown = [guarded(cell) for cell in cells]
        shown += [""] * (self._width - len(shown))
        self._writer.writerow([*shown[: self._width], row, code, reason, expected, *shown[self._width :]])

    def flush(self) -> int:
        """Write out what was added; the length of the file in bytes."""
        text = self._buffer.getvalue()
        if text:
            self._file.write(text.encode("utf-8", "replace"))
            self._buffer = io.StringIO(newline="")
            self._writer = csv.writer(self._buffer)
        self._file.flush()
        return self._file.tell()

    def close(self) -> None:
        self.flush()
        self._file.close()
