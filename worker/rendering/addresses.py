"""Email addresses as they stand in headers and envelopes.

The common case, an ASCII address without quotes, is one regular expression (0.3 µs); everything else takes the
slow path: quoted local parts, internationalized domains (sent as punycode), local parts that need SMTPUTF8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import idna

from worker.rendering.errors import RenderError

__all__ = [
    "address_list",
    "ascii_address",
    "check_address",
    "needs_smtputf8",
    "split_address_list",
    "split_display_name",
]

MAXIMUM_COPIES: Final = 50
"""Most cc plus bcc addresses of one message: beyond that it is a mailing that belongs into an audience."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ASCII_ADDRESS = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@({_LABEL}(?:\.{_LABEL})*)")
_QUOTED_LOCAL = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"')
_LOCAL_CHARACTERS = re.compile(r"[^\s\x00-\x20\x7f-\xa0()<>\[\]:;@\\,\"\ud800-\udfff]+")


def needs_smtputf8(address: str) -> bool:
    """Whether only a server with SMTPUTF8 can take this address: its local part is not ASCII.

    A domain that is not ASCII needs no extension, it travels as punycode.
    """
    return not address.isascii() and not address.rpartition("@")[0].isascii()


def check_address(address: str) -> str:
    """The address as it goes over the wire (domain in punycode). Raises ValueError with the reason."""
    if len(address) <= 254 and (match := _ASCII_ADDRESS.fullmatch(address)) and len(match[1]) <= 64:
        return address
    return _check_unusual(address)


def ascii_address(address: str) -> str:
    """The address with its domain in punycode and its local part as it is; what cannot be encoded stays as it is."""
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except (idna.IDNAError, UnicodeError):
        return address


@lru_cache(maxsize=1024)
def _check_unusual(address: str) -> str:
    if not address:
        raise ValueError("the address is empty")
    local, at, domain = address.rpartition("@")
    if not at:
        raise ValueError("an @ is missing")
    if not _QUOTED_LOCAL.fullmatch(local):
        _check_local(local)
    if len(local.encode("utf-8", "replace")) > 64:
        raise ValueError("the part before the @ is longer than 64 bytes")
    host = _ascii_host(domain)
    if len(host) + 1 + len(local.encode("utf-8", "replace")) > 254:
        raise ValueError("the address is longer than 254 bytes")
    return f"{local}@{host}"


def _check_local(local: str) -> None:
    if not local:
        raise ValueError("nothing stands before the @")
    if not _LOCAL_CHARACTERS.fullmatch(local):
        raise ValueError("a space or a character that is not allowed stands before the @")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise ValueError("a dot stands at the edge of the part before the @, or twice in a row")


def _ascii_host(domain: str) -> str:
    if not domain:
        raise ValueError("nothing stands after the @")
    try:
        host = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        host = ""
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise ValueError("the part after the @ is not a domain name")
    return host


def split_display_name(text: str) -> tuple[str, str]:
    """("Anna Bell", "anna@x.example") from "Anna Bell <anna@x.example>"; an empty name for a bare address."""
    text = text.strip()
    if not text.endswith(">") or "<" not in text:
        return "", text
    name, _, address = text[:-1].rpartition("<")
    name = name.strip()
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return name, address.strip()


def address_list(value: Any, *, part: str, variable: str | None = None) -> tuple[str, ...]:
    """Checked bare addresses from an address, a comma or semicolon separated string, or a list of addresses.

    None, blank strings and empty lists give none. Raises RenderError("bad_address") naming the address at fault.
    """
    addresses: dict[str, None] = {}
    for text in _pieces(value, part, variable):
        try:
            addresses[check_address(split_display_name(text)[1])] = None
        except ValueError as error:
            shown = text if len(text) <= 80 else f"{text[:77]}..."
            raise RenderError(
                "bad_address", f"{shown!r} is not an email address: {error}", part=part, variable=variable
            ) from error
    if len(addresses) > MAXIMUM_COPIES:
        raise RenderError(
            "bad_address", f"{len(addresses)} addresses, more than {MAXIMUM_COPIES}", part=part, variable=variable
        )
    return tuple(addresses)


def _pieces(value: Any, part: str, variable: str | None) -> Iterable[str]:
    if value is None:
        return ()
    if isinstance(value, str):
        return split_address_list(value)
    if isinstance(value, (list, tuple)) and all(item is None or isinstance(item, str) for item in value):
        return [piece for item in value if item for piece in split_address_list(item)]
    raise RenderError(
        "bad_address",
        f"an address or a list of addresses is expected, not {type(value).__name__}",
        part=part,
        variable=variable,
    )


def split_address_list(text: str) -> list[str]:
    """The text cut at commas and semicolons that do not stand inside quotes."""
    if '"' not in text:
        return [piece for raw in text.replace(";", ",").split(",") if (piece := raw.strip())]
    pieces = [""]
    quoted = escaped = False
    for character in text:
        if character in ",;" and not quoted:
            pieces.append("")
            continue
        pieces[-1] += character
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = quoted and character == "\\" and not escaped
    return [piece for raw in pieces if (piece := raw.strip())]
