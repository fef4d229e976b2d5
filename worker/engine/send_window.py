"""The hours, weekdays and zone in which a campaign may be sent.

A window belongs to the day on which it opens: from 22:00 to 06:00 on Fridays ends on Saturday morning. One whose ends
are equal lasts a whole day. Times that the clocks jump over count as the moment of the jump.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_LOOK_AHEAD = 9  # days: a window on one weekday comes again within eight


@dataclass(frozen=True, slots=True)
class Span:
    """One opening of a window: `opens` <= open < `closes`, moments in UTC."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True)
class SendWindow:
    """`days` are weekdays, 0 is Monday. `column` names the column with the recipients' own zones; "" for none."""

    opens: time
    closes: time
    days: frozenset[int]
    zone: str
    column: str = ""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> SendWindow | None:
        """From a campaign's or a job's column; None where there is no window."""
        if not values:
            return None
        return cls(
            opens=time.fromisoformat(values["opens"]),
            closes=time.fromisoformat(values["closes"]),
            days=frozenset(values["days"]),
            zone=values["zone"],
            column=values.get("column", ""),
        )

    def written(self) -> dict[str, Any]:
        """As the column has it."""
        return {
            "opens": self.opens.isoformat("minutes"),
            "closes": self.closes.isoformat("minutes"),
            "days": sorted(self.days),
            "zone": self.zone,
            "column": self.column,
        }

    def span(self, moment: datetime, zone: str = "") -> Span:
        """The opening in which the moment falls, else the next one. `zone` stands in for the window's own."""
        place = zone_named(zone or self.zone)
        found: Span | None = None
        for span in self._spans(moment.astimezone(place).date() - _DAY, place):
            if found is not None and span.opens > found.closes:
                break
            if found is not None:
                found = Span(found.opens, max(found.closes, span.closes))  # one that goes over into the next
            elif span.closes > moment:
                found = span
        if found is None:
            raise ValueError("a window without days never opens")
        return found

    def opening(self, moment: datetime, zone: str = "") -> datetime | None:
        """When it opens next; None where it is open."""
        span = self.span(moment, zone)
        return span.opens if span.opens > moment else None

    def _spans(self, first: date, place: ZoneInfo) -> Iterator[Span]:
        for number in range(_LOOK_AHEAD):
            day = first + number * _DAY
            if day.weekday() in self.days:
                end = day if self.closes > self.opens else day + _DAY
                yield Span(_moment(day, self.opens, place), _moment(end, self.closes, place))


class Openings:
    """When the window opens next in each zone, as seen at one moment."""

    def __init__(self, window: SendWindow, moment: datetime) -> None:
        self._window = window
        self._moment = moment
        self._known: dict[str, datetime | None] = {}

    def of(self, zone: str) -> datetime | None:
        """None where it is open; a zone that nobody knows counts as the window's own."""
        if zone not in self._known:
            try:
                self._known[zone] = self._window.opening(self._moment, zone)
            except (KeyError, ValueError, OSError):
                self._known[zone] = self._window.opening(self._moment)
        return self._known[zone]


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises ZoneInfoNotFoundError or ValueError for anything else."""
    return ZoneInfo(name)


def _moment(day: date, wall: time, place: ZoneInfo) -> datetime:
    return datetime.combine(day, wall, place).astimezone(UTC)
