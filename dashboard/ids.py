"""Time-ordered integer ids and their public form, `msg_01jd…`.

An id is `milliseconds since 1970 << 20 | low bits`. For single objects the low bits are random; the messages of a
job get one block, `first_message_id + record_no`, taken from the database (`jobs.services`), so a message has its id
before its row exists and a resend after a crash carries the same Message-ID. A date range is an id range.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

LOW_BITS = 20
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32, lower case
_VALUES = {character: index for index, character in enumerate(ALPHABET)}
_LENGTH = 13  # 13 * 5 bits >= 63
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]  # two digits at once: every message has an id


def new_id() -> int:
    """An id for one object made now."""
    return time.time_ns() // 1_000_000 << LOW_BITS | secrets.randbits(LOW_BITS)


def id_at(moment: datetime) -> int:
    """The smallest id of that moment (a datetime with zone)."""
    return int(moment.timestamp() * 1000) << LOW_BITS


def time_of(identifier: int) -> datetime:
    """When the id was made, in UTC."""
    return datetime.fromtimestamp((identifier >> LOW_BITS) / 1000, tz=UTC)


def public_id(prefix: str, identifier: int) -> str:
    """`msg_` and thirteen characters; sorts as the number does."""
    pairs = _PAIRS
    return (
        f"{prefix}_{ALPHABET[identifier >> 60 & 31]}{pairs[identifier >> 50 & 1023]}{pairs[identifier >> 40 & 1023]}"
        f"{pairs[identifier >> 30 & 1023]}{pairs[identifier >> 20 & 1023]}{pairs[identifier >> 10 & 1023]}"
        f"{pairs[identifier & 1023]}"
    )


def parse_public_id(prefix: str, text: str) -> int:
    """The number behind a public id; ValueError where it is not one of that prefix."""
    head, separator, body = text.strip().lower().partition("_")
    if not separator or head != prefix or len(body) != _LENGTH:
        raise ValueError(f"not a {prefix}_ id: {text!r}")
    value = 0
    for character in body:
        if character not in _VALUES:
            raise ValueError(f"not a {prefix}_ id: {text!r}")
        value = value << 5 | _VALUES[character]
    if value >= 1 << 63:
        raise ValueError(f"not a {prefix}_ id: {text!r}")
    return value
