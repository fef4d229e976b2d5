"""How a file is read is guessed right for what spreadsheets, databases and old machines write."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.imports.dialect import DELIMITERS, Dialect
from worker.imports.reading import Unreadable, peek
from worker.imports.sniffing import sniff_file, sniff_text

WESTERN = "email;name;city\n" + "".join(f"a{n}@example.com;Jürgen Müßig;Köln\n" for n in range(40))
CYRILLIC = "email,имя\n" + "".join(f"a{n}@example.com,Наталья Иванова\n" for n in range(40))


def sniff(tmp_path: Path, content: bytes) -> Dialect:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    return sniff_file(path).dialect


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
    ],
)
def test_the_encoding_is_found_and_the_text_is_whole(tmp_path: Path, codec: str, expected: str) -> None:
    dialect = sniff(tmp_path, WESTERN.encode(codec))
    top = peek(tmp_path / "file.csv", dialect, 5)
    assert dialect.encoding == expected
    assert top.header == ["email", "name", "city"]
    assert top.rows[0] == ["a0@example.com", "Jürgen Müßig", "Köln"]


def test_big_endian_with_its_mark(tmp_path: Path) -> None:
    dialect = sniff(tmp_path, b"\xfe\xff" + WESTERN.encode("utf-16-be"))
    assert dialect.encoding == "utf-16-be"
    assert peek(tmp_path / "file.csv", dialect, 1).header[0] == "email"


@pytest.mark.parametrize(("codec", "text"), [("cp1251", CYRILLIC), ("shift_jis", CYRILLIC.replace("Наталья", "山田"))])
def test_other_encodings_come_from_the_letters(tmp_path: Path, codec: str, text: str) -> None:
    assert sniff(tmp_path, text.encode(codec)).encoding == codec


def test_an_accent_far_down_still_tells_that_it_is_not_utf8(tmp_path: Path) -> None:
    plain = b"email,name\n" + b"a@example.com,Bo\n" * 40_000
    assert sniff(tmp_path, plain + "b@example.com,Jürgen\n".encode("cp1252")).encoding == "cp1252"
    assert sniff(tmp_path, plain + "b@example.com,Jürgen\n".encode()).encoding == "utf-8"


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_is_refused_with_words(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Unreadable, match="empty") as refused:
        sniff(tmp_path, content)
    assert refused.value.code == "empty"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel"),
        (b"\x1f\x8b\x08rest", "compressed"),
        (b"%PDF-1.7 x", "PDF"),
        (bytes(range(256)) * 20 + bytes(500), "not a text file"),
    ],
)
def test_what_is_no_text_is_refused_with_the_next_step(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        sniff(tmp_path, content)


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("email;amount\na@example.com;1,50\nb@example.com;2,75\n", ";"),
        ("email\tname\na@example.com\tBo, Li\n", "\t"),
        ("email|name\na@example.com|Bo; Li\n", "|"),
        ("email\na@example.com\n", ","),
        ('email,note\na@example.com,"one; two; three"\nb@example.com,"four; five"\n', ","),
    ],
)
def test_the_delimiter_is_the_one_that_cuts_evenly(text: str, delimiter: str) -> None:
    assert sniff_text(text).dialect.delimiter == delimiter


@pytest.mark.parametrize(
    ("text", "header_row"),
    [
        ("email,name\na@example.com,Bo\n", 1),
        ("a@example.com,Bo\nb@example.com,Li\n", 0),
        ("email,2024\na@example.com,12\nb@example.com,7\n", 1),
        ("9876543210\n9876543211\n", 0),
        ("Customers of 2026\n\nemail,name\na@example.com,Bo\nb@example.com,Li\n", 3),
        ("sep=;\nemail;name\na@example.com;Bo\n", 2),
        ("email\n", 1),
    ],
)
def test_the_header_row_is_found(text: str, header_row: int) -> None:
    assert sniff_text(text).dialect.header_row == header_row


def test_single_quotes_and_old_mac_lines() -> None:
    quoted = "email,name\n" + "".join(f"'a{n}@example.com','Bo, Li'\n" for n in range(5))
    assert sniff_text(quoted).dialect.quote == "'"
    mac = sniff_text("email\tname\ra@example.com\tBo\rb@example.com\tLi\r").dialect
    assert (mac.newline, mac.delimiter) == ("\r", "\t")


_NAMES = st.text("abcdefghij_", min_size=1, max_size=8)
_VALUES = st.text("abcxyzäöü ,;|0123456789'", min_size=1, max_size=12).filter(lambda text: text.strip() == text)


@settings(max_examples=60, deadline=None)
@given(
    header=st.lists(_NAMES, min_size=1, max_size=4, unique=True),
    values=st.lists(st.lists(_VALUES, min_size=4, max_size=4), min_size=4, max_size=12),
    delimiter=st.sampled_from(sorted(DELIMITERS)),
)
def test_what_a_csv_writer_wrote_is_read_back(header: list[str], values: list[list[str]], delimiter: str) -> None:
    """Fully quoted cells, any delimiter: the guess reads the same table that was written."""
    rows = [[f"p{n}@example.com", *row[: len(header)]] for n, row in enumerate(values)]
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["email", *header], *rows])
    dialect = sniff_text(buffer.getvalue()).dialect
    assert (dialect.delimiter, dialect.quote, dialect.header_row) == (delimiter, '"', 1)
