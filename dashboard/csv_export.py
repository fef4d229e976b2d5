"""CSV files for people and machines, streamed: the one writer behind every "Export CSV" link."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from itertools import chain
from typing import Any, Final
from urllib.parse import quote

from flask import Response, stream_with_context

from dashboard.timefmt import local

#: A spreadsheet takes a cell that begins with one of these as a formula (OWASP ASVS 5.0, 1.2.10; CWE-1236).
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\0")
#: …but "+4915112345678" is a phone number, and an apostrophe before it would damage the column people need most.
_PHONE: Final = re.compile(r"\+\d{7,15}", re.ASCII)
_BYTE_ORDER_MARK: Final = "\ufeff"
#: Characters collected before they are handed to the web server: fewer, larger writes, still constant memory.
_BATCH: Final = 32_768


def stream_csv(
    filename: str, header: Sequence[str], rows: Iterable[Sequence[Any]], *, excel_safe: bool = True
) -> Response:
    """A download of `header` and `rows` (any iterable, read once, never held in memory as a whole).

    UTF-8 with byte order mark, RFC 4180 quoting and line ends. Cells: None is empty, moments are ISO 8601 with the
    offset of the zone in use, enums their value, booleans true/false. With `excel_safe` a text that a spreadsheet
    would run as a formula gets a leading apostrophe; without it values are written as they are, for machines.
    The first batch is made before the answer begins, so a query that fails gives an error page and no broken file.
    """
    batches = _batches(header, rows, excel_safe=excel_safe)
    body = chain([next(batches)], batches)
    response = Response(stream_with_context(body), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", **_file_name(filename))
    response.headers["Cache-Control"] = "no-store"
    return response


def cell(value: Any, *, excel_safe: bool = True) -> str:
    """The text of one cell, as `stream_csv` describes it."""
    if isinstance(value, Enum):
        value = value.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return local(value).isoformat(timespec="milliseconds")
    text = str(value)
    if excel_safe and isinstance(value, str) and text.startswith(FORMULA_STARTS) and not _PHONE.fullmatch(text):
        return f"'{text}"
    return text


def _file_name(name: str) -> dict[str, str]:
    """The name for the header; one beyond ASCII also in the form that RFC 5987 gives it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return {"filename": name} if plain == name else {"filename": plain, "filename*": f"UTF-8''{quote(name)}"}


def _batches(header: Sequence[str], rows: Iterable[Sequence[Any]], *, excel_safe: bool) -> Iterator[str]:
    buffer = io.StringIO(newline="")
    buffer.write(_BYTE_ORDER_MARK)
    writer = csv.writer(buffer)
    writer.writerow([cell(name, excel_safe=excel_safe) for name in header])
    for row in rows:
        writer.writerow([cell(value, excel_safe=excel_safe) for value in row])
        if buffer.tell() >= _BATCH:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
