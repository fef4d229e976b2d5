"""Guesses how a file is to be read from its first bytes: encoding, delimiter, quoting, header row. Every guess
carries its reason, because an operator sees and corrects it.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from charset_normalizer import from_bytes

from worker.imports.dialect import DELIMITERS, ENCODINGS, Dialect
from worker.imports.reading import Unreadable

SAMPLE_BYTES: Final = 256 * 1024
#: Strict UTF-8 is tried over this much of the file: an accent may come late in a file that begins as plain ASCII.
STRICT_BYTES: Final = 64 * 1024 * 1024
_ROWS: Final = 60
_PIECE: Final = 1024 * 1024
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_NOT_TEXT: Final = (
    (
        b"PK\x03\x04",
        "excel",
        "This is an Excel workbook or another ZIP file. In Excel choose Save as, CSV UTF-8, and upload that file.",
    ),
    (b"\xd0\xcf\x11\xe0", "excel", "This is an old Excel workbook. Save it as CSV UTF-8 and upload that file."),
    (b"\x1f\x8b", "compressed", "This file is compressed (gzip). Unpack it and upload the CSV file in it."),
    (b"%PDF", "binary", "This is a PDF. Upload the table it was made from, saved as CSV."),
)
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)\r?\n?\Z", re.IGNORECASE)
_VALUE: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|\+?[\d\s().,:/-]{3,}|\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The guess, and why, by the name of the dialect's field."""

    dialect: Dialect
    reasons: dict[str, str]


def sniff_file(path: Path) -> Sniffed:
    """Guess the dialect of a file; Unreadable where it is empty or no text at all, with what to do instead."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
        _refuse_what_is_no_text(sample)
        encoding, reason = _by_mark_or_shape(sample)
        if not encoding:
            file.seek(0)
            encoding, reason = _utf8_or_older(file, sample)
    whole = path.stat().st_size <= len(sample)
    return sniff_text(_decode_sample(sample, encoding, whole=whole), encoding, reason)


def sniff_text(text: str, encoding: str = "utf-8", encoding_reason: str = "") -> Sniffed:
    """Guess delimiter, quoting and header row of decoded text (its last line may be cut off)."""
    newline = "\r" if "\r" in text and "\n" not in text else "\n"
    lines = list(io.StringIO(text, newline=""))[:_ROWS]
    reasons = {"encoding": encoding_reason}
    hint = _SEPARATOR_LINE.match(lines[0]) if lines else None
    if hint and hint[1] in DELIMITERS:
        delimiter, reasons["delimiter"] = hint[1], "the first line says sep="
        lines = lines[1:]
    else:
        hint = None
        delimiter, reasons["delimiter"] = _delimiter(lines)
    quote, reasons["quote"] = _quote(text, delimiter)
    header_row, reasons["header_row"] = _header_row(_parsed(lines, delimiter, quote))
    if hint:
        header_row = header_row + 1 if header_row else 0
    return Sniffed(Dialect(encoding, delimiter, quote, header_row, newline), reasons)


def _refuse_what_is_no_text(sample: bytes) -> None:
    if not sample.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise Unreadable("empty", "This file is empty. Export it again, then upload it.")
    for magic, code, message in _NOT_TEXT:
        if sample.startswith(magic):
            raise Unreadable(code, message)


def _by_mark_or_shape(sample: bytes) -> tuple[str, str]:
    """UTF-8 or UTF-16 by the byte order mark; UTF-16 without one by its zero bytes: every other one, near enough."""
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding, "the file begins with its byte order mark"
    top = sample[:4096]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = top[first::2].count(0), top[1 - first :: 2].count(0)
        if zeros * 2 > len(top) * 0.4 and others * 2 < len(top) * 0.05:
            return encoding, "every other byte is zero"
    if sample.count(0) > len(sample) * 0.02:
        raise Unreadable("binary", "This is not a text file. Export the table as CSV, then upload it.")
    return "", ""


def _utf8_or_older(file: BinaryIO, sample: bytes) -> tuple[str, str]:
    """Strict UTF-8 piece by piece, so that memory stays small."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    plain, at = True, 0
    while at < STRICT_BYTES and (piece := file.read(_PIECE)):
        try:
            decoder.decode(piece)
        except UnicodeDecodeError as error:
            near = sample if at == 0 else error.object[max(0, error.start - 2000) :]
            return _older(bytes(near), f"byte {at + error.start + 1} is not UTF-8")
        plain = plain and piece.isascii()
        at += len(piece)
    return "utf-8", "plain ASCII" if plain else "every byte read is valid UTF-8"


def _older(sample: bytes, place: str) -> tuple[str, str]:
    """charset-normalizer on whole lines: cut inside a character it gives up. Windows-1252 where it is not sure.

    It takes Windows-1252 for its neighbours on short samples, so those count only where it is certain (chaos 0).
    """
    cut = sample.rfind(b"\n")
    best = from_bytes(sample[: cut + 1] if cut > 0 else sample, cp_isolation=list(ENCODINGS)).best()
    if best is None:
        return "cp1252", f"{place}; the most usual encoding otherwise"
    name = codecs.lookup(best.encoding).name
    known = next((key for key in ENCODINGS if codecs.lookup(key).name == name), "cp1252")
    if known in ("utf-8", "mac-roman", "utf-16-le", "utf-16-be") or _fits_western(sample):
        known = "cp1252"
    return known, f"{place}; the letters look like {ENCODINGS[known]}"


_WESTERN: Final = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýßÀÁÂÄÅÆÇÈÉÊËÍÎÏÑÓÔÖØÚÜœŒ’‘“”–—…€£§©®°·«»¡¿ºª\xa0")


def _fits_western(sample: bytes) -> bool:
    """Whether nearly all that is not ASCII would be ordinary Western letters between ASCII ones."""
    text = sample.decode("cp1252", "replace")
    foreign = [character for character in text if character > "\x7f"]
    runs = sum(1 for _ in re.finditer(r"[^\x00-\x7f]{3,}", text))
    return bool(foreign) and sum(c in _WESTERN for c in foreign) > 0.95 * len(foreign) and runs * 20 < len(foreign)


def _decode_sample(sample: bytes, encoding: str, *, whole: bool) -> str:
    """Without the mark; a character cut by the end of the sample is left out."""
    decoder = codecs.getincrementaldecoder(encoding)("carillon-mark")
    return decoder.decode(sample, final=whole).removeprefix("\ufeff")


def _parsed(lines: Sequence[str], delimiter: str, quote: str) -> list[list[str]]:
    arguments = Dialect(delimiter=delimiter, quote=quote).csv_arguments()
    rows: list[list[str]] = []
    with contextlib.suppress(csv.Error):  # what was read up to there is enough for a guess
        rows.extend(csv.reader(lines, **arguments))
    return rows


def _delimiter(lines: Sequence[str]) -> tuple[str, str]:
    """The one that cuts most rows into the same number (at least two) of cells."""
    best, best_score, words = ",", 0.0, "there is only one column"
    for delimiter in DELIMITERS:
        widths = Counter(len(row) for row in _parsed(lines, delimiter, '"') if row)
        if not widths:
            continue
        width, rows = widths.most_common(1)[0]
        score = rows / widths.total() + min(width, 50) / 1000
        if width > 1 and score > best_score:
            best, best_score = delimiter, score
            words = f"{rows} of the first {widths.total()} rows have {width} cells"
    return best, words


def _quote(text: str, delimiter: str) -> tuple[str, str]:
    d = re.escape(delimiter)
    doubles = len(re.findall(rf'(?:^|{d})"', text, re.MULTILINE))
    singles = len(re.findall(rf"(?:^|{d})'[^'\n]*'(?=$|\r|{d})", text, re.MULTILINE))
    if singles > 2 and not doubles:
        return "'", "cells stand in single quotes"
    return '"', "cells stand in double quotes" if doubles else "nothing is quoted"


def _header_row(rows: list[list[str]]) -> tuple[int, str]:
    """The first row as wide as the others whose cells are all names and no values; 0 where there is none."""
    filled = [(number, row) for number, row in enumerate(rows, start=1) if any(cell.strip() for cell in row)]
    if not filled:
        return 1, "there is nothing else"
    width = Counter(len(row) for _, row in filled).most_common(1)[0][0]
    for number, row in filled[:5]:
        if len(row) < width:
            continue
        values = [bool(_VALUE.fullmatch(cell.strip())) for cell in row]
        if not any(values):
            return number, "its cells are names, not values"
        below = [other for at, other in filled if at > number and len(other) >= width]
        named = [column for column in range(width) if not values[column] and _mostly_values(below, column)]
        if named and not any("@" in cell for cell in row):
            return number, "it stands above the values"
        return 0, "the first row already holds values"
    return 0, "no row looks like column names"


def _mostly_values(rows: list[list[str]], column: int) -> bool:
    return bool(rows) and sum(bool(_VALUE.fullmatch(row[column].strip())) for row in rows) * 2 > len(rows)
