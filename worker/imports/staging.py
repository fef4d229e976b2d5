"""Valid rows between check and load: one line a row in PostgreSQL's COPY text format, so that COPY takes it as it is.

Fields: row number in the file, email, phone, external id, push token, variables as JSON. The file only grows; a
cursor keeps its length, and what a killed worker wrote beyond that is cut off by its successor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

NULL: Final = "\\N"
LINE: Final = "%d\t%s\t%s\t%s\t%s\t%s\n"
FIELDS: Final = ("row", "email", "phone", "external_id", "push_token", "variables")

_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_LETTERS: Final = {"t": "\t", "n": "\n", "r": "\r"}


def escape(text: str) -> str:
    """A value as it stands in the file; an empty one is NULL."""
    return text.translate(_ESCAPES) if text else NULL


def _unescape(text: str) -> str | None:
    if text == NULL:
        return None
    return _ESCAPED.sub(lambda found: _LETTERS.get(found[1], found[1]), text)


def parse_lines(lines: Sequence[bytes]) -> list[Sequence[str | None]]:
    """The five fields of each line that has lost its row number; NULL may stand in them as \\N (see `bulk`)."""
    texts = b"".join(lines).decode().split("\n")
    texts.pop()
    return [
        # Only where a backslash is more than the sign of a NULL there is something to take back.
        text.split("\t") if text.count("\\") == text.count("\\N\t") else list(map(_unescape, text.split("\t")))
        for text in texts
    ]


class StagingFile:
    """Appends lines after the first `length` bytes."""

    def __init__(self, path: Path, length: int) -> None:
        self._file = path.open("r+b" if length else "wb")
        self._file.truncate(length)
        self._file.seek(length)

    def add(self, lines: Sequence[str]) -> None:
        self._file.write("".join(lines).encode())

    def flush(self) -> int:
        """Hand everything to the operating system; the length of the file in bytes."""
        self._file.flush()
        return self._file.tell()

    def close(self) -> None:
        self._file.close()


def batches(path: Path, offset: int, size: int) -> Iterator[tuple[int, list[bytes]]]:
    """(offset after it, lines) of at most `size` lines each, from `offset` on."""
    with path.open("rb") as file:
        file.seek(offset)
        lines: list[bytes] = []
        for line in file:
            lines.append(line)
            if len(lines) == size:
                offset += sum(map(len, lines))
                yield offset, lines
                lines = []
        if lines:
            yield offset + sum(map(len, lines)), lines
