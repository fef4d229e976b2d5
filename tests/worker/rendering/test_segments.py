"""Where an SMS is cut; the reference is smsutil."""

from __future__ import annotations

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from worker.rendering.segments import GSM7, UCS2, culprits, measure, replaced, suggestion_for

#: What matters: both GSM tables, what lies outside, and what takes two UTF-16 units.
_character = st.one_of(
    st.sampled_from("abc XYZ@£$¥\n\r^{}\\[~]|€\f"),
    st.sampled_from("çÇ’“₹я日🙂𝔘`\t"),
    st.characters(exclude_categories=("Cs",), exclude_characters="\x1b"),  # the escape is a code, no character
)
_gsm = st.sampled_from("abc XYZ@£$¥Ωèñ^{}\\[~]|€")
_text = st.one_of(
    st.text(_character, max_size=400),
    st.text(_gsm, max_size=700),
    st.lists(st.sampled_from(["€", "a" * 30, "🙂", "я" * 20, "x"]), max_size=60).map("".join),
).filter(bool)


@given(_text)
def test_equal_to_smsutil(text: str) -> None:
    size = measure(text)
    expected = smsutil.split(text)
    parts = [text[start:end] for start, end in zip((0, *size.cuts), (*size.cuts, len(text)), strict=True)]
    assert size.encoding == (GSM7 if smsutil.is_valid_gsm(text) else UCS2)
    assert parts == [part.content for part in expected.parts]
    assert size.segments == len(expected.parts)


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", GSM7, 0, 0),
        ("a" * 160, GSM7, 160, 1),
        ("a" * 161, GSM7, 161, 2),
        ("a" * 306, GSM7, 306, 2),
        ("a" * 307, GSM7, 307, 3),
        ("€" * 80, GSM7, 160, 1),
        ("€" * 81, GSM7, 162, 2),
        ("€" * 153, GSM7, 306, 3),
        ("a" * 152 + "€" + "a" * 8, GSM7, 162, 2),
        ("^{}\\[~]|€\f", GSM7, 20, 1),
        ("Ç", GSM7, 1, 1),
        ("ç", UCS2, 1, 1),
        ("’", UCS2, 1, 1),
        ("я" * 70, UCS2, 70, 1),
        ("я" * 71, UCS2, 71, 2),
        ("🙂" * 35, UCS2, 70, 1),
        ("🙂" * 36, UCS2, 72, 2),
        ("🙂" * 67, UCS2, 134, 3),
    ],
)
def test_reference_table(text: str, encoding: str, units: int, segments: int) -> None:
    size = measure(text)
    assert (size.encoding, size.units, size.segments) == (encoding, units, segments)


def test_a_pair_is_never_split() -> None:
    text = "я" * 66 + "🙂" + "я" * 10
    assert measure(text).cuts == (66,)
    assert measure("a" * 152 + "€" * 5).cuts == (152,)


def test_culprits_are_named_in_order_with_what_to_write_instead() -> None:
    found = culprits("Don’t ç wait’ 🙂")
    assert [(c.character, c.name, c.position, c.count, c.suggestion) for c in found] == [
        ("’", "right single quotation mark", 3, 2, "'"),
        ("ç", "latin small letter c with cedilla", 6, 1, "c"),
        ("🙂", "slightly smiling face", 14, 1, None),
    ]
    assert culprits("Ç and €") == ()


def test_replacing_what_has_a_replacement() -> None:
    assert replaced("Don’t… wait\u200b 🙂 ł", "’…\u200b🙂ł") == "Don't... wait 🙂 l"


@given(st.characters(exclude_categories=("Cs",)))
def test_a_suggestion_can_be_sent_as_gsm(character: str) -> None:
    instead = suggestion_for(character)
    assert instead is None or measure(instead).encoding == GSM7
