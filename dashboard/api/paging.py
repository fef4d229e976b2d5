"""Lists by cursor: `next` of one page is `after` of the following one, null at the end."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from dashboard.api.errors import Refused
from dashboard.api.resource import Output
from dashboard.ids import parse_public_id, public_id
from dashboard.paging import Slice


class Paged(Output):
    """A page of a list."""

    next: str | None = Field(None, description="Pass it as `after` to read on; null at the end.")


def limit_field() -> Any:
    """How many a page has."""
    return Field(50, ge=1, le=200, description="Items of a page.")


def cursor_of(prefix: str, text: str | None) -> int | None:
    """The id behind a cursor. Raises Refused (422) for what is none."""
    if not text:
        return None
    try:
        return parse_public_id(prefix, text)
    except ValueError as error:
        raise Refused(
            422, "invalid", "This is no cursor of this list.", field="after", hint="Pass `next` of the page before."
        ) from error


def next_of(page: Slice[Any], prefix: str) -> str | None:
    """The cursor that follows a page of rows with an `id`."""
    return public_id(prefix, page.rows[-1].id) if page.rows and page.has_older else None
