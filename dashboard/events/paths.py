"""Values of a payload by dotted path. A list on the way is looked through: `items.sku` is the sku of every item."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, Final

MASK: Final = "•••"


@dataclass(slots=True)
class Found:
    """`values` by the exact place (`items.0.sku`), and the places where there is nothing, or null."""

    values: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def find(payload: Any, path: str) -> Found:
    """Everything that a path leads to."""
    found = Found()
    _walk(payload, path.split("."), "", found)
    return found


def _walk(value: Any, parts: list[str], place: str, found: Found) -> None:
    if not parts:
        if value is None:
            found.missing.append(place)
        else:
            found.values[place] = value
    elif isinstance(value, list):
        for number, one in enumerate(value):
            _walk(one, parts, _joined(place, str(number)), found)
    elif isinstance(value, dict) and parts[0] in value:
        _walk(value[parts[0]], parts[1:], _joined(place, parts[0]), found)
    else:
        found.missing.append(_joined(place, parts[0]))


def masked(payload: dict[str, Any], paths: list[str]) -> dict[str, Any]:
    """A copy in which what the paths lead to cannot be read."""
    hidden = copy.deepcopy(payload)
    for path in paths:
        for place in find(hidden, path).values:
            _hide(hidden, place.split("."))
    return hidden


def _hide(value: Any, parts: list[str]) -> None:
    for part in parts[:-1]:
        value = value[int(part)] if isinstance(value, list) else value[part]
    if isinstance(value, list):
        value[int(parts[-1])] = MASK
    elif isinstance(value, dict):
        value[parts[-1]] = MASK


def _joined(place: str, part: str) -> str:
    return f"{place}.{part}" if place else part
