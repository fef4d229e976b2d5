"""CSV downloads: what a spreadsheet and a parser make of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.accounts.models import Role
from dashboard.csv_export import FORMULA_STARTS, cell, stream_csv


def _read(response: Response) -> list[list[str]]:
    text = response.get_data().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def _export(app: Flask, rows: Any, **options: Any) -> Response:
    with app.test_request_context("/"):
        response = stream_csv("things.csv", ["name", "when"], rows, **options)
        response.get_data()
    return response


def test_a_download_with_mark_quotes_and_line_ends(app: Flask) -> None:
    response = _export(app, [['He said "hi", twice', None], ["two\nlines", True]])
    assert response.headers["Content-Disposition"] == "attachment; filename=things.csv"
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.get_data() == (b'\xef\xbb\xbfname,when\r\n"He said ""hi"", twice",\r\n"two\nlines",true\r\n')


def test_a_name_beyond_ascii_keeps_its_letters(app: Flask) -> None:
    with app.test_request_context("/"):
        header = stream_csv("Käufer.csv", ["a"], []).headers["Content-Disposition"]
    assert "filename*=UTF-8''K%C3%A4ufer.csv" in header


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2", "@SUM(A1)", "\tx", "\rx", "\0x", "+49 151 234", "+123"])
def test_formulas_get_an_apostrophe(app: Flask, text: str) -> None:
    assert cell(text) == f"'{text}"
    assert cell(text, excel_safe=False) == text


@pytest.mark.parametrize("value", ["+4915112345678", "+1234567", -5, -1.5, "a=b", " =x"])
def test_phones_numbers_and_plain_words_stay(app: Flask, value: Any) -> None:
    assert cell(value) == str(value)


def test_times_carry_the_offset_of_the_zone_in_use(app: Flask) -> None:
    from flask_login import login_user

    from tests.factories.users import new_user

    moment = datetime(2026, 7, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    with app.test_request_context("/"):
        assert cell(moment) == "2026-07-01T12:00:00.250+00:00"
        login_user(new_user(time_zone="Asia/Kolkata"))
        assert cell(moment) == "2026-07-01T17:30:00.250+05:30"


def test_enums_are_written_as_their_value(app: Flask) -> None:
    assert cell(Role.ADMIN) == "admin"


def test_rows_are_read_while_the_answer_is_sent(app: Flask) -> None:
    taken = 0

    def rows() -> Iterator[list[str]]:
        nonlocal taken
        for number in range(20_000):
            taken += 1
            yield [f"row {number}", "x" * 20]

    with app.test_request_context("/"):
        response = stream_csv("many.csv", ["name", "when"], rows())
        assert 0 < taken < 2_000
        body = b"".join(response.iter_encoded())
    assert taken == 20_000
    assert body.count(b"\r\n") == 20_001


def test_a_failing_query_fails_before_the_answer_begins(app: Flask) -> None:
    def rows() -> Iterator[list[str]]:
        raise LookupError("no such table")
        yield []

    with app.test_request_context("/"), pytest.raises(LookupError):
        stream_csv("things.csv", ["name"], rows())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.integers()), max_size=20))
def test_raw_cells_come_back_and_safe_ones_never_begin_a_formula(app: Flask, rows: list[tuple[str, int]]) -> None:
    raw = _read(_export(app, rows, excel_safe=False))
    assert raw[1:] == [[text, str(number)] for text, number in rows]
    for line in _read(_export(app, rows))[1:]:
        phone = line[0].startswith("+") and line[0][1:].isdigit()
        assert phone or not line[0].startswith(FORMULA_STARTS)


@pytest.mark.parametrize(
    ("path", "export"),
    [
        ("/messages/?range=all&state=failed", "/messages/export.csv?range=all&amp;state=failed"),
        ("/audit?action=user.create", "/audit.csv?action=user.create"),
        ("/suppressions/?scope=all", "/suppressions/export.csv?scope=all"),
        ("/reports/providers?channel=email", "channel=email"),
    ],
)
def test_the_export_follows_the_filters_of_a_list_that_is_swapped(client: FlaskClient, path: str, export: str) -> None:
    answer = client.get(path, headers={"HX-Request": "true"})

    link = re.search(r'<a [^>]*id="export"[^>]*>', answer.text)
    assert link is not None
    assert export in link[0]
    assert "hx-swap-oob" in link[0] or answer.text.index("<section") < link.start()
