"""The token in an unsubscribe link: which message it is about, and proof that we made it.

`<13 characters of the message id><20 hex digits of a keyed hash>`: no table to keep, nothing to guess (80 bits), and
a mail client may ask for it years later.
"""

from __future__ import annotations

from dashboard.crypto import keyed_hash, same
from dashboard.current import current_settings
from dashboard.ids import parse_public_id, public_id

_PREFIX = "msg"
_PURPOSE = "unsubscribe"
_ID_LENGTH = 13
_PROOF_LENGTH = 20


def unsubscribe_token(message_id: int, *, key: str | None = None) -> str:
    """The token for a message; `key` is the installation's, given by bulk code that has it at hand."""
    body = public_id(_PREFIX, message_id)[-_ID_LENGTH:]
    return body + _proof(body, key)


def read_unsubscribe_token(token: str, *, key: str | None = None) -> int | None:
    """The id of the message that the token was made for, or None where we did not make it."""
    body, proof = token[:_ID_LENGTH], token[_ID_LENGTH:]
    if not token.isascii() or not same(proof, _proof(body, key)):
        return None
    try:
        return parse_public_id(_PREFIX, f"{_PREFIX}_{body}")
    except ValueError:
        return None


def unsubscribe_url(base_url: str, message: str, *, key: str) -> str:
    """The link as it stands in the mail and in its List-Unsubscribe header; `message` is its public id."""
    body = message[-_ID_LENGTH:]
    return f"{base_url}/u/{body}{keyed_hash(key, _PURPOSE, body)[:_PROOF_LENGTH]}"


def _proof(body: str, key: str | None) -> str:
    return keyed_hash(key or current_settings().key, _PURPOSE, body)[:_PROOF_LENGTH]
