"""The variables of an event: what its payload brings, inferred from an example, and the check of what came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Self

from dashboard.events.models import ValueType
from dashboard.events.paths import find
from dashboard.problems import DomainError

MOST_VARIABLES: Final = 200
MOST_BYTES: Final = 65_536
_PATH: Final = re.compile(r"[A-Za-z_]\w{0,79}(\.[A-Za-z_]\w{0,79}){0,7}", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")
#: Names whose values are most likely about a person.
_PERSONAL: Final = re.compile(r"(?i)e?mail|phone|mobile|name$|address|street|birth|otp|password|token|card")
#: Recipients bring these; an event that brought them too would hide who is written to.
_RESERVED: Final = frozenset({"message_id", "unsubscribe_url"})


class InvalidPayload(DomainError):
    """The payload does not fit; `field` is the place, such as `payload.order.items.0.sku`."""


@dataclass(frozen=True, slots=True)
class EventVariable:
    """One variable. `sample` is any JSON value; `pii` hides it in the log."""

    path: str
    type: ValueType = ValueType.TEXT
    required: bool = False
    sample: Any = None
    pii: bool = False

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """From the event's column."""
        return cls(row["path"], ValueType(row["type"]), row["required"], row.get("sample"), row.get("pii", False))

    def written(self) -> dict[str, Any]:
        """As the column has it."""
        return {**asdict(self), "type": self.type.value}


def read_variables(rows: Sequence[Mapping[str, Any]]) -> list[EventVariable]:
    """The variables of an event's column."""
    return [EventVariable.read(row) for row in rows]


def check_variables(variables: Sequence[EventVariable]) -> None:
    """Raise DomainError(field="variables") for paths that templates could not read, or that are there twice."""
    if len(variables) > MOST_VARIABLES:
        raise DomainError(f"An event has at most {MOST_VARIABLES} variables.", field="variables")
    seen = set()
    for variable in variables:
        if not _PATH.fullmatch(variable.path):
            words = f"“{variable.path[:80]}” is no path. Write letters, digits and _, with dots between: order.id."
            raise DomainError(words, field="variables")
        if variable.path in _RESERVED:
            raise DomainError(f"{variable.path} is made for every message by itself.", field="variables")
        if variable.path in seen:
            raise DomainError(f"{variable.path} is there twice.", field="variables")
        seen.add(variable.path)


def infer(payload: Mapping[str, Any]) -> list[EventVariable]:
    """The variables of an example: all required, but for the fields of list items, which a list may lack."""
    found: dict[str, EventVariable] = {}
    for variable in _inferred(payload, "", required=True):
        if variable.path not in found and _PATH.fullmatch(variable.path) and variable.path not in _RESERVED:
            found[variable.path] = variable
    return list(found.values())[:MOST_VARIABLES]


def _inferred(value: Mapping[str, Any], place: str, *, required: bool) -> Iterator[EventVariable]:
    for name, one in value.items():
        path = f"{place}.{name}" if place else name
        if isinstance(one, dict) and one:
            yield from _inferred(one, path, required=required)
            continue
        personal = bool(_PERSONAL.search(name))
        yield EventVariable(path, type_of(one), required and one is not None, one, personal)
        if isinstance(one, list):
            for item in one:
                if isinstance(item, dict):
                    yield from _inferred(item, path, required=False)


def type_of(value: Any) -> ValueType:
    """The type of a JSON value; null counts as text."""
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    if isinstance(value, (int, float)):
        return ValueType.NUMBER
    if isinstance(value, list):
        return ValueType.LIST
    if isinstance(value, dict):
        return ValueType.OBJECT
    return ValueType.MOMENT if isinstance(value, str) and _MOMENT.fullmatch(value) else ValueType.TEXT


def check_payload(payload: Mapping[str, Any], variables: Iterable[EventVariable]) -> None:
    """Raise InvalidPayload at the first place that does not fit. Fields that no variable names are let through."""
    if len(json.dumps(payload)) > MOST_BYTES:
        raise InvalidPayload(f"A payload has at most {MOST_BYTES // 1024} KiB.", field="payload", code="too_large")
    for variable in variables:
        found = find(payload, variable.path)
        if variable.required and found.missing:
            place = f"payload.{found.missing[0]}"
            raise InvalidPayload(f"{place} is missing.", field=place, code="missing")
        for place, value in found.values.items():
            if not fits(value, variable.type):
                words = f"payload.{place} has to be {_NAMES[variable.type]}."
                raise InvalidPayload(words, field=f"payload.{place}", code="wrong_type")


_NAMES: Final = {
    ValueType.TEXT: "text",
    ValueType.NUMBER: "a number",
    ValueType.BOOLEAN: "true or false",
    ValueType.MOMENT: "a date or a moment like 2026-11-24T09:00:00Z",
    ValueType.LIST: "a list",
    ValueType.OBJECT: "an object",
}


def fits(value: Any, kind: ValueType) -> bool:
    """Whether a JSON value is of the type. Numbers pass as text: ids are written either way."""
    if kind is ValueType.TEXT:
        return isinstance(value, (str, int, float)) and not isinstance(value, bool)
    if kind is ValueType.NUMBER:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is ValueType.MOMENT:
        return isinstance(value, str) and moment(value) is not None
    return isinstance(value, {ValueType.BOOLEAN: bool, ValueType.LIST: list, ValueType.OBJECT: dict}[kind])


def moment(text: str) -> datetime | None:
    """The moment that an ISO text names; without a zone it is taken for UTC by those who compare. None for none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def samples(variables: Iterable[EventVariable]) -> dict[str, Any]:
    """A payload made of the sample values."""
    payload: dict[str, Any] = {}
    for variable in variables:
        if variable.sample is None:
            continue
        *way, last = variable.path.split(".")
        place: Any = payload
        for part in way:
            place = place.setdefault(part, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.setdefault(last, variable.sample)
    return payload
