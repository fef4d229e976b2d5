"""Reading the ledger: pages by keyset, counts with a ceiling, exports as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Select, func, literal, select

from dashboard.campaigns.models import Campaign
from dashboard.events.models import Event
from dashboard.extensions import db
from dashboard.jobs.models import Job
from dashboard.message_templates.models import Template, TemplateVersion
from dashboard.messages.filters import MessageFilters
from dashboard.messages.models import Message, MessageEvent
from dashboard.paging import Slice, fetch_slice
from dashboard.providers.models import Provider

COUNT_LIMIT = 10_000
_Name = TypeVar("_Name", str, int | None)


@dataclass(frozen=True, slots=True)
class Names:
    """What the ids in rows of the ledger are called."""

    templates: dict[int, str]
    versions: dict[int, int | None]
    campaigns: dict[int, str]
    events: dict[int, str]
    providers: dict[int, str]


def page(filters: MessageFilters, *, after: int | None, before: int | None, size: int = 50) -> Slice[Message]:
    statement = select(Message).where(*filters.conditions())
    return fetch_slice(statement, Message.id, after=after, before=before, size=size)


def count(filters: MessageFilters) -> int:
    """How many match; COUNT_LIMIT + 1 stands for more."""
    limited = select(Message.id).where(*filters.conditions()).limit(COUNT_LIMIT + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(limited)) or 0


def newest() -> Message | None:
    """The newest message of all that is no test, None where nothing was ever sent."""
    statement = select(Message).where(Message.is_test.is_(False)).order_by(Message.id.desc()).limit(1)
    return db.session.scalars(statement).first()


def find(message_id: int) -> Message | None:
    return db.session.get(Message, message_id)


def events_of(message_id: int) -> Sequence[MessageEvent]:
    """What happened to a message besides its state, oldest first."""
    statement = select(MessageEvent).where(MessageEvent.message_id == message_id).order_by(MessageEvent.id)
    return db.session.scalars(statement).all()


def job_of(message: Message) -> Job | None:
    return db.session.get(Job, message.job_id)


def same_recipient(message: Message, limit: int = 20) -> Sequence[Message]:
    """The newest other messages to the same address."""
    statement = select(Message).where(Message.recipient == message.recipient, Message.id != message.id)
    return db.session.scalars(statement.order_by(Message.id.desc()).limit(limit)).all()


def beside_in_job(message: Message) -> tuple[Message | None, Message | None]:
    """The messages before and after it in its job."""
    first, count = message.id - message.record_no, select(Job.record_count).where(Job.id == message.job_id)
    end = literal(first, Message.id.type) + count.scalar_subquery()
    before = db.session.scalars(
        select(Message).where(Message.id >= first, Message.id < message.id).order_by(Message.id.desc()).limit(1)
    ).first()
    after = db.session.scalars(
        select(Message).where(Message.id > message.id, Message.id < end).order_by(Message.id).limit(1)
    ).first()
    return before, after


def names_for(rows: Iterable[Message]) -> Names:
    """The names behind the ids of some rows, at most five small statements whatever their number."""
    rows = list(rows)
    templates = {row.template_id for row in rows}
    versions = {row.template_version_id for row in rows}
    campaigns = {row.campaign_id for row in rows if row.campaign_id}
    events = {row.event_id for row in rows if row.event_id}
    providers = {row.provider_id for row in rows}
    return Names(
        templates=_pairs(select(Template.id, Template.name).where(Template.id.in_(templates))),
        versions=_pairs(select(TemplateVersion.id, TemplateVersion.number).where(TemplateVersion.id.in_(versions))),
        campaigns=_pairs(select(Campaign.id, Campaign.name).where(Campaign.id.in_(campaigns))) if campaigns else {},
        events=_pairs(select(Event.id, Event.name).where(Event.id.in_(events))) if events else {},
        providers=_pairs(select(Provider.id, Provider.name).where(Provider.id.in_(providers))),
    )


def choices() -> Names:
    """Everything that filters offer, 200 of each at most (500 events), campaigns newest first."""
    return Names(
        templates=_pairs(select(Template.id, Template.name).order_by(Template.name).limit(200)),
        versions={},
        campaigns=_pairs(select(Campaign.id, Campaign.name).order_by(Campaign.id.desc()).limit(200)),
        events=_pairs(select(Event.id, Event.name).order_by(Event.name).limit(500)),
        providers=_pairs(select(Provider.id, Provider.name).order_by(Provider.name).limit(200)),
    )


def _pairs(statement: Select[int, _Name]) -> dict[int, _Name]:
    return {row[0]: row[1] for row in db.session.execute(statement).all()}


def export(filters: MessageFilters) -> Iterator[Message]:
    """All that match, newest first, read two thousand at a time on pages of keys, so memory stays flat."""
    after: int | None = None
    while True:
        part = page(filters, after=after, before=None, size=2000)
        yield from part.rows
        if not part.has_older:
            return
        after = part.rows[-1].id
        db.session.expunge_all()
