"""The quick ways to judge addresses agree with the libraries that know all the rules."""

from __future__ import annotations

import phonenumbers
import pytest
from email_validator import validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.imports.emails import USUAL, NotAnEmail, normalised, unusual
from worker.imports.phones import NotAPhone, PhoneColumn, countries

_ATOMS = st.text("abcxyz019.!#$%&'*+/=?^_`{|}~-@ ", min_size=1, max_size=20)
_DOMAINS = st.text("abcz019.-", min_size=1, max_size=24)


@settings(max_examples=400, deadline=None)
@given(
    st.builds("{}@{}.{}".format, _ATOMS, _DOMAINS, st.sampled_from(["com", "test", "local", "c0m", "xn--p1ai", "1"]))
)
def test_the_pattern_accepts_only_what_email_validator_keeps_as_it_is(address: str) -> None:
    if USUAL.fullmatch(address):
        found = validate_email(address, check_deliverability=False, strict=True)
        assert found.normalized == address == f"{found.local_part}@{found.ascii_domain}"


_ANY = st.one_of(
    st.sampled_from(["", "a@b.com", "a@b.com\nb@b.com", "\n", "@", "a@b@c.com", ".a@b.com", "a.@b.com", "a..b@b.com"]),
    st.sampled_from(["é@b.com", "\udc80@b.com", "a@b.test", f"{'x' * 64}@b.com", f"{'x' * 65}@b.com", "@b.com", "a@"]),
    st.builds("{}@{}.com".format, _ATOMS, _DOMAINS),
    st.builds("{}@{}com".format, st.sampled_from(["a", "x" * 60]), st.sampled_from([f"{'y' * 60}." * 3, "y." * 100])),
)


@settings(max_examples=300, deadline=None)
@given(start=st.lists(_ANY, max_size=6), end=st.lists(_ANY, max_size=6), between=st.integers(0, 200))
def test_a_group_of_addresses_is_judged_as_the_pattern_judges_each(
    start: list[str], end: list[str], between: int
) -> None:
    texts = [*start, *[f"user{number}@example.com" for number in range(between)], *end]
    assert list(unusual(texts)) == [at for at, text in enumerate(texts) if not USUAL.fullmatch(text)]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("mira@example.com", "mira@example.com"),
        ("  Mira.Li@Example.COM ", "mira.li@example.com"),
        ("a@münchen.de", "a@xn--mnchen-3ya.de"),
        ("o'neil+tag@mail.example", "o'neil+tag@mail.example"),
        ("ü@example.com", "ü@example.com"),
    ],
)
def test_addresses_are_stored_in_one_form(text: str, stored: str) -> None:
    assert normalised(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "mira",
        "mira@",
        "@example.com",
        "mira@example",
        "a..b@example.com",
        ".a@example.com",
        "a b@example.com",
        "a@b@example.com",
        "Mira <mira@example.com>",
        "mira@example.com, li@example.com",
        "mira@host.test",
        "mira@-example.com",
        f"{'x' * 65}@example.com",
        f"a@{'x' * 64}.com",
    ],
)
def test_what_is_no_address_is_refused_with_words(text: str) -> None:
    with pytest.raises(NotAnEmail) as refused:
        normalised(text)
    assert str(refused.value).endswith(".")


def by_library(text: str, country: str) -> str | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    valid = phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if valid else None


@st.composite
def _numbers(draw: st.DrawFn) -> tuple[str, str]:
    """(country, number): an example of a country with some digits changed, in one of the usual ways of writing."""
    country = draw(st.sampled_from(countries()))
    kind = draw(st.sampled_from([0, 1]))
    example = phonenumbers.example_number_for_type(country, kind) or phonenumbers.example_number(country)
    digits = list(phonenumbers.national_significant_number(example))
    for _ in range(draw(st.integers(0, 3))):
        digits[draw(st.integers(0, len(digits) - 1))] = draw(st.sampled_from("0123456789"))
    national = "".join(digits) + draw(st.sampled_from(["", "", "", "5"]))
    code = example.country_code
    form = draw(
        st.sampled_from(["{n}", "0{n}", "+{c}{n}", "{c}{n}", "00{c}{n}", "+{c} (0) {n}", "1{n}", "8{n}", "+{c}-{n}"])
    )
    return country, form.format(n=national, c=code)


@settings(max_examples=600, deadline=None)
@given(_numbers())
def test_the_quick_way_agrees_with_the_library(number: tuple[str, str]) -> None:
    country, text = number
    try:
        found = PhoneColumn(country).normalised(text)
    except NotAPhone:
        found = None
    assert found == by_library(text, country)


@settings(max_examples=300, deadline=None)
@given(
    numbers=st.lists(_numbers(), min_size=1, max_size=8),
    more=st.sampled_from(["", "-", "12", "987.65", "9\n8", "٩٨٧٦٥٤٣٢١٠"]),
)
def test_a_column_of_numbers_gives_what_each_gives(numbers: list[tuple[str, str]], more: str) -> None:
    column = PhoneColumn(numbers[0][0])
    texts = [*[text for _, text in numbers], more]
    for text, found in zip(texts, column.quick_all(texts), strict=True):
        assert found or not column.quick(text)
        assert not found or found == by_library(text, column.country)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("9876543210", "+919876543210"),
        ("09876543210", "+919876543210"),
        ("+91 98765-43210", "+919876543210"),
        ("+49 (0)151 23456789", "+4915123456789"),
        ("919876543210.0", "+919876543210"),
        ("'+919876543210", "+919876543210"),
    ],
)
def test_numbers_are_stored_as_e164(text: str, stored: str) -> None:
    assert PhoneColumn("IN").normalised(text) == stored


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("9.87654E+09", "spreadsheet"),
        ("call me", "letters"),
        ("12", "numbering plan|digits"),
        ("+999 1234567", "country code"),
        ("5876543210123", "numbering plan of \\+91"),
        ("1" * 40, "digits|numbering"),
    ],
)
def test_what_is_no_number_is_refused_with_words(text: str, words: str) -> None:
    with pytest.raises(NotAPhone, match=words):
        PhoneColumn("IN").normalised(text)


_KINDS = phonenumbers.PhoneNumberType
_LANDLINES = frozenset(
    {_KINDS.FIXED_LINE, _KINDS.TOLL_FREE, _KINDS.PREMIUM_RATE, _KINDS.SHARED_COST, _KINDS.UAN, _KINDS.VOICEMAIL}
)
_NATIONAL = st.builds("{}{}".format, st.integers(1, 999), st.integers(10**6, 10**9))


@settings(max_examples=400, deadline=None)
@given(_NATIONAL)
def test_who_gets_sms_is_what_the_library_says(digits: str) -> None:
    column = PhoneColumn("IN")
    try:
        number = column.normalised(f"+{digits}")
    except NotAPhone:
        return
    if phonenumbers.number_type(phonenumbers.parse(number)) in _LANDLINES:
        with pytest.raises(NotAPhone, match="gets no SMS"):
            column.check_mobile(number)
    else:
        column.check_mobile(number)
