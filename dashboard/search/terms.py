"""What a pasted text may be: one of our ids, an address, a phone number, or words. Reads nothing, decides by shape."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parseaddr
from enum import StrEnum
from typing import Final

from dashboard.ids import ALPHABET

LONGEST: Final = 400  # characters; a whole Message-ID header or a link fits
_PUBLIC_ID: Final = re.compile(rf"(?<![0-9a-z])([a-z]{{3}}_[{ALPHABET}]{{13}})(?![0-9a-z])")
_PHONE: Final = re.compile(r"(?:\+|00)?[\d\s()./-]{6,24}")
_SEPARATORS: Final = re.compile(r"[^\d]")
#: E.164 has 15 digits at most; fewer than 7 are an extension, a code or a year.
_DIGITS: Final = range(7, 16)


class TermKind(StrEnum):
    ID = "id"
    ADDRESS = "address"  # an email address, or the beginning of one up to its @
    PHONE = "phone"  # with its country
    DIGITS = "digits"  # a phone number without country, or a provider's id
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Term:
    """`value`: the id, address, "+…" or text to look for, without what was pasted around it."""

    kind: TermKind
    value: str


def read_term(text: str) -> Term:
    """Tell what was pasted. A link or a Message-ID header with one of our ids in it counts as that id (the last)."""
    text = " ".join(text.split())
    ids = _PUBLIC_ID.findall(text.lower())
    if ids:
        return Term(TermKind.ID, ids[-1])
    bare = re.sub(r"^(?:mailto|tel):", "", text, flags=re.IGNORECASE)
    if "@" in bare:
        return Term(TermKind.ADDRESS, _address(bare))
    if _PHONE.fullmatch(bare):
        digits = _SEPARATORS.sub("", bare)
        if bare.startswith("+") and len(digits) in _DIGITS:
            return Term(TermKind.PHONE, f"+{digits}")
        if digits.startswith("00") and len(digits) - 2 in _DIGITS:
            return Term(TermKind.PHONE, f"+{digits[2:]}")
        if len(digits) in _DIGITS:
            return Term(TermKind.DIGITS, digits)
    return Term(TermKind.WORDS, text)


def _address(text: str) -> str:
    """The address in "Ada Lovelace <ada@example.com>", lower case, its domain as the ledger keeps it (ASCII)."""
    found = parseaddr(text)[1] if "<" in text else text
    address = (found or text).strip("<> ").lower()
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}" if domain and not domain.isascii() else address
    except UnicodeError:
        return address
