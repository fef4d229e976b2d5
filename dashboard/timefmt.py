"""Times for people: the zone in use, absolute and relative words, durations. Stored times are aware UTC."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from flask import has_request_context
from flask_login import current_user

from dashboard.current import current_settings

DEFAULT_ZONE: Final = "UTC"
_STEPS: Final = ((60, "second", 1), (3600, "minute", 60), (86400, "hour", 3600), (86400 * 45, "day", 86400))


@cache
def known_zones() -> frozenset[str]:
    """Every IANA name that this machine knows; looking through its files for them takes 4 ms."""
    return frozenset(available_timezones())


def zone_name() -> str:
    """Return the IANA name of the signed-in user's time zone, else the installation's TIME_ZONE."""
    user_zone = getattr(current_user, "time_zone", None) if has_request_context() else None
    return str(user_zone or current_settings().time_zone)


def current_zone() -> ZoneInfo:
    """Return the zone in which times are shown; an unknown name counts as UTC rather than breaking the page."""
    try:
        return ZoneInfo(zone_name())
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(DEFAULT_ZONE)


def as_utc(value: datetime) -> datetime:
    """Return ``value`` as aware UTC. A naive value is UTC already: SQLite gives times back without a zone."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def local(value: datetime) -> datetime:
    """Return ``value`` in the zone in use."""
    return as_utc(value).astimezone(current_zone())


def absolute(value: datetime, *, seconds: bool = False) -> str:
    """Return "24 Nov 2026, 09:05" in the zone in use, with seconds where asked."""
    moment = local(value)
    clock = moment.strftime("%H:%M:%S" if seconds else "%H:%M")
    return f"{moment.day} {moment.strftime('%b %Y')}, {clock}"


def exact(value: datetime) -> str:
    """Return the full form for a tooltip: "Tue 24 Nov 2026, 09:05:12 Europe/Berlin (UTC+1)"."""
    moment = local(value)
    zone, offset = str(moment.tzinfo), offset_words(moment)
    words = zone if zone == offset else f"{zone} ({offset})"
    return f"{moment.strftime('%a')} {absolute(value, seconds=True)} {words}"


def offset_words(moment: datetime) -> str:
    """Return the offset of an aware time as "UTC", "UTC+1" or "UTC+5:30"."""
    minutes = int((moment.utcoffset() or timedelta()).total_seconds() // 60)
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")


def relative(value: datetime, *, now: datetime | None = None) -> str:
    """Return "3 minutes ago" or "in 2 hours"; beyond 45 days the absolute time.

    The same words are made by static/js/app.js when it refreshes ``<time data-rel>``.
    """
    distance = (as_utc(value) - (now or datetime.now(UTC))).total_seconds()
    size = abs(distance)
    if size < 5:
        return "just now"
    for limit, unit, length in _STEPS:
        if size < limit:
            count = int(size // length)
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"in {words}" if distance > 0 else f"{words} ago"
    return absolute(value)


def duration(seconds: float | timedelta | None) -> str:
    """Return a length of time in two units at most: "340 ms", "4.2 s", "3 min 5 s", "2 h 10 min", "3 d 4 h"."""
    if seconds is None:
        return "–"
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    sign, total = ("-", -total) if total < 0 else ("", total)
    if total < 0.9995:
        return f"{sign}{total * 1000:.0f} ms"
    if total < 9.95:
        return f"{sign}{total:.1f}".removesuffix(".0") + " s"
    whole = round(total)
    for large, large_name, small, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= large:
            rest = whole % large // small
            return f"{sign}{whole // large} {large_name}" + (f" {rest} {small_name}" if rest else "")
    return f"{sign}{whole} s"


def iso(value: datetime) -> str:
    """Return the machine form in UTC for ``<time datetime>``."""
    return as_utc(value).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
