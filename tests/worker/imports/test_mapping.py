"""Columns are guessed with a reason, and what is unclear is asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.imports.mapping import SINGLE, Column, Target, guess, is_variable_name, problems, variable_name


def targets(header: list[str], rows: list[list[str]], **more: Any) -> list[tuple[str, str]]:
    return [(column.target, column.variable) for column in guess(header, rows, country="IN", **more)]


def test_headers_and_values_tell_what_a_column_is_for() -> None:
    rows = [[f"a{n}@example.com", "Bo", f"98765432{n:02}", "C17", "500"] for n in range(10)]
    assert targets(["E-Mail", "First Name", "Nummer", "Customer ID", "amount"], rows) == [
        ("email", ""),
        ("variable", "first_name"),
        ("phone", ""),
        ("external_id", ""),
        ("variable", "amount"),
    ]


def test_every_guess_has_a_reason() -> None:
    columns = guess(["wohin", "wen"], [[f"a{n}@example.com", "Bo"] for n in range(4)], country="DE")
    assert columns[0].reason == "100% of the values are email addresses"
    assert all(column.reason for column in columns)


def test_a_header_is_not_believed_against_its_values() -> None:
    assert targets(["email", "x"], [["yes", "a@example.com"]] * 5) == [("variable", "email_2"), ("email", "")]


def test_two_equal_columns_have_to_be_chosen_from() -> None:
    columns = guess(["phone", "phone"], [["9876543210", "9876543211"]] * 3, country="IN")
    assert [column.target for column in columns] == ["", ""]
    assert "choose one" in columns[0].reason
    assert "two columns have this name" in columns[0].reason
    assert 0 in problems(columns)


def test_a_header_wins_over_a_likeness() -> None:
    columns = guess(["email", "manager"], [["a@example.com", "b@example.com"]] * 3, country="IN")
    assert [column.target for column in columns] == ["email", "variable"]
    assert "another column" in columns[1].reason


@pytest.mark.parametrize(
    "value", ["50000", "2026-01-14", "14.01.2026", "1/14/26", "20260114", "1234567890.50", "12:30"]
)
def test_dates_and_amounts_are_no_phone_numbers(value: str) -> None:
    for country in ("IN", "DE", "US"):
        column = guess(["x"], [[value]] * 5, country=country)[0]
        assert column.target == "variable"


def test_a_header_may_say_that_short_numbers_are_phones() -> None:
    assert [column.target for column in guess(["tel"], [["3012345"]] * 5, country="DE")] == ["phone"]


def test_the_same_header_means_the_same_as_last_time() -> None:
    known = [{"name": "wen", "target": "variable", "variable": "nickname"}, {"name": "an", "target": "email"}]
    columns = guess(["An", "Wen"], [["a@example.com", "Bo"]], country="IN", known=known)
    assert [(column.target, column.variable) for column in columns] == [("email", ""), ("variable", "nickname")]


def test_our_own_columns_are_ignored() -> None:
    header = ["email", "_row", "_code", "_reason", "_expected"]
    columns = guess(header, [["a@example.com", "3", "x", "y", "z"]], country="IN")
    assert [column.target for column in columns] == ["email", *["ignore"] * 4]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("First Name", "first_name"),
        ("lastOrder", "last_order"),
        ("Straße Nr.", "strasse_nr"),
        ("2024", "column_2024"),
        ("Email", "email_2"),
        ("true", "true_2"),
        ("  ", "column"),
        ("имя", "column"),
        ("class", "class"),
    ],
)
def test_names_of_variables_come_from_headers(header: str, name: str) -> None:
    assert variable_name(header) == name


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=12))
def test_every_header_gets_a_usable_name_of_its_own(header: list[str]) -> None:
    """Whatever stands in a header, templates can use the result, and no two columns share a name or an address."""
    columns = guess(header, [], country="IN")
    names = [column.variable for column in columns if column.target == Target.VARIABLE]
    assert all(map(is_variable_name, names))
    assert len(set(names)) == len(names)
    for target in SINGLE:
        assert sum(column.target == target for column in columns) <= 1


def test_problems_name_what_is_wrong_where() -> None:
    columns = [
        Column("A", "email"),
        Column("B", "email"),
        Column("C", "variable", "loop"),
        Column("D", "variable", "city"),
        Column("E", "variable", "city"),
        Column("F", ""),
    ]
    found = problems(columns)
    assert set(found) == {1, 2, 4, 5}
    assert "“A” and “B” are both the email address" in found[1]
    assert "“D” has the name city already" in found[4]


def test_a_mapping_needs_an_address() -> None:
    assert "No column holds an address" in problems([Column("a", "variable", "a")])[-1]
    assert problems([Column("a", "push_token")]) == {}
