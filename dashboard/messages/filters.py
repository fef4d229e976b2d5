"""What a list of messages shows: parsed from the URL, turned into conditions, and back into words (chips).

A time range is an id range, since ids follow the time at which the job was made; so no index on a date is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from dashboard.extensions import utc_now
from dashboard.ids import id_at, parse_public_id
from dashboard.jobs.models import Job
from dashboard.messages.models import ERROR_STATES, SUCCESS_STATES, Message, MessageState

RANGES = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
RANGE_WORDS = {
    "1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days", "all": "Any time",
}  # fmt: skip
DEFAULT_RANGE = "7d"
#: What can be chosen as a message's type: a channel, or several of them.
CHANNELS = {"email": "Email", "sms": "SMS", "push": "Push", "email-sms": "Email and SMS"}
GROUPS = {"success": SUCCESS_STATES, "error": ERROR_STATES}
#: What a message belongs to: name in the URL, prefix of its id.
OBJECTS = {"template": "tpl", "campaign": "cmp", "event": "evt", "job": "run", "provider": "prv"}


def of_channels(column: InstrumentedAttribute[str], chosen: str) -> ColumnElement[bool]:
    """Whether a row is of a type of CHANNELS."""
    return column.in_(chosen.split("-"))


@dataclass(frozen=True, slots=True)
class MessageFilters:
    """`objects`: ids by the names of OBJECTS. `address`: beginning of the recipient's address."""

    channel: str = ""
    state: str = ""
    code: str = ""
    address: str = ""
    range: str = DEFAULT_RANGE
    first: datetime | None = None
    last: datetime | None = None
    with_tests: bool = False
    objects: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_query(cls, query: Mapping[str, str], *, address: str, zone: ZoneInfo) -> MessageFilters:
        """Read a query string; what cannot be read filters nothing."""
        first, last = _day(query.get("from", ""), zone), _day(query.get("to", ""), zone)
        chosen = query.get("range", "")
        narrow = any(query.get(name) for name in ("job", "campaign", "event", "who"))
        return cls(
            channel=query.get("channel", ""),
            state=query.get("state", ""),
            code=query.get("code", ""),
            address=address,
            range=chosen if chosen in RANGE_WORDS else ("all" if narrow or first or last else DEFAULT_RANGE),
            first=first,
            last=last + timedelta(days=1) if last else None,
            with_tests=query.get("tests") == "1",
            objects=_objects(query),
        )

    def conditions(self) -> list[ColumnElement[bool]]:
        """What goes into the WHERE; every condition stands on an index or narrows one."""
        found: list[ColumnElement[bool]] = []
        if self.channel in CHANNELS:
            found.append(of_channels(Message.channel, self.channel))
        if self.state in GROUPS:
            found.append(Message.state.in_(sorted(GROUPS[self.state])))
        elif self.state in set(MessageState):
            found.append(Message.state == self.state)
        if self.code:
            found.append(Message.code == self.code)
        if self.address:
            found.append(Message.recipient.startswith(self.address, autoescape=True))
        if not self.with_tests:
            found.append(Message.is_test.is_(False))
        columns = {
            "template": Message.template_id, "campaign": Message.campaign_id, "event": Message.event_id,
            "provider": Message.provider_id,
        }  # fmt: skip
        found += [columns[name] == number for name, number in self.objects.items() if name != "job"]
        if "job" in self.objects:
            found.append(_of_job(self.objects["job"]))
        return found + self._time_conditions()

    def _time_conditions(self) -> list[ColumnElement[bool]]:
        found = []
        if self.range in RANGES:
            found.append(Message.id >= id_at(utc_now() - RANGES[self.range]))
        if self.first:
            found.append(Message.id >= id_at(self.first))
        if self.last:
            found.append(Message.id < id_at(self.last))
        return found

    @property
    def narrowed(self) -> bool:
        """Whether anything besides the time is filtered."""
        return bool(self.channel or self.state or self.code or self.address or self.objects)


def _of_job(job_id: int) -> ColumnElement[bool]:
    """No index leads from a job to its messages, but they are a block of ids."""
    job = select(Job).where(Job.id == job_id)
    first = job.with_only_columns(Job.first_message_id).scalar_subquery()
    last = job.with_only_columns(Job.first_message_id + Job.record_count - 1).scalar_subquery()
    return Message.id.between(first, last)


def _day(text: str, zone: ZoneInfo) -> datetime | None:
    """Midnight of a day such as 2026-11-24 in the zone; the day after 9999-12-31 would be an error."""
    try:
        day = datetime.fromisoformat(text).date()
    except ValueError:
        return None
    if not 2000 <= day.year < 2200:
        return None
    return datetime.combine(day, time(), tzinfo=zone)


def _objects(query: Mapping[str, str]) -> dict[str, int]:
    found = {}
    for name, prefix in OBJECTS.items():
        try:
            found[name] = parse_public_id(prefix, query.get(name, ""))
        except ValueError:
            continue
    return found
