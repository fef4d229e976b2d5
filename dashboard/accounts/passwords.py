"""Passwords: how they are hashed and compared, and which ones are refused.

Argon2id with argon2-cffi's parameters takes 64 MiB and about 110 ms for one hash; sixteen web threads at once would
take 1 GiB, so four hash at a time and the others wait.
"""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dashboard.problems import DomainError

MINIMUM_LENGTH: Final = 12
#: Longer input is refused before it is hashed: nobody types it, and hashing megabytes is a way to busy a server.
MAXIMUM_LENGTH: Final = 256
#: No 0/o, 1/l/i: the first password is read from a terminal and typed.
_READABLE: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_SEQUENCES: Final = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")

_hasher = PasswordHasher()
_at_a_time = BoundedSemaphore(4)


def hash_password(password: str) -> str:
    """The stored form of a password (argon2id with its own salt and parameters)."""
    with _at_a_time:
        return _hasher.hash(_normal(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether `password` is the one behind `stored`; None (no such user) costs the same work and is False."""
    with _at_a_time:
        try:
            return _hasher.verify(stored or _nobody(), _normal(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def needs_new_hash(stored: str) -> bool:
    """Whether `stored` was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def check_new_password(password: str, *, own_words: tuple[str, ...] = ()) -> None:
    """Raise DomainError(field "new_password") for a password that is too short, too long or guessed first.

    NIST SP 800-63B: length counts, no rules about kinds of characters; refused are what attackers try at once:
    the person's own name or address (`own_words`), one thing repeated, keys or letters in their order.
    """
    normal = _normal(password).casefold()
    if len(normal) < MINIMUM_LENGTH:
        raise DomainError(
            f"Use at least {MINIMUM_LENGTH} characters. Four ordinary words in a row make a good password.",
            field="new_password",
            code="too_short",
        )
    if len(normal) > MAXIMUM_LENGTH:
        raise DomainError(f"Use at most {MAXIMUM_LENGTH} characters.", field="new_password", code="too_long")
    if normal in {word.casefold() for word in own_words if word}:
        raise DomainError("Your own name or address is guessed first.", field="new_password", code="own_name")
    if _is_repetition(normal) or _is_sequence(normal):
        raise DomainError(
            "That is one of the first passwords anybody would try. Four ordinary words in a row are better.",
            field="new_password",
            code="too_easy",
        )


def readable_password(groups: int = 4) -> str:
    """A random password of `groups` times five letters and digits, 99 bits for four, without look-alikes."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(5)) for _ in range(groups))


def _normal(password: str) -> str:
    """One form for what different keyboards send for the same letters (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


@cache
def _nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))


def _is_repetition(text: str) -> bool:
    """Whether the text is a piece of at most six characters, again and again ("abcabcabcabc")."""
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, 7))


def _is_sequence(text: str) -> bool:
    return any(text in sequence or text in sequence[::-1] for sequence in _SEQUENCES)
