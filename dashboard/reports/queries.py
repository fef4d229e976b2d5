"""Numbers of many runs: sums over their chunks, so a report costs by the thousand messages, not by the message.

Only the reasons of failures are counted in the ledger, along the index that holds its failed rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, literal, select

from dashboard.campaigns.models import Campaign
from dashboard.events.models import Event
from dashboard.extensions import db
from dashboard.ids import LOW_BITS
from dashboard.jobs.models import Chunk, Job
from dashboard.jobs.queries import COUNTED, JobTotals
from dashboard.message_templates.models import Template
from dashboard.messages.models import ERROR_STATES, Message
from dashboard.providers.models import Provider
from dashboard.reports.filters import ReportFilters

#: Every zone in use is a multiple of a quarter of an hour away from UTC.
_QUARTER: Final = 900_000 << LOW_BITS
#: Reasons shown; the rest of a longer tail is one line.
REASONS: Final = 100

GROUPS: Final[dict[str, tuple[Any, Any, str]]] = {
    "templates": (Job.template_id, Template, "tpl"),
    "campaigns": (Job.campaign_id, Campaign, "cmp"),
    "events": (Job.event_id, Event, "evt"),
    "providers": (Job.provider_id, Provider, "prv"),
}
#: The line of what belongs to none.
_WITHOUT: Final = {"campaigns": "Without a campaign", "events": "Without an event"}


@dataclass(frozen=True, slots=True)
class DayLine:
    """One day and its messages."""

    day: date
    totals: JobTotals


@dataclass(frozen=True, slots=True)
class GroupLine:
    """What one template, campaign, event or provider did; `identifier` is None for runs without a campaign or event.

    `known` is False for one that was deleted: it has no page.
    """

    identifier: int | None
    name: str
    totals: JobTotals
    known: bool = True


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """Failures of one state with one code; `example` is the newest of them, `words` what the provider said to it."""

    state: str
    code: str
    count: int
    example: int
    words: str


def totals(filters: ReportFilters) -> JobTotals:
    """All messages of a report."""
    return _rows(None, filters)[0][1]


def by_day(filters: ReportFilters) -> list[DayLine]:
    """Every day of the report, oldest first, also those on which nothing was sent."""
    found: dict[date, list[JobTotals]] = defaultdict(list)
    for quarter, counted in _rows(Job.first_message_id // _QUARTER, filters):
        at = datetime.fromtimestamp(quarter * 900, tz=UTC).astimezone(filters.zone)
        found[at.date()].append(counted)
    days = (filters.first + timedelta(days=number) for number in range(filters.days))
    return [DayLine(day, _sum(found.get(day, ()))) for day in days]


def by_group(filters: ReportFilters, group: str) -> list[GroupLine]:
    """The sums of every template, campaign, event or provider (a key of GROUPS), the largest first."""
    column, model, _ = GROUPS[group]
    rows = list(_rows(column, filters))
    names = _names(model, (key for key, _ in rows if key))
    lines = [
        GroupLine(key, names.get(key, "deleted") if key else _WITHOUT.get(group, ""), counted, key in names)
        for key, counted in rows
    ]
    return sorted(lines, key=lambda line: (-line.totals.records, line.name))


def reasons(filters: ReportFilters) -> list[ReasonLine]:
    """Why messages failed: the commonest REASONS codes, each with its newest example."""
    count = func.count().label("count")
    rows = db.session.execute(
        select(Message.state, Message.code, count, func.max(Message.id))
        .where(Message.state.in_(sorted(ERROR_STATES)), *filters.of_messages())
        .group_by(Message.state, Message.code)
        .order_by(count.desc(), Message.state, Message.code)
        .limit(REASONS)
    ).all()
    newest = [row[3] for row in rows]
    found = db.session.execute(select(Message.id, Message.detail).where(Message.id.in_(newest)))
    words = {row[0]: row[1] for row in found}
    return [ReasonLine(state, code or "", number, last, words.get(last) or "") for state, code, number, last in rows]


def _rows(key: ColumnElement[Any] | None, filters: ReportFilters) -> list[tuple[Any, JobTotals]]:
    """(key, sums) over the chunks of the report's runs; one line for all of them where there is no key."""
    recipients = func.coalesce(func.sum(Chunk.last_record - Chunk.first_record + 1), 0)
    sums = [func.coalesce(func.sum(getattr(Chunk, name)), 0) for name in COUNTED]
    shown = literal(0) if key is None else key.label("key")
    statement: Select[Any] = (
        select(shown, recipients, *sums).select_from(Job).join(Chunk, Chunk.job_id == Job.id).where(*filters.of_jobs())
    )
    rows = db.session.execute(statement if key is None else statement.group_by(shown))
    return [(row[0], _totals(int(row[1]), row[2:])) for row in rows]


def _totals(records: int, counts: Iterable[Any]) -> JobTotals:
    values: Mapping[str, int] = {name: int(value) for name, value in zip(COUNTED, counts, strict=True)}
    return JobTotals(records=records, **values)


def _sum(parts: Iterable[JobTotals]) -> JobTotals:
    parts = list(parts)
    return JobTotals(
        records=sum(part.records for part in parts),
        **{name: sum(int(getattr(part, name)) for part in parts) for name in COUNTED},
    )


def _names(model: Any, ids: Iterable[int]) -> dict[int, str]:
    rows = db.session.execute(select(model.id, model.name).where(model.id.in_(list(ids))))
    return {row[0]: row[1] for row in rows}
