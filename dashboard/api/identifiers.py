"""Public ids in paths and bodies."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, StrictInt

from dashboard.api.errors import Refused
from dashboard.events.queries import event_named
from dashboard.ids import parse_public_id
from dashboard.problems import NotFound

PublicId = Annotated[str, Field(min_length=1, max_length=40)]
Name = Annotated[str, Field(min_length=1, max_length=160)]
Tags = Annotated[list[Annotated[str, Field(min_length=1, max_length=40)]], Field(max_length=20)]
Version = Annotated[
    StrictInt | None, Field(ge=1, le=2_000_000_000, description="Refuse where it was saved since (409).")
]


def _written_out(value: Any) -> Any:
    """Numbers would be taken for seconds since 1970; nobody means that."""
    if value is not None and not (isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value)):
        raise ValueError("has to be written like 2026-11-24 or 2026-11-24T09:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
Day = Annotated[date, BeforeValidator(_written_out)]


def found_id(prefix: str, text: str, what: str) -> int:
    """The id in a path. Raises NotFound for what cannot be one."""
    try:
        return parse_public_id(prefix, text)
    except ValueError as error:
        raise NotFound(f"There is no {what} {text}.") from error


def named_id(prefix: str, text: str | None, field: str) -> int | None:
    """The id in a body. Raises Refused (422) for what cannot be one."""
    if text is None:
        return None
    try:
        return parse_public_id(prefix, text)
    except ValueError as error:
        raise Refused(422, "invalid", f"{text} is no id of this kind ({prefix}_…).", field=field) from error


def named_event(text: str | None, field: str = "event") -> int | None:
    """The id of an event by its slug or id, also of one that was deleted. Raises Refused (422) for neither."""
    if text is None:
        return None
    try:
        return parse_public_id("evt", text)
    except ValueError:
        pass
    try:
        return event_named(text).id
    except NotFound as error:
        raise Refused(422, "invalid", f"There is no event {text}.", field=field) from error
