"""How a file is to be read: what sniffing guesses, an operator corrects and every pass over the file uses."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

#: Offered to operators: Python's codec name and the words for it. None of them uses the byte 0x0A or 0x0D for
#: anything but a line end (UTF-16 apart, which `reading` cuts by two-byte units).
ENCODINGS: Final[dict[str, str]] = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16, little endian",
    "utf-16-be": "UTF-16, big endian",
    "cp1252": "Windows-1252 (Western Europe)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "iso8859-15": "ISO 8859-15 (Western Europe)",
    "mac-roman": "Mac Roman",
    "shift_jis": "Shift JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "euc_kr": "EUC-KR (Korean)",
}
DELIMITERS: Final[dict[str, str]] = {",": "Comma ,", ";": "Semicolon ;", "\t": "Tab", "|": "Vertical bar |"}
QUOTES: Final[dict[str, str]] = {'"': 'Double quotes "…"', "'": "Single quotes '…'", "": "No quotes"}
#: Rows above the header that may be skipped (titles, Excel's `sep=;` line).
HEADER_ROWS: Final = 10


@dataclass(frozen=True, slots=True)
class Dialect:
    """`header_row` counts as a spreadsheet does, 1 = the first row; 0 = there is none. Rows above it are skipped.

    `newline` is "\\n" (also for CR LF) or "\\r" for files that old Macs wrote.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    header_row: int = 1
    newline: str = "\n"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Dialect:
        """From what `to_dict` gave; unknown keys are ignored, missing ones are the defaults."""
        names = cls.__dataclass_fields__.keys()
        return cls(**{name: data[name] for name in names if name in data})

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def csv_arguments(self) -> dict[str, Any]:
        """Keyword arguments for `csv.reader`."""
        if not self.quote:
            return {"delimiter": self.delimiter, "quoting": csv.QUOTE_NONE, "quotechar": None}
        return {"delimiter": self.delimiter, "quotechar": self.quote, "doublequote": True}
