"""What the fields of a template may hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.message_templates import content_rules as rules


@pytest.mark.parametrize("text", ["a\r\nBcc: x@y.z", "a\nb", "a\x00b", "a\u2028b", "a\x0bb"])
def test_line_breaks_of_every_kind_are_refused(text: str) -> None:
    assert rules.line_problem(text)
    assert rules.header_problem("X-Run", text, set())


@pytest.mark.parametrize(
    "name",
    [
        *("From", "to", "SUBJECT", "Message-ID", "Content-Type", "content-disposition", "MIME-Version", "Bcc"),
        *("List-Unsubscribe", "DKIM-Signature", "", "X Run", "X:Run", "X-Rün", "X\r\nBcc", "x" * 80),
    ],
)
def test_header_names_that_are_refused(name: str) -> None:
    assert rules.header_problem(name, "value", set())


def test_a_header_stands_once_and_has_a_value() -> None:
    seen: set[str] = set()
    assert rules.header_problem("X-Run", "{{ a }}", seen) is None
    assert "twice" in (rules.header_problem("x-run", "1", seen) or "")
    assert "value" in (rules.header_problem("X-Other", " ", seen) or "")


def test_addresses() -> None:
    assert rules.address_words("a@x.example, b@x.example;\n c@x.example ,") == [
        "a@x.example",
        "b@x.example",
        "c@x.example",
    ]
    assert rules.addresses_problem(["a@x.example", "Bea <b@x.example>"]) is None
    assert "“nobody”" in (rules.addresses_problem(["a@x.example", "nobody"]) or "")
    assert "too many" in (rules.addresses_problem(["a@x.example"] * 6, most=5) or "")


@pytest.mark.parametrize("name", ["", "1st", "first name", "order.id", "loop", "for", "self", "é", "a" * 81, "a-b"])
def test_names_that_no_variable_can_have(name: str) -> None:
    assert rules.name_problem(name)


@pytest.mark.parametrize(("path", "fine"), [("order.copies", True), ("name", True), ("order.", False), ("a b", False)])
def test_paths(path: str, fine: bool) -> None:
    assert (rules.path_problem(path) is None) is fine


def test_broken_json_is_told_with_its_place() -> None:
    with pytest.raises(rules.JsonProblem) as caught:
        rules.read_object('{"a": 1,\n  "b" 2}')
    assert (caught.value.line, caught.value.column) == (2, 7)
    assert "line 2, column 7" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "3",
        '{"first name": 1}',
        '{"a": NaN}',
        '{"a": ' + "[" * 5000,
        '{"a": "\\ud800"}',
        '{"a": 1' + "0" * 5000 + "}",
    ],
)
def test_json_that_is_no_object_of_variables(text: str) -> None:
    with pytest.raises(rules.JsonProblem):
        rules.read_object(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex(r"v_[a-z0-9_]{1,10}", fullmatch=True), values, max_size=5))
def test_every_object_of_names_is_read_as_it_is(sample: dict[str, object]) -> None:
    assert rules.read_object(json.dumps(sample)) == sample


def test_empty_text_is_no_variables() -> None:
    assert rules.read_object(" \n") == {}
