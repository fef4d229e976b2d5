"""The fast way through a batch and the careful one agree, and every reason for a reject is met."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.imports.blocks import Batch, Broken, Lines
from worker.imports.dialect import Dialect
from worker.imports.mapping import Column
from worker.imports.reading import BAD_BYTES
from worker.imports.rows import Checked, RowChecker
from worker.imports.staging import FIELDS, unescaped

COLUMNS = [
    Column("email", "email"),
    Column("phone", "phone"),
    Column("id", "external_id"),
    Column("name", "variable", "name"),
    Column("note", "ignore"),
    Column("city", "variable", "city"),
]


def check(rows: list[list[str]], columns: list[Column] = COLUMNS, **more: bool) -> Checked:
    return RowChecker(columns, country="IN").check(Batch(range(2, len(rows) + 2), rows, **more))


def table(checked: Checked) -> list[tuple[int, list[str | None]]]:
    """(row number, values by FIELDS) of the valid rows."""
    rows = checked.rows
    columns = [[None] * len(rows) if text is None else unescaped(text) for text in rows.columns]
    return [(number, list(values)) for number, *values in zip(rows.numbers, *columns, strict=True)]


def record(checked: Checked) -> list[str | None]:
    return table(checked)[0][1]


def test_a_plain_row_becomes_a_record() -> None:
    checked = check([[" Mira@Example.com ", "98765 43210", "C1", 'Mi"ra\\', "x", "Köln\tPune"]])
    assert list(checked.rows.numbers) == [2]
    email, phone, external, push, variables = record(checked)
    assert (email, phone, external, push) == ("mira@example.com", "+919876543210", "C1", None)
    assert json.loads(variables or "") == {"name": 'Mi"ra\\', "city": "Köln\tPune"}
    assert checked.filled == [1, 1, 1, 1, 0, 1]


def test_blank_values_are_missing_and_blank_rows_are_skipped() -> None:
    checked = check([["a@example.com", "", "", " ", "", "Pune"], ["", " ", "", "", "", ""], []])
    assert json.loads(record(checked)[4] or "") == {"city": "Pune"}
    assert checked.blank == 2
    assert checked.filled == [1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        (["", "", "C1", "Bo", "", ""], "address_missing", ""),
        (["bo@", "", "", "Bo", "", ""], "email_invalid", "email"),
        (["a@example.com", "12", "", "Bo", "", ""], "phone_invalid", "phone"),
        (["a@example.com", "", "x" * 201, "Bo", "", ""], "external_id_too_long", "id"),
        (["a@example.com", "", "", "Bo"], "too_few_cells", ""),
        (["a@example.com", "", "", "Bo", "", "", "more"], "too_many_cells", ""),
        (["a@example.com", "", "", "B\0o", "", ""], "nul_byte", "name"),
        (["a@example.com", "", "", f"B{BAD_BYTES}", "", ""], "bad_encoding", "name"),
    ],
)
def test_every_reason(row: list[str], code: str, column: str) -> None:
    checked = check([["b@example.com", "", "", "Li", "", ""], row], suspect=True)
    assert len(checked.rows) == 1
    assert [(reject.row, reject.code, reject.column) for reject in checked.rejects] == [(3, code, column)]
    assert checked.filled == [1, 0, 0, 1, 0, 0]


def test_one_address_column_is_named_when_it_is_blank() -> None:
    columns = [Column("an", "email"), Column("id", "ignore")]
    assert [(reject.code, reject.column) for reject in check([["", "7"]], columns).rejects] == [("email_missing", "an")]


def test_blank_cells_beyond_the_header_do_no_harm() -> None:
    assert len(check([["a@example.com", "", "", "", "", "", "", " "]]).rows) == 1


def test_broken_records_are_rejected_with_their_text() -> None:
    batch = Batch([3], [["a@example.com", "", "", "", "", ""]], [Broken(2, "quote_unclosed", 'x,"y')])
    checked = RowChecker(COLUMNS, country="IN").check(batch)
    assert [(reject.row, reject.code, list(reject.cells)) for reject in checked.rejects] == [
        (2, "quote_unclosed", ['x,"y'])
    ]


_EMAILS = st.sampled_from(
    ["a@example.com", "B@Example.com", "bad", "", " c@example.org ", "ü@x.example", "d@host.test", "two\nlines@x.com"]
)
_PHONES = st.sampled_from(["", "9876543210", "+49 151 23456789", "12", "9.1E+9", "+1 202 555 0199"])
_TEXTS = st.sampled_from(
    [
        "",
        "Bo",
        ' "x" ',
        "a\\b",
        "\t",
        "é😀",
        "line\nbreak",
        "NULL",
        "\\N",
        'city":"",',
        '"name":""',
        ",",
        "{}",
        "\u2028",
        "\x7f",
    ]
)
_ROWS = st.lists(st.tuples(_EMAILS, _PHONES, _TEXTS, _TEXTS, _TEXTS, _TEXTS).map(list), min_size=1, max_size=40)
_USED = st.sets(st.integers(0, 5))


def mapped(used: set[int], first: int) -> list[Column]:
    return [
        column if index in used or index == first else replace(column, target="ignore")
        for index, column in enumerate(COLUMNS)
    ]


def assert_as_row_by_row(fast: Checked, rows: list[list[str]], columns: list[Column]) -> None:
    kept: list[tuple[int, list[str | None]]] = []
    rejects = []
    blank, filled = 0, [0] * 6
    for number, row in enumerate(rows, start=2):
        # A surplus blank cell keeps a row out of the fast way and changes nothing else.
        one = RowChecker(columns, country="IN").check(Batch([number], [[*row, ""]]))
        kept += table(one)
        rejects += one.rejects
        blank += one.blank
        filled = [a + b for a, b in zip(filled, one.filled, strict=True)]
    assert table(fast) == kept
    assert [(r.row, r.code, r.column, r.value) for r in fast.rejects] == [
        (r.row, r.code, r.column, r.value) for r in rejects
    ]
    assert (fast.blank, fast.filled) == (blank, filled)
    assert len(fast.rows) + len(fast.rejects) + fast.blank == len(rows)


@settings(max_examples=200, deadline=None)
@given(rows=_ROWS, used=_USED, first=st.sampled_from([0, 1]))
def test_column_by_column_gives_what_row_by_row_gives(rows: list[list[str]], used: set[int], first: int) -> None:
    columns = mapped(used, first)
    assert_as_row_by_row(check(rows, columns), rows, columns)


@settings(max_examples=200, deadline=None)
@given(rows=_ROWS, used=_USED, first=st.sampled_from([0, 1]), delimiter=st.sampled_from([",", ";", "\t", "|"]))
def test_lines_give_what_row_by_row_gives(rows: list[list[str]], used: set[int], first: int, delimiter: str) -> None:
    """The same for text that is cut into columns without being parsed."""
    forbidden = str.maketrans(dict.fromkeys(f'{delimiter}\n\r"', ""))
    rows = [[cell.translate(forbidden) for cell in row] for row in rows]
    text = "".join(delimiter.join(row) + "\n" for row in rows)
    columns = mapped(used, first)
    batch = Lines(2, text, Dialect(delimiter=delimiter))
    assert batch.rows == rows
    assert_as_row_by_row(RowChecker(columns, country="IN").check(batch), rows, columns)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(_TEXTS, _TEXTS), min_size=1, max_size=8))
def test_variables_are_the_json_that_json_writes(rows: list[tuple[str, str]]) -> None:
    checked = check([["a@example.com", "", "", name, "", city] for name, city in rows])
    expected = [
        {key: value.strip() for key, value in (("name", name), ("city", city)) if value.strip()} for name, city in rows
    ]
    written = [json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in expected]
    assert [values[FIELDS.index("variables")] for _, values in table(checked)] == written
