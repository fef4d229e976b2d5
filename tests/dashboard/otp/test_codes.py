"""Codes out of seeds, and the hash that recognises them."""

from __future__ import annotations

import pytest

from dashboard.otp.codes import LENGTHS, UNAMBIGUOUS, code_of, hash_of, new_seed

pytestmark = pytest.mark.sqlite_only
KEY = "a key of the installation"
BOUND = {"request_id": 7, "destination": "+919820012345", "purpose": "login"}


@pytest.mark.parametrize("length", LENGTHS)
def test_a_seed_has_one_code_of_the_wanted_kind(length: int) -> None:
    seed = new_seed()
    number, mixed = code_of(seed, length, "numeric"), code_of(seed, length, "alphanumeric")
    assert (len(number), len(mixed)) == (length, length)
    assert number.isdigit()
    assert set(mixed) <= set(UNAMBIGUOUS)
    assert code_of(seed, length, "alphanumeric") == mixed


def test_codes_are_told_apart_and_every_character_is_used() -> None:
    codes = {code_of(new_seed(), 8, "alphanumeric") for _ in range(400)}
    assert len(codes) == 400
    assert set("".join(codes)) == set(UNAMBIGUOUS)
    assert not set("0O1IL") & set(UNAMBIGUOUS)


def test_how_it_is_typed_does_not_matter() -> None:
    assert hash_of("ab3d-9k 2m", KEY, **BOUND) == hash_of("AB3D9K2M", KEY, **BOUND)


@pytest.mark.parametrize("other", [{"request_id": 8}, {"destination": "+919820012346"}, {"purpose": "pay"}])
def test_the_hash_is_bound_to_request_destination_and_purpose(other: dict[str, object]) -> None:
    assert hash_of("123456", KEY, **BOUND) != hash_of("123456", KEY, **(BOUND | other))
    assert hash_of("123456", KEY, **BOUND) != hash_of("123456", "another key", **BOUND)
