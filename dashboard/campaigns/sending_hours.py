"""The hours in which a campaign may be sent: read from the form, and told in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dashboard.problems import DomainError
from dashboard.timefmt import known_zones
from worker.engine.send_window import SendWindow

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SOON = timedelta(hours=20)  # until then the hour alone says which one is meant


def read_hours(*, opens: str, closes: str, days: Sequence[str], zone: str, column: str = "") -> dict[str, Any]:
    """The column of a campaign from what was typed, {} where no hours are. DomainError at the field at fault."""
    if not opens.strip() and not closes.strip():
        return {}
    chosen = frozenset(int(day) for day in days if day in {"0", "1", "2", "3", "4", "5", "6"})
    if not chosen:
        raise DomainError("Choose at least one day.", field="window_days", code="required")
    if zone.strip() not in known_zones():
        words = "There is no such time zone. Write an IANA name such as Europe/Berlin or Asia/Kolkata."
        raise DomainError(words, field="window_zone", code="unknown_zone")
    return SendWindow(
        opens=_hour(opens, "window_opens"),
        closes=_hour(closes, "window_closes"),
        days=chosen,
        zone=zone.strip(),
        column=column,
    ).written()


def _hour(text: str, field: str) -> time:
    try:
        hour = time.fromisoformat(text.strip())
    except ValueError:
        hour = None
    if hour is None or hour.tzinfo is not None:
        raise DomainError("Write it as hours and minutes, such as 09:00.", field=field, code="not_a_time")
    return hour.replace(second=0, microsecond=0)


def hours_words(values: Mapping[str, Any]) -> str:
    """ "09:00 to 18:00, Monday to Friday, Asia/Kolkata"; "" for no hours."""
    if not values:
        return ""
    hours = "all day" if values["opens"] == values["closes"] else f"{values['opens']} to {values['closes']}"
    place = f"in each recipient's zone ({values['column']})" if values.get("column") else values["zone"]
    return f"{hours}, {_days_words(values['days'])}, {place}"


def _days_words(days: Sequence[int]) -> str:
    chosen = sorted(days)
    if len(chosen) == len(DAYS):
        return "every day"
    if len(chosen) > 2 and chosen[-1] - chosen[0] == len(chosen) - 1:
        return f"{DAYS[chosen[0]]} to {DAYS[chosen[-1]]}"
    return ", ".join(DAYS[day] for day in chosen)


def until_words(moment: datetime, zone: str, now: datetime) -> str:
    """ "09:00 Asia/Kolkata", with its day where that is not the next such hour."""
    there = moment.astimezone(ZoneInfo(zone))
    if moment - now < _SOON:
        return f"{there:%H:%M} {zone}"
    return f"{there:%a} {there.day} {there:%b}, {there:%H:%M} {zone}"
