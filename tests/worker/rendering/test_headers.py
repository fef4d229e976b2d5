"""Edges of header fields that a whole message does not reach easily."""

from __future__ import annotations

from email import policy
from email.parser import BytesHeaderParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.rendering.errors import RenderError, TemplateSyntaxProblem
from worker.rendering.headers import (
    address_list_line,
    check_custom_header_name,
    header_line,
    mailbox_line,
    structured_line,
)


def value_of(line: bytes, name: str) -> str:
    assert line.endswith(b"\r\n")
    return str(BytesHeaderParser(policy=policy.default).parsebytes(line + b"\r\n")[name])


@pytest.mark.parametrize("length", [70, 78, 79, 900, 990, 998, 5000])
def test_a_word_without_a_folding_place(length: int) -> None:
    line = header_line("Subject", "x" * length)
    assert value_of(line, "Subject") == "x" * length
    assert max(map(len, line.split(b"\r\n"))) <= 998


@given(st.lists(st.sampled_from(["a", "b" * 30, "c" * 80]), min_size=1, max_size=20), st.integers(1, 90))
def test_runs_of_spaces_survive_folding(words: list[str], gap: int) -> None:
    value = (" " * gap).join(words)
    line = header_line("X-Note", value)
    assert value_of(line, "X-Note") == value
    assert not any(part.strip() == b"" for part in line.split(b"\r\n")[:-1])


def test_a_long_field_name_with_encoded_value() -> None:
    name = "X-" + "Very-Long-" * 4 + "Name-1"
    line = header_line(name, "ä" * 40)
    assert max(map(len, line.split(b"\r\n"))) <= 78
    assert value_of(line, name) == "ä" * 40


def test_a_value_that_looks_encoded_is_taken_literally() -> None:
    assert value_of(header_line("Subject", "=?utf-8?q?=41?="), "Subject") == "=?utf-8?q?=41?="


def test_tabs_and_unicode_line_ends_become_spaces() -> None:
    assert value_of(header_line("Subject", "a\tb\u2028c\x85d"), "Subject") == "a b c d"


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert value_of(header_line("Subject", "a\ud83d"), "Subject") == "a?"


def test_many_addresses_are_folded_between_them() -> None:
    addresses = [f"person{number}@x.example" for number in range(50)]
    line = address_list_line("Cc", addresses)
    assert max(map(len, line.split(b"\r\n"))) <= 78
    parsed = BytesHeaderParser(policy=policy.default).parsebytes(line + b"\r\n")
    assert [address.addr_spec for address in parsed["Cc"].addresses] == addresses


def test_structured_values_are_folded_at_spaces_only() -> None:
    value = ", ".join(f"<https://x.example/{number}{'y' * 60}>" for number in range(4))
    line = structured_line("List-Unsubscribe", value)
    assert max(map(len, line.split(b"\r\n"))) <= 100
    assert value_of(line, "List-Unsubscribe") == value


@pytest.mark.parametrize("name", ["", "X Y", "X:", "Ä", "X\n", "From", "bcc", "Content-Type", "MIME-Version", "x" * 51])
def test_custom_names_that_are_refused(name: str) -> None:
    with pytest.raises(TemplateSyntaxProblem) as caught:
        check_custom_header_name(name)
    assert caught.value.code == "bad_header"
    assert caught.value.part == f"header:{name}"


@pytest.mark.parametrize("name", ["X-Campaign", "Feedback-ID", "Precedence", "X-1"])
def test_custom_names_that_are_fine(name: str) -> None:
    check_custom_header_name(name)
    assert value_of(header_line(name, "v"), name) == "v"


def test_a_bad_sender_address_is_told() -> None:
    with pytest.raises(RenderError, match="not an email address") as caught:
        mailbox_line("From", "Anna", "anna")
    assert caught.value.code == "bad_address"
