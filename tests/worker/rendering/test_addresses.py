"""Addresses as they come from operators and audiences."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from worker.rendering.addresses import (
    MAXIMUM_COPIES,
    address_list,
    ascii_address,
    check_address,
    needs_smtputf8,
    split_address_list,
    split_display_name,
)
from worker.rendering.errors import RenderError


@pytest.mark.parametrize(
    ("address", "on_the_wire"),
    [
        ("anna@x.example", "anna@x.example"),
        ("a.b+tag@sub.x.example", "a.b+tag@sub.x.example"),
        ("o'hara@x.example", "o'hara@x.example"),
        ("desk@localhost", "desk@localhost"),
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("anna@BÜCHER.example", "anna@xn--bcher-kva.example"),
        ("straße@straße.example", "straße@xn--strae-oqa.example"),
        ('"a b"@x.example', '"a b"@x.example'),
        ('"a@b"@x.example', '"a@b"@x.example'),
        ("x" * 64 + "@x.example", "x" * 64 + "@x.example"),
    ],
)
def test_good_addresses(address: str, on_the_wire: str) -> None:
    assert check_address(address) == on_the_wire


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "empty"),
        ("anna", "@ is missing"),
        ("@x.example", "nothing stands before"),
        ("anna@", "nothing stands after"),
        ("anna@x..example", "not a domain"),
        ("anna@-x.example", "not a domain"),
        ("anna@x_y.example", "not a domain"),
        ("anna@x.example.", "not a domain"),
        (".anna@x.example", "dot"),
        ("an..na@x.example", "dot"),
        ("an na@x.example", "space"),
        ("a<b@x.example", "not allowed"),
        ("a@b@x.example", "not allowed"),
        ("anna\n@x.example", "not allowed"),
        ("anna@x.example\r\nBcc: b@x.example", "not allowed"),
        ("x" * 65 + "@x.example", "64"),
        ("a@" + "b" * 64 + ".example", "not a domain"),
        ("a@" + ".".join(["b" * 60] * 5), "not a domain"),
        ("a@xn--\u200d.example", "not a domain"),
    ],
)
def test_bad_addresses_say_why(address: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_address(address)


@given(st.emails())
def test_agrees_with_the_validator_of_imports(address: str) -> None:
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return
    assert check_address(address) == address


@pytest.mark.parametrize(
    ("address", "needed"),
    [
        ("anna@x.example", False),
        ("anna@bücher.example", False),
        ("ännä@x.example", True),
        ("日本@bücher.example", True),
    ],
)
def test_only_local_parts_need_smtputf8(address: str, needed: bool) -> None:
    assert needs_smtputf8(address) is needed


def test_ascii_address_changes_the_domain_only() -> None:
    assert ascii_address("ännä@bücher.example") == "ännä@xn--bcher-kva.example"
    assert ascii_address("anna@x.example") == "anna@x.example"
    assert ascii_address("anna@ü..example") == "anna@ü..example"


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("anna@x.example", "", "anna@x.example"),
        (" Anna Bell <anna@x.example> ", "Anna Bell", "anna@x.example"),
        ('"Bell, \\"A\\"" <anna@x.example>', 'Bell, "A"', "anna@x.example"),
        ("<anna@x.example>", "", "anna@x.example"),
        ("Anna> <anna@x.example>", "Anna>", "anna@x.example"),
    ],
)
def test_display_names(text: str, name: str, address: str) -> None:
    assert split_display_name(text) == (name, address)


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        (None, ()),
        ("", ()),
        (" , ;", ()),
        ([], ()),
        ([None, ""], ()),
        ("a@x.example", ("a@x.example",)),
        ("a@x.example, b@x.example;c@x.example", ("a@x.example", "b@x.example", "c@x.example")),
        (["a@x.example", "b@x.example, a@x.example"], ("a@x.example", "b@x.example")),
        ('"Bell, A" <a@x.example>, b@x.example', ("a@x.example", "b@x.example")),
    ],
)
def test_lists_of_addresses(value: object, addresses: tuple[str, ...]) -> None:
    assert address_list(value, part="cc") == addresses


@pytest.mark.parametrize(
    "value", ["anna", "a@x.example, oops", 7, {"a": 1}, ["a@x.example", 3], "a@x.example\nb@x.example"]
)
def test_a_bad_list_names_part_and_variable(value: object) -> None:
    with pytest.raises(RenderError) as caught:
        address_list(value, part="cc", variable="manager")
    assert (caught.value.code, caught.value.part, caught.value.variable) == ("bad_address", "cc", "manager")


def test_too_many_copies() -> None:
    with pytest.raises(RenderError, match=str(MAXIMUM_COPIES)):
        address_list([f"a{number}@x.example" for number in range(MAXIMUM_COPIES + 1)], part="cc")


def test_commas_within_quotes_do_not_separate() -> None:
    assert split_address_list(r'"a\"b, c" <x@x.example>; y@x.example,') == [r'"a\"b, c" <x@x.example>', "y@x.example"]
