"""Return paths that say which message came back (VERP): `bounces+<token>@example.com`.

The token is `<13 characters of the message id><16 hex digits of a keyed hash>`: nobody can guess one (64 bits), letter
case does not matter, and with its plus sign it leaves 34 of the 64 characters of a local part (RFC 5321, 4.5.3.1.1).
"""

from __future__ import annotations

import re

from dashboard.crypto import keyed_hash, same
from dashboard.ids import parse_public_id, public_id

_PREFIX = "msg"
_PURPOSE = "return path"
_ID_LENGTH = 13
_TOKEN = re.compile(r"\+([0-9a-z]{29})@", re.IGNORECASE)


def return_address(bounce_address: str, message_id: int, *, key: str) -> str:
    """The envelope sender of a message: the bounce address ("bounces@example.com") with the message's token in it."""
    local, _, domain = bounce_address.rpartition("@")
    body = public_id(_PREFIX, message_id)[len(_PREFIX) + 1 :]
    return f"{local}+{body}{_proof(body, key)}@{domain}"


def message_of_return_address(text: str, *, key: str) -> int | None:
    """The id of the message whose token stands in an address, or among several; None where we made none of them."""
    for token in _TOKEN.findall(text[:10_000]):
        body, proof = token[:_ID_LENGTH].lower(), token[_ID_LENGTH:].lower()
        if same(proof, _proof(body, key)):
            try:
                return parse_public_id(_PREFIX, f"{_PREFIX}_{body}")
            except ValueError:
                continue
    return None


def _proof(body: str, key: str) -> str:
    return keyed_hash(key, _PURPOSE, body)[:16]
