"""Reads settings that are tables: one "name = value" in a line."""

from collections.abc import Mapping
from typing import Any, get_args

from worker.providers.declarative.gateway import Kind
from worker.providers.receipts import ReceiptKind

#: What a callback can say, as settings and rules name it.
CALLBACK_NAMES = ("message_id", "reference", "recipient", "status", "code", "detail", "time", "event_id")
_KINDS: tuple[str, ...] = get_args(Kind)


def read_pairs(text: str, separator: str = "=") -> dict[str, str]:
    """The pairs of a text; blank lines are left out. Raises ValueError naming the line."""
    pairs = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, found, value = line.partition(separator)
        if not found or not name.strip():
            raise ValueError(f"Line {number} has no “{separator}”: write “name {separator} value”.")
        pairs[name.strip()] = value.strip()
    return pairs


def read_kinds(text: str) -> dict[str, Any]:
    """Error code or phrase -> what it means. Raises ValueError naming what is no meaning."""
    pairs = {name: kind.lower() for name, kind in read_pairs(text).items()}
    for name, kind in pairs.items():
        if kind not in _KINDS:
            raise ValueError(f"“{kind}” for {name} is none of {', '.join(_KINDS)}.")
    return pairs


def read_statuses(text: str) -> dict[str, ReceiptKind]:
    """A vendor's word for a status, in lower case -> what it says. Raises ValueError naming what is no kind."""
    statuses = {}
    for name, kind in read_pairs(text).items():
        try:
            statuses[name.lower()] = ReceiptKind(kind.lower())
        except ValueError:
            raise ValueError(f"“{kind}” for {name} is none of {', '.join(ReceiptKind)}.") from None
    return statuses


def read_names(text: str) -> dict[str, tuple[str, ...]]:
    """What a callback says -> the names of its parameter, with commas between them. Raises ValueError."""
    names = {}
    for name, value in read_pairs(text).items():
        if name not in CALLBACK_NAMES:
            raise ValueError(f"“{name}” is none of {', '.join(CALLBACK_NAMES)}.")
        names[name] = tuple(part.strip() for part in value.split(",") if part.strip())
    return names


def write_pairs(pairs: Mapping[str, object]) -> str:
    """The text that read_pairs reads."""
    return "\n".join(f"{name} = {value}" for name, value in pairs.items())
