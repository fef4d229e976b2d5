"""Values that are sent and never stored readable: one-time codes.

A record keeps MASK in the place of such a value. Where a worker has to send it, the record also has the values of
each channel, encrypted with the installation's key, under the name SEALED, which no template can read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dashboard.crypto import CannotDecrypt, decrypt, encrypt
from worker.rendering.errors import RenderError

SEALED: Final = "$sealed"
MASK: Final = "••••••"


def masked(secrets: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What a record shows of secrets, which are given by channel."""
    return {name: MASK for values in secrets.values() for name in values}


def sealed(secrets: Mapping[str, Mapping[str, str]], key: str) -> dict[str, str]:
    """What a record keeps of secrets so that a worker can send them."""
    by_channel = {channel: dict(values) for channel, values in secrets.items()}
    return {**masked(secrets), SEALED: encrypt(key, by_channel)}


def opened(values: Mapping[str, Any], channel: str, key: str) -> dict[str, Any]:
    """The values of a record with the secrets of one channel in their places. Raises RenderError."""
    plain = {name: value for name, value in values.items() if name != SEALED}
    try:
        return {**plain, **decrypt(key, str(values[SEALED])).get(channel, {})}
    except CannotDecrypt as problem:
        words = "Its secret values belong to another SECRET_KEY."
        raise RenderError("cannot_open", words, variable=SEALED) from problem


def shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a one-time code's record for whoever looks at the message: nothing that could be the code."""
    plain = {name: value for name, value in values.items() if name != SEALED}
    if MASK in plain.values():
        return plain
    return dict.fromkeys(plain, MASK)
