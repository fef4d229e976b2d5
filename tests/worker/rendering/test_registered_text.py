"""Messages against the text that a regulator knows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.rendering.registered_text import has_slot, match_registered

REGISTERED = "Dear {#var#}, your order {#var#} is on its way."


def test_a_message_that_fits_tells_what_fills_each_slot() -> None:
    text = "Dear Asha, your order A-204 is on its way."
    match = match_registered(REGISTERED, text, slot_limit=30)
    assert match.fits
    assert [text[start:end] for start, end in match.slots] == ["Asha", "A-204"]


def test_line_ends_and_blanks_at_the_ends_do_not_count() -> None:
    assert match_registered("Hi\r\n{#var#}", "Hi\nAsha \n", slot_limit=30).fits


def test_a_slot_that_is_too_long_is_named() -> None:
    text = f"Dear Asha, your order {'9' * 31} is on its way."
    match = match_registered(REGISTERED, text, slot_limit=30)
    assert match.problem == "Slot 2 is filled with 31 characters; 30 are the most."
    assert match.at is None
    assert match_registered(REGISTERED, text, slot_limit=31).fits


@pytest.mark.parametrize(
    ("text", "problem", "at"),
    [
        ("Hello Asha, your order 1 is on its way.", "registered", 0),
        ("Dear Asha, your parcel 1 is on its way.", "“, your order” is registered", 5),
        ("Dear Asha, your order 1 is on its way. Thanks", "from “ Thanks” on", 38),
        ("", "the end of the text", 0),
    ],
)
def test_where_they_part(text: str, problem: str, at: int) -> None:
    match = match_registered(REGISTERED, text, slot_limit=30)
    assert problem in match.problem
    assert match.at == at


def test_slots_of_other_names_and_none_at_all() -> None:
    assert match_registered("{#numeric#} is your code", "123 is your code", slot_limit=30).fits
    assert match_registered("Plain", "Plain", slot_limit=30).fits
    assert not match_registered("Plain", "Plain.", slot_limit=30).fits
    assert has_slot("a {# var #}")
    assert not has_slot("a {{ var }} {# a comment #}")


@given(
    st.lists(st.text("ab ", max_size=3), min_size=1, max_size=6),
    st.text("ab ", max_size=25),
    st.integers(0, 6),
)
def test_equal_to_a_regular_expression(pieces: list[str], text: str, limit: int) -> None:
    registered, text = "{#var#}".join(pieces).strip(), text.strip()
    pattern = f".{{0,{limit}}}".join(re.escape(piece) for piece in registered.split("{#var#}"))
    assert match_registered(registered, text, slot_limit=limit).fits == bool(re.fullmatch(pattern, text))


def test_many_slots_take_no_time_out_of_proportion() -> None:
    registered = "a{#var#}" * 40 + "b"
    assert not match_registered(registered, "a" * 2000, slot_limit=40).fits
