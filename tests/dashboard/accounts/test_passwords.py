"""Which passwords are taken, and how they are kept."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.accounts import passwords
from dashboard.problems import DomainError


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "too_short"),
        ("eleven char", "too_short"),
        ("x" * 257, "too_long"),
        ("Ida.Lovelace@example.com", "own_name"),
        ("aaaaaaaaaaaaaa", "too_easy"),
        ("abcabcabcabcab", "too_easy"),
        ("abcdefghijklmn", "too_easy"),
        ("012345678901", "too_easy"),
        ("QWERTYUIOPAS", "too_easy"),
        ("zyxwvutsrqpon", "too_easy"),
    ],
)
def test_refused_with_a_reason(password: str, code: str) -> None:
    with pytest.raises(DomainError) as refusal:
        passwords.check_new_password(password, own_words=("ida", "ida.lovelace@example.com"))
    assert (refusal.value.field, refusal.value.code) == ("new_password", code)


@pytest.mark.parametrize("password", ["twelve chars", "only letters here", "пароль длинный", "🔑" * 3 + "nine more"])
def test_length_is_all_that_is_asked(password: str) -> None:
    passwords.check_new_password(password, own_words=("ida",))


def test_the_stored_form_is_salted_argon2id(production_hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (production_hasher.memory_cost, production_hasher.time_cost >= 3) == (64 * 1024, True)
    monkeypatch.setattr(passwords, "_hasher", production_hasher)
    first, second = (passwords.hash_password("correct horse battery") for _ in range(2))
    assert first != second
    assert first.startswith("$argon2id$")
    assert passwords.matches(first, "correct horse battery")
    assert not passwords.matches(first, "correct horse batterY")
    assert not passwords.needs_new_hash(first)


def test_the_same_letters_from_another_keyboard_match() -> None:
    assert passwords.matches(passwords.hash_password("Stra\u00dfe \u00e9t\u00e9 1"), "Stra\u00dfe e\u0301te\u0301 1")


def test_nobody_and_a_broken_hash_match_nothing() -> None:
    assert not passwords.matches(None, "anything")
    assert not passwords.matches("not a hash", "anything")


@settings(max_examples=50)
@given(st.integers(1, 8))
def test_made_passwords_are_readable_and_pass_the_rules(groups: int) -> None:
    made = passwords.readable_password(groups)
    assert len(made) == groups * 6 - 1
    assert not set(made) & set("01il")
    if groups > 2:
        passwords.check_new_password(made)
