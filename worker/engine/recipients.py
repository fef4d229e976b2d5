"""Addresses of recipients: which of them can be written to, and what the ledger keeps of each."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

from worker.imports.phones import NotAPhone, PhoneColumn

__all__ = ["CUT", "LONGEST_RECORDED", "device_token", "mobile_number", "recorded"]

#: What fits into a ledger row and its index; a browser's subscription is longer.
LONGEST_RECORDED: Final = 320
#: Stands between the beginning of a longer one and its digest.
CUT: Final = "…"
_LONGEST_TOKEN: Final = 4096


def mobile_number(text: str, country: str) -> str:
    """A number that can get SMS, as E.164; one without a country code belongs to `country`. ValueError says why not."""
    column = _column(country)
    try:
        number = column.normalised(text)
    except NotAPhone as error:
        raise ValueError(f"not a phone number, expected {error}") from error
    column.check_mobile(number)
    return number


def device_token(text: str) -> str:
    """A device's token, or a browser's subscription as JSON. ValueError says why it is none."""
    if len(text) > _LONGEST_TOKEN:
        raise ValueError(f"a token has at most {_LONGEST_TOKEN:,} characters")
    if not text.startswith("{") and any(character.isspace() for character in text):
        raise ValueError("a token has no blanks")
    if not text.isascii():
        raise ValueError("a token has letters, digits and signs only")
    return text


def recorded(address: str) -> str:
    """The address as the ledger keeps it: itself, or the beginning and the digest of one that is too long."""
    if len(address) <= LONGEST_RECORDED:
        return address
    return f"{address[:24]}{CUT}{hashlib.sha256(address.encode()).hexdigest()}"


@lru_cache(maxsize=32)
def _column(country: str) -> PhoneColumn:
    return PhoneColumn(country)
