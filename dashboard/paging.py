"""Keyset paging, newest first: a page is what lies after or before an id, so it costs the same at any depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from dashboard.extensions import db

Row = TypeVar("Row")
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """The rows of one page, newest first, and whether there are more on either side."""

    rows: Sequence[Row]
    has_newer: bool
    has_older: bool


@dataclass(frozen=True, slots=True)
class Pager:
    """What the macro `ui.pager` needs: addresses of the neighbouring pages (None = none) and a line of words."""

    newer_url: str | None
    older_url: str | None
    summary: str = ""


def fetch_slice(
    statement: Select[Row],
    column: InstrumentedAttribute[int],
    *,
    after: int | None = None,
    before: int | None = None,
    size: int = PAGE_SIZE,
) -> Slice[Row]:
    """Rows of `statement` in falling order of `column`: older than `after`, or newer than `before`, or the newest."""
    if before is not None:
        rows = _scalars(statement.where(column > before).order_by(column.asc()).limit(size + 1))
        more = len(rows) > size
        return Slice(list(reversed(rows[:size])), has_newer=more, has_older=True)
    if after is not None:
        statement = statement.where(column < after)
    rows = _scalars(statement.order_by(column.desc()).limit(size + 1))
    return Slice(rows[:size], has_newer=after is not None, has_older=len(rows) > size)


def pager(page: Slice[Any], url: Callable[..., str], id_of: Callable[[Any], str], summary: str = "") -> Pager:
    """Addresses of the pages beside this one; `url(after=…, before=…)` is usually `htmx.canonical_url`."""
    newer = url(before=id_of(page.rows[0]), after=None) if page.rows and page.has_newer else None
    older = url(after=id_of(page.rows[-1]), before=None) if page.rows and page.has_older else None
    return Pager(newer, older, summary)


def _scalars(statement: Select[Row]) -> list[Row]:
    return list(db.session.scalars(statement))
