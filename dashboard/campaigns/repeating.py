"""Repeating by cron: five fields read in a named zone, and the runs that follow from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from croniter import croniter
from croniter.croniter import CroniterError

from dashboard.campaigns.wall_clock import first_moment_from, zone_of
from dashboard.problems import DomainError

#: Shorter repeats to the same people are a slip of the pen ("* * * * *") with thousands of messages.
SHORTEST_REPEAT = timedelta(minutes=15)
_RANDOM = re.compile(r"\bR\b", re.IGNORECASE)  # croniter would roll another minute at every reading
_NAMES = ("minute", "hour", "day of month", "month", "day of week")


def check_cron(expression: str) -> str:
    """The expression with single spaces; DomainError at `cron` says which shape is expected."""
    fields = expression.split()
    if len(fields) != len(_NAMES):
        raise _wrong(f"five fields are needed ({', '.join(_NAMES)}), here are {len(fields)}")
    normal = " ".join(fields)
    if _RANDOM.search(normal):
        raise _wrong("R stands for nothing here")
    try:
        croniter(normal)
    except CroniterError as error:
        raise _wrong(str(error)) from error
    runs = list(islice(_wall_times(normal, datetime(2026, 1, 1)), 10))  # noqa: DTZ001 - a wall time
    if not runs:
        raise _wrong("that day never comes")
    shortest = min((later - earlier for earlier, later in pairwise(runs)), default=SHORTEST_REPEAT)
    if shortest < SHORTEST_REPEAT:
        minutes = int(shortest.total_seconds() // 60)
        raise DomainError(
            f"It would run every {'minute' if minutes == 1 else f'{minutes} minutes'}. The shortest repeat is "
            f"{int(SHORTEST_REPEAT.total_seconds() // 60)} minutes: everybody in the audience gets every run.",
            field="cron",
            code="too_often",
        )
    return normal


def next_runs(
    cron: str, zone_name: str, *, after: datetime, until: datetime | None = None, count: int = 5
) -> list[datetime]:
    """The next `count` moments later than `after`, none later than `until`; fewer (or none) where it ends.

    Raises DomainError for a wrong expression or zone.
    """
    expression, zone = check_cron(cron), zone_of(zone_name)
    runs = []
    for moment in islice(_moments(expression, zone, after), count):
        if until is not None and moment > until:
            break
        runs.append(moment)
    return runs


def next_run(cron: str, zone_name: str, *, after: datetime, until: datetime | None = None) -> datetime | None:
    """The first moment later than `after`, or None where the repeating is over."""
    runs = next_runs(cron, zone_name, after=after, until=until, count=1)
    return runs[0] if runs else None


def _moments(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    last = after.astimezone(UTC)
    # A day back: in a doubled hour the wall clock behind `after` is not in order with the moments.
    start = (last.astimezone(zone) - timedelta(days=1)).replace(tzinfo=None)
    for wall in _wall_times(expression, start):
        moment = first_moment_from(wall, zone)
        if moment > last:
            last = moment
            yield moment


def _wall_times(expression: str, start: datetime) -> Iterator[datetime]:
    rule = croniter(expression, start)
    while True:
        try:
            yield rule.get_next(datetime)
        except CroniterError:
            return


def _wrong(why: str) -> DomainError:
    return DomainError(
        f"This is not a cron rule: {why}. Example: 0 9 * * 1 is every Monday at 09:00.", field="cron", code="bad_cron"
    )
