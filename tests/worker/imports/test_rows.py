"""The fast way through a batch and the careful one agree, and every reason for a reject is met."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.imports.mapping import Column
from worker.imports.reading import BAD_BYTES, Batch, Broken
from worker.imports.rows import Checked, RowChecker
from worker.imports.staging import parse_lines

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


def record(line: str) -> list[str | None]:
    fields = parse_lines([line.encode().split(b"\t", 1)[1]])[0]
    return [None if field == "\\N" else field for field in fields]


def test_a_plain_row_becomes_a_record() -> None:
    checked = check([[" Mira@Example.com ", "98765 43210", "C1", 'Mi"ra\\', "x", "Köln\tPune"]])
    assert checked.lines[0].startswith("2\t")
    email, phone, external, push, variables = record(checked.lines[0])
    assert (email, phone, external, push) == ("mira@example.com", "+919876543210", "C1", None)
    assert json.loads(variables or "") == {"name": 'Mi"ra\\', "city": "Köln\tPune"}
    assert checked.filled == [1, 1, 1, 1, 0, 1]


def test_blank_values_are_missing_and_blank_rows_are_skipped() -> None:
    checked = check([["a@example.com", "", "", " ", "", "Pune"], ["", " ", "", "", "", ""], []])
    assert json.loads(record(checked.lines[0])[4] or "") == {"city": "Pune"}
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
    assert len(checked.lines) == 1
    assert [(reject.row, reject.code, reject.column) for reject in checked.rejects] == [(3, code, column)]
    assert checked.filled == [1, 0, 0, 1, 0, 0]


def test_one_address_column_is_named_when_it_is_blank() -> None:
    columns = [Column("an", "email"), Column("id", "ignore")]
    assert [(reject.code, reject.column) for reject in check([["", "7"]], columns).rejects] == [("email_missing", "an")]


def test_blank_cells_beyond_the_header_do_no_harm() -> None:
    assert len(check([["a@example.com", "", "", "", "", "", "", " "]]).lines) == 1


def test_broken_records_are_rejected_with_their_text() -> None:
    batch = Batch([3], [["a@example.com", "", "", "", "", ""]], [Broken(2, "quote_unclosed", 'x,"y')])
    checked = RowChecker(COLUMNS, country="IN").check(batch)
    assert [(reject.row, reject.code, list(reject.cells)) for reject in checked.rejects] == [
        (2, "quote_unclosed", ['x,"y'])
    ]


_EMAILS = st.sampled_from(
    ["a@example.com", "B@Example.com", "bad", "", " c@example.org ", "ü@x.example", "d@host.test"]
)
_PHONES = st.sampled_from(["", "9876543210", "+49 151 23456789", "12", "9.1E+9", "+1 202 555 0199"])
_TEXTS = st.sampled_from(["", "Bo", ' "x" ', "a\\b", "\t", "é😀", "line\nbreak", "NULL", "\\N"])
_ROWS = st.lists(st.tuples(_EMAILS, _PHONES, _TEXTS, _TEXTS, _TEXTS, _TEXTS).map(list), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(rows=_ROWS, used=st.sets(st.integers(0, 5)), first=st.sampled_from([0, 1]))
def test_column_by_column_gives_what_row_by_row_gives(rows: list[list[str]], used: set[int], first: int) -> None:
    columns = [
        column if index in used or index == first else replace(column, target="ignore")
        for index, column in enumerate(COLUMNS)
    ]
    fast = check(rows, columns)
    slow = Checked(filled=[0] * 6)
    for number, row in enumerate(rows, start=2):
        # A surplus blank cell keeps a row out of the fast way and changes nothing else.
        one = RowChecker(columns, country="IN").check(Batch([number], [[*row, ""]]))
        slow.lines += one.lines
        slow.rejects += one.rejects
        slow.blank += one.blank
        slow.emails += one.emails
        slow.phones += one.phones
        slow.filled = [a + b for a, b in zip(slow.filled, one.filled, strict=True)]
    assert fast.lines == slow.lines
    assert [(r.row, r.code, r.column, r.value) for r in fast.rejects] == [
        (r.row, r.code, r.column, r.value) for r in slow.rejects
    ]
    assert (fast.blank, fast.filled) == (slow.blank, slow.filled)
    assert sorted(fast.emails) == sorted(slow.emails)
    assert sorted(fast.phones) == sorted(slow.phones)
    assert len(fast.lines) + len(fast.rejects) + fast.blank == len(rows)
