"""Making codes out of random seeds (HOTP, RFC 4226, by pyotp) and recognising them by a keyed hash."""

from __future__ import annotations

import re
from typing import Final

import pyotp

from dashboard.crypto import keyed_hash
from dashboard.otp.models import Alphabet

#: Without 0 O 1 I L: nobody has to guess which one is meant.
UNAMBIGUOUS: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTHS: Final = (4, 6, 8)
_ROOM: Final = re.compile(r"[\s-]+")


def new_seed() -> str:
    """160 random bits in base32."""
    return pyotp.random_base32()


def code_of(seed: str, length: int, alphabet: str) -> str:
    """The code of a seed: always the same one."""
    if alphabet == Alphabet.NUMERIC:
        return pyotp.HOTP(seed, digits=9).at(0)[-length:]
    # One value of nine digits for each character: 10^9 over 31 leaves no letter visibly more often than another.
    values = (int(pyotp.HOTP(seed, digits=9).at(place)) for place in range(length))
    return "".join(UNAMBIGUOUS[value % len(UNAMBIGUOUS)] for value in values)


def hash_of(code: str, key: str, *, request_id: int, destination: str, purpose: str) -> str:
    """The keyed hash of a code as it is typed; it fits one request, one destination and one purpose only."""
    typed = _ROOM.sub("", code).upper()
    return keyed_hash(key, "otp-code", f"{request_id}\n{destination}\n{purpose}\n{typed}")
