"""What a key looks like, and how its secret is kept: as an HMAC under SECRET_KEY, never in clear."""

from __future__ import annotations

import secrets
import string
from typing import Final

from dashboard.crypto import keyed_hash, same

_HEAD: Final = "car"
_LETTERS: Final = string.ascii_lowercase + string.digits
#: 8 letters find the row (41 bits: a clash is refused by the database), 32 prove it (165 bits).
_PREFIX_LENGTH: Final = 8
_SECRET_LENGTH: Final = 32


def new_prefix() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_PREFIX_LENGTH))


def new_token(prefix: str) -> str:
    """A whole key for a prefix; shown once."""
    secret = "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_LENGTH))
    return f"{_HEAD}_{prefix}_{secret}"


def prefix_of(token: str) -> str:
    """The part that finds the row; empty where the text is no key of ours."""
    parts = token.split("_")
    well_formed = len(parts) == 3 and parts[0] == _HEAD and len(token) <= 80 and token.isascii()
    return parts[1] if well_formed else ""


def hash_of(token: str, key: str) -> str:
    """What is stored of a token; `key` is the installation's SECRET_KEY."""
    return keyed_hash(key, "api-key", token)


def matches(token: str, stored: str, key: str) -> bool:
    """Constant time, also where nothing is stored."""
    return same(hash_of(token, key), stored or "-" * 64) and bool(stored)
