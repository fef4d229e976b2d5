"""What a report looks at: days in the person's zone, and what may narrow them. All of it stands in the URL.

A message belongs to the day on which its run was made, as in the log, so that every number leads to exactly the
messages behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement

from dashboard.ids import id_at, parse_public_id, public_id
from dashboard.jobs.models import Job
from dashboard.messages.filters import CHANNELS, of_channels
from dashboard.messages.models import Message

#: Name in the URL: words, and how many days up to today it holds.
RANGES: Final[dict[str, tuple[str, int]]] = {
    "today": ("Today", 1),
    "7d": ("7 days", 7),
    "30d": ("30 days", 30),
    "90d": ("90 days", 90),
}
DEFAULT_RANGE: Final = "7d"
#: A year of days is as much as a chart can show and a table wants to be.
LONGEST: Final = 366
_OBJECTS: Final = {"template": "tpl", "campaign": "cmp", "event": "evt", "provider": "prv"}


@dataclass(frozen=True, slots=True)
class ReportFilters:
    """`first` and `last` are days, both included. `range` is a key of RANGES, "" for days chosen one by one.

    `objects`: template, campaign, event, provider by their id. `remark`: what had to be changed about the days asked
    for.
    """

    first: date
    last: date
    zone: ZoneInfo
    range: str = ""
    channel: str = ""
    objects: Mapping[str, int] = field(default_factory=dict)
    remark: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str], *, zone: ZoneInfo, today: date) -> ReportFilters:
        """Read a query string; what cannot be read filters nothing."""
        chosen, remark = query.get("range", ""), ""
        first, last = _day(query.get("from", "")), _day(query.get("to", ""))
        preset = chosen if chosen in RANGES else "" if first or last else DEFAULT_RANGE
        if preset:
            days = _days_of(preset, today)
            # The form sends the days of its range along; other days were typed and count.
            if (first or days[0], last or days[1]) == days:
                first, last = days
            else:
                preset = ""
        if not preset:
            first, last, remark = _sensible(first, last, today)
        channel = query.get("channel", "")
        return cls(
            first=first or today,
            last=last or today,
            zone=zone,
            range=preset,
            channel=channel if channel in CHANNELS else "",
            objects=_objects(query),
            remark=remark,
        )

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def before(self) -> ReportFilters:
        """The same for as many days before these."""
        last = self.first - timedelta(days=1)
        first = last - timedelta(days=self.days - 1)
        return ReportFilters(first, last, self.zone, "", self.channel, self.objects)

    def bounds(self) -> tuple[int, int]:
        """The smallest message id of these days, and the smallest one after them."""
        return id_at(_midnight(self.first, self.zone)), id_at(_midnight(self.last + timedelta(days=1), self.zone))

    def of_jobs(self) -> list[ColumnElement[bool]]:
        """Conditions on jobs. Their own ids are made just before those of their messages and narrow by the key."""
        low, high = self.bounds()
        hour = 3_600_000 << 20
        found = [
            Job.id.between(low - hour, high + hour),
            Job.first_message_id >= low,
            Job.first_message_id < high,
            Job.is_test.is_(False),
        ]
        found += [getattr(Job, f"{name}_id") == number for name, number in self.objects.items()]
        return [*found, of_channels(Job.channel, self.channel)] if self.channel else found

    def of_messages(self) -> list[ColumnElement[bool]]:
        """The same conditions on the ledger."""
        low, high = self.bounds()
        found = [Message.id >= low, Message.id < high, Message.is_test.is_(False)]
        found += [getattr(Message, f"{name}_id") == number for name, number in self.objects.items()]
        return [*found, of_channels(Message.channel, self.channel)] if self.channel else found

    def query(self, **changes: Any) -> str:
        """The query string of this report; `changes` apply, None removes."""
        values: dict[str, Any] = {"range": self.range} if self.range else {"from": self.first, "to": self.last}
        return _encoded(values | self._narrowing() | changes)

    def log_url(self, **changes: Any) -> str:
        """The log with the messages behind a number."""
        values: dict[str, Any] = {"from": self.first, "to": self.last}
        return f"/messages/?{_encoded(values | self._narrowing() | changes)}"

    def _narrowing(self) -> dict[str, str]:
        objects = {name: public_id(_OBJECTS[name], number) for name, number in self.objects.items()}
        return {"channel": self.channel, **objects}


def _encoded(values: Mapping[str, Any]) -> str:
    return urlencode(sorted((name, str(value)) for name, value in values.items() if value not in (None, "")))


def _day(text: str) -> date | None:
    """A day such as 2026-11-24; years that no message can have would overflow further on."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < 2200 else None


def _days_of(preset: str, today: date) -> tuple[date, date]:
    return today - timedelta(days=RANGES[preset][1] - 1), today


def _sensible(first: date | None, last: date | None, today: date) -> tuple[date, date, str]:
    """Days in their order, one of them missing or too many of them made good, and the words that say so."""
    last = last or max(today, first or today)
    first = first or last - timedelta(days=RANGES[DEFAULT_RANGE][1] - 1)
    remark = ""
    if first > last:
        first, last = last, first
        remark = "The days were the wrong way round and have been swapped."
    if (last - first).days >= LONGEST:
        first = last - timedelta(days=LONGEST - 1)
        remark = f"A report holds {LONGEST} days at most: it begins on {first.isoformat()}."
    return first, last, remark


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone)


def _objects(query: Mapping[str, str]) -> dict[str, int]:
    found = {}
    for name, prefix in _OBJECTS.items():
        try:
            found[name] = parse_public_id(prefix, query.get(name, ""))
        except ValueError:
            continue
    return found
