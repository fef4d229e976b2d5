"""Wall-clock times in named zones, turned into moments: what "9 o'clock in Berlin" means, also in the two hours a
year in which it means nothing or two things. Moments are aware datetimes in UTC, wall times naive ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from dashboard.problems import DomainError
from dashboard.timefmt import duration, known_zones, offset_words

WALL_FORMAT = "%Y-%m-%dT%H:%M"  # what <input type="datetime-local"> sends
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class WallClock:
    """A wall time in a zone: `moments` holds none (the clocks jump over it), one, or two (the hour comes twice).

    For a time that does not exist `neighbours` are the last wall time before the jump and the first one after it.
    """

    wall: datetime
    zone: str
    moments: tuple[datetime, ...]
    neighbours: tuple[datetime, ...] = ()

    @property
    def doubled(self) -> bool:
        return len(self.moments) > 1


@cache
def zone_names() -> tuple[str, ...]:
    """The zones that people choose from: `Area/City` and UTC; old aliases and fixed offsets are left out."""
    areas = ("Africa/", "America/", "Antarctica/", "Arctic/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/")
    named = (name for name in known_zones() if name.startswith((*areas, "Pacific/")))
    return ("UTC", *sorted(named))


def zone_of(name: str) -> ZoneInfo:
    """The zone of that IANA name; DomainError at `schedule_zone` for anything else."""
    if name not in known_zones():
        raise DomainError(
            "There is no such time zone. Write an IANA name such as Europe/Berlin or Asia/Kolkata.",
            field="schedule_zone",
            code="unknown_zone",
        )
    return ZoneInfo(name)


def parse_wall(text: str) -> datetime:
    """A naive datetime from 2026-11-24T09:00; DomainError at `schedule_local` where it is none."""
    try:
        wall = datetime.fromisoformat(text.strip())
    except ValueError:
        wall = None
    if wall is None or wall.tzinfo is not None or not 2000 <= wall.year <= 2200:
        raise DomainError(
            "Write date and time as 2026-11-24T09:00 (year-month-day, T, hour:minute).",
            field="schedule_local",
            code="not_a_time",
        )
    return wall.replace(second=0, microsecond=0)


def read_wall(wall: datetime, zone: ZoneInfo) -> WallClock:
    """What `wall` (naive) means in `zone`."""
    candidates = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    moments = sorted({moment for moment in candidates if _shown(moment, zone) == wall})
    if moments:
        return WallClock(wall, zone.key, tuple(moments))
    jump = _jump_between(min(candidates), max(candidates), zone)
    return WallClock(wall, zone.key, (), (_shown(jump - _MINUTE, zone), _shown(jump, zone)))


def moment_of(local: str, zone_name: str, fold: int = 0) -> datetime:
    """The moment of a typed local time; `fold` 1 picks the later one of a doubled hour.

    DomainError at `schedule_local` names the two neighbours of a time that the clocks jump over.
    """
    clock = read_wall(parse_wall(local), zone_of(zone_name))
    if not clock.moments:
        before, after = (wall.strftime("%H:%M") for wall in clock.neighbours)
        raise DomainError(
            f"{clock.wall.strftime('%H:%M')} does not exist on {day_words(clock.wall)} in {zone_name}: the clocks go "
            f"from {before} straight to {after}. Choose one of these two.",
            field="schedule_local",
            code="nonexistent_time",
        )
    return clock.moments[-1 if fold else 0]


def local_text(moment: datetime, zone_name: str) -> str:
    """The moment as the wall clock of the zone shows it, in the form that the input takes."""
    return moment.astimezone(ZoneInfo(zone_name)).strftime(WALL_FORMAT)


def day_words(day: datetime) -> str:
    return f"{day.strftime('%a')} {day.day} {day.strftime('%b %Y')}"


def moment_words(moment: datetime, zone_name: str) -> str:
    """ "Tue 24 Nov 2026, 09:00 Europe/Berlin (UTC+1)"."""
    there = moment.astimezone(ZoneInfo(zone_name))
    words = f"{day_words(there)}, {there.strftime('%H:%M')} {zone_name}"
    offset = offset_words(there)
    return words if zone_name == "UTC" else f"{words} ({offset})"


def distance_words(moment: datetime, now: datetime) -> str:
    """ "in 21 h 40 min", "2 h ago" or "now" (less than a minute away)."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 60:
        return "now"
    words = duration(abs(seconds) // 60 * 60)
    return f"in {words}" if seconds > 0 else f"{words} ago"


def first_moment_from(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment of a wall time that a rule made: a time that does not exist becomes the end of the jump, a doubled
    one its first occurrence, so that a daily run neither falls out nor comes twice."""
    clock = read_wall(wall, zone)
    return clock.moments[0] if clock.moments else read_wall(clock.neighbours[1], zone).moments[0]


def _shown(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _jump_between(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The minute at which the zone's offset changes, low < it <= high."""
    before = low.astimezone(zone).utcoffset()
    while high - low > _MINUTE:
        middle = low + ((high - low) / 2 // _MINUTE) * _MINUTE
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
