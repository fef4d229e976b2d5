"""Which value a variable has, and where it came from: global < event < record < call; system values win over all.

System values are made for one message (`unsubscribe_url`, `message_id`) and cannot be set by anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: In rising precedence.
SOURCES: Final = ("global", "event", "record", "call", "system")

#: Names that every message has, whatever its audience.
SYSTEM_VARIABLES: Final = {
    "unsubscribe_url": "Link with which the recipient ends promotional mail",
    "message_id": "Public id of the message",
}


def merge(layers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One dictionary of values from layers named as in SOURCES; a missing layer is an empty one."""
    merged: dict[str, Any] = {}
    for source in SOURCES:
        merged.update(layers.get(source, {}))
    return merged


def sources(layers: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """For every variable the name of the layer that its value comes from."""
    return {name: source for source in SOURCES for name in layers.get(source, {})}


def record_values(
    variables: Mapping[str, Any], *, email: str | None, phone: str | None, external_id: str | None
) -> dict[str, Any]:
    """The record's layer: its variables, and its addresses under the names email, phone and external_id."""
    addresses = {"email": email, "phone": phone, "external_id": external_id}
    return {**{name: value for name, value in addresses.items() if value is not None}, **variables}
