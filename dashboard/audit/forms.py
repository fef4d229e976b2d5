"""The filters of the audit log, as they stand in the URL."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from werkzeug.datastructures import MultiDict

from dashboard.audit.queries import Filters
from dashboard.problems import DomainError
from dashboard.timefmt import current_zone


def read_filters(arguments: MultiDict[str, str]) -> Filters:
    """Filters of a query string; days are those of the zone in use, the last one included.

    Raises DomainError(field "since" or "until") for what is not a date.
    """
    return Filters(
        who=arguments.get("who", ""),
        action=arguments.get("action", ""),
        thing=arguments.get("object", ""),
        since=_midnight(arguments.get("since", ""), "since"),
        until=_midnight(arguments.get("until", ""), "until", days=1),
    )


def _midnight(text: str, field: str, days: int = 0) -> datetime | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
    except (ValueError, OverflowError):
        raise DomainError(f"“{text}” is not a date. Write it like 2026-11-24.", field=field, code="bad_date") from None
    return datetime.combine(day, time(), current_zone())
