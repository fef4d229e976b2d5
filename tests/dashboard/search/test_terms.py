from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.ids import public_id
from dashboard.search.terms import TermKind, read_term

MESSAGE = public_id("msg", 1_900_000_000_000 << 20)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (MESSAGE, "id", MESSAGE),
        (f"  {MESSAGE.upper()} ", "id", MESSAGE),
        (f"<{MESSAGE}@shop.example>", "id", MESSAGE),
        (f"https://desk.example/campaigns/{public_id('cmp', 7)}/messages/{MESSAGE}?tab=data", "id", MESSAGE),
        ("ada@example.com", "address", "ada@example.com"),
        ("Ada Lovelace <Ada@Example.com>", "address", "ada@example.com"),
        ("mailto:ada@example.com", "address", "ada@example.com"),
        ("ada@", "address", "ada@"),
        ("ada@bücher.example", "address", "ada@xn--bcher-kva.example"),
        ("+49 151 123-456.78", "phone", "+4915112345678"),
        ("0049 (151) 12345678", "phone", "+4915112345678"),
        ("tel:+4915112345678", "phone", "+4915112345678"),
        ("0151 12345678", "digits", "015112345678"),
        ("+12", "words", "+12"),
        ("2026", "words", "2026"),
        ("Spring  sale\n", "words", "Spring sale"),
        ("msg_short", "words", "msg_short"),
        ("4F1B2C93", "words", "4F1B2C93"),
    ],
)
def test_a_term_is_told_by_its_shape(text: str, kind: str, value: str) -> None:
    term = read_term(text)
    assert (term.kind.value, term.value) == (kind, value)


@given(st.text(max_size=60))
def test_whatever_is_pasted_has_one_kind(text: str) -> None:
    term = read_term(text)
    assert term.kind in TermKind
    assert term.value == read_term(f"  {text}\t").value


@given(st.integers(0, (1 << 63) - 1), st.sampled_from(["msg", "cmp", "run", "tpl", "prv"]))
def test_every_public_id_is_one(number: int, prefix: str) -> None:
    key = public_id(prefix, number)
    assert read_term(f"see {key}, please").value == key
