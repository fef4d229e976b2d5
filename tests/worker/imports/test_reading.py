"""Files are read in blocks and from any block's end on, and odd ones are reported instead of swallowed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.imports.dialect import Dialect
from worker.imports.reading import RECORD_LINES, Position, Reader, Unreadable, peek

PLAIN = Dialect(header_row=0)


def read(path: Path, dialect: Dialect = PLAIN, start: Position | None = None, block: int = 64) -> list[list[str]]:
    with Reader(path, dialect, start, block) as reader:
        return [row for batch in reader for row in batch.rows]


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


_CELLS = st.text(st.sampled_from('ab"\n,; é😀\r'), max_size=9)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(_CELLS, min_size=1, max_size=4), min_size=1, max_size=25),
    block=st.integers(4, 120),
    codec=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
)
def test_blocks_of_any_size_give_what_csv_gives(tmp_path: Path, rows: list[list[str]], block: int, codec: str) -> None:
    """Quotes, line breaks in cells and characters of any width, cut anywhere; and going on at every block's end."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    expected = list(csv.reader(io.StringIO(buffer.getvalue(), newline="")))
    path = written(tmp_path / "x.csv", buffer.getvalue().encode(codec))
    dialect = Dialect(encoding=codec, header_row=0)
    with Reader(path, dialect, None, block) as reader:
        batches = list(reader)
    assert [row for batch in batches for row in batch.rows] == expected
    assert [number for batch in batches for number in batch.numbers] == list(range(1, len(expected) + 1))
    for index, batch in enumerate(batches):
        rest = [row for later in batches[index + 1 :] for row in later.rows]
        assert read(path, dialect, batch.after, block) == rest


class Careful(Reader):
    """Takes every block apart record by record."""

    def _as_lines(self, text: str) -> None:
        return None

    def _quickly(self, text: str) -> None:
        return None


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.sampled_from('ab"\n\n,,\r\0é'), max_size=60),
    block=st.integers(4, 70),
    header_row=st.integers(0, 3),
    quote=st.sampled_from(['"', "'", ""]),
)
def test_the_quick_ways_give_what_the_careful_one_gives(
    tmp_path: Path, text: str, block: int, header_row: int, quote: str
) -> None:
    path = written(tmp_path / "x.csv", text)
    dialect = Dialect(header_row=header_row, quote=quote)

    def found(kind: type[Reader]) -> list[tuple[object, ...]]:
        with kind(path, dialect, None, block) as reader:
            batches = list(reader)
        for batch in batches:
            if batch.numbers:
                as_columns = list(map(list, zip(*batch.rows, strict=False)))
                assert batch.columns(2) == (as_columns if set(map(len, batch.rows)) == {2} else None)
            picked = batch.pick(batch.numbers[::2])
            assert (list(picked.numbers), picked.rows) == (list(batch.numbers[::2]), batch.rows[::2])
        return [(list(b.numbers), b.rows, b.broken, b.after, b.suspect) for b in batches]

    assert found(Reader) == found(Careful)


def test_the_header_and_the_rows_above_it_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "title\n\nemail,name\na,b\n\nc,d\n")
    with Reader(path, Dialect(header_row=3)) as reader:
        batch = next(iter(reader))
    assert list(batch.numbers) == [4, 5, 6]
    assert batch.rows == [["a", "b"], [], ["c", "d"]]


def test_an_unclosed_quote_costs_its_own_row_only(tmp_path: Path) -> None:
    lines = [f"a{n}@example.com,Name{n}\n" for n in range(300)]
    lines[10] = 'broken@example.com,"Name\n'
    path = written(tmp_path / "x.csv", "".join(lines))
    with Reader(path, PLAIN, None, 500) as reader:
        batches = list(reader)
    broken = [item for batch in batches for item in batch.broken]
    assert [(item.row, item.code, item.text) for item in broken] == [(11, "quote_unclosed", 'broken@example.com,"Name')]
    assert sum(len(batch.rows) for batch in batches) == 299


def test_a_quote_left_open_at_the_end_is_reported(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", 'a,b\nc,"d\ne,f\n')
    with Reader(path, PLAIN) as reader:
        batch = next(iter(reader))
    assert batch.rows == [["a", "b"], ["e", "f"]]
    assert [(item.row, item.code) for item in batch.broken] == [(2, "quote_unclosed")]


def test_a_cell_of_many_lines_is_one_row(tmp_path: Path) -> None:
    cell = "\n".join(["line"] * (RECORD_LINES - 2))
    path = written(tmp_path / "x.csv", f'a,"{cell}"\nb,c\n')
    assert read(path) == [["a", cell], ["b", "c"]]


def test_without_quotes_every_line_is_a_row(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", 'a,"b\nc,d"\n')
    assert read(path, Dialect(header_row=0, quote="")) == [["a", '"b'], ["c", 'd"']]


def test_a_cell_beyond_the_limit_of_csv_is_one_broken_row(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", f"a,{'x' * 140_000}\nb,c\n")
    with Reader(path, PLAIN) as reader:
        batch = next(iter(reader))
    assert batch.rows == [["b", "c"]]
    assert batch.broken[0].code == "cell_too_long"


@pytest.mark.parametrize(
    ("content", "codec"),
    [
        (b"a\0b,c\n", "utf-8"),
        (b"a\xffb,c\n", "utf-8"),
        (b"a\x81b,c\n", "cp1252"),
        ("ab,c\n".encode("utf-16-le") + b"\x00\xd8a\x00\n\x00", "utf-16-le"),
        ("ab,c\n".encode("utf-16-le") + b"x", "utf-16-le"),
    ],
)
def test_doubtful_characters_are_pointed_out(tmp_path: Path, content: bytes, codec: str) -> None:
    path = written(tmp_path / "x.csv", content)
    with Reader(path, Dialect(encoding=codec, header_row=0)) as reader:
        assert next(iter(reader)).suspect


def test_a_line_without_end_is_no_table(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", b"x" * (9 * 1024 * 1024))
    with pytest.raises(Unreadable, match="longer than 8 MiB"):
        read(path, block=1 << 20)


def test_lines_of_old_macs(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "a,b\rc,d\re,f")
    assert read(path, Dialect(header_row=0, newline="\r"), block=5) == [["a", "b"], ["c", "d"], ["e", "f"]]


def test_a_peek_makes_up_missing_names(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "email,,name\na,b,c\n")
    assert peek(path, Dialect(), 5).header == ["email", "Column 2", "name"]
    assert peek(path, PLAIN, 5).header == ["Column 1", "Column 2", "Column 3"]


def test_a_peek_says_whether_there_is_more(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "email\n" + "a\n" * 7)
    assert peek(path, Dialect(), 7).has_more is False
    assert peek(path, Dialect(), 6).has_more is True


def test_header_cells_are_fit_for_every_page(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", b"em\x81il\0," + b"y" * 300 + b"\na,b\n")
    header = peek(path, Dialect(encoding="cp1252"), 1).header
    assert header == ["em\N{REPLACEMENT CHARACTER}il", "y" * 200]
