"""Secrets and signatures of webhook deliveries, laid out as the Standard Webhooks specification says."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

PREFIX: Final = "whsec_"
#: How long deliveries carry a signature of the old secret too, after a rotation.
OVERLAP: Final = timedelta(hours=24)
_SECRET_BYTES: Final = 32


def new_secret() -> str:
    """`whsec_` and 256 random bits in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of id, timestamp (seconds since 1970) and body, in base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def headers(keys: Sequence[str], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; a signature for each secret that is valid, the current one first."""
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, event_id, timestamp, body) for key in keys),
    }
