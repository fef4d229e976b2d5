"""Reading events and their log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select

from dashboard.accounts.models import User
from dashboard.api_keys.models import ApiKey
from dashboard.events.models import Event, EventDelivery, EventReceipt, EventSend, SendState
from dashboard.extensions import db, utc_now
from dashboard.ids import id_at, parse_public_id
from dashboard.message_templates.models import Template
from dashboard.messages.models import Message
from dashboard.paging import Slice, fetch_slice
from dashboard.problems import NotFound

#: A catalogue is read whole: operators make tens of events, not thousands.
MOST = 500


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line of the catalogue: how many came in seven days, and when the last one did."""

    event: Event
    week: int
    last_at: datetime | None


def event(event_id: int) -> Event:
    """Raises NotFound."""
    found = db.session.get(Event, event_id)
    if found is None:
        raise NotFound("There is no such event. It may have been deleted.")
    return found


def event_named(text: str) -> Event:
    """By slug or public id. Raises NotFound."""
    found = db.session.scalars(select(Event).where(Event.slug == text)).first()
    if found is not None:
        return found
    try:
        return event(parse_public_id("evt", text))
    except ValueError as error:
        raise NotFound(f"There is no event {text}.") from error


@dataclass(frozen=True, slots=True)
class CatalogueFilter:
    """`q` stands in name or slug; `group` "-" means none; `state` is on or off; `channel` is subscribed."""

    q: str = ""
    group: str = ""
    state: str = ""
    channel: str = ""


def catalogue(filters: CatalogueFilter) -> list[EventLine]:
    """Events by group, subgroup and name."""
    statement = select(Event).order_by(Event.group, Event.subgroup, func.lower(Event.name)).limit(MOST)
    if text := filters.q.strip():
        statement = statement.where(
            or_(Event.name.icontains(text, autoescape=True), Event.slug.icontains(text, autoescape=True))
        )
    if filters.group:
        statement = statement.where(Event.group == ("" if filters.group == "-" else filters.group))
    if filters.state in ("on", "off"):
        statement = statement.where(Event.enabled.is_(filters.state == "on"))
    if filters.channel:
        subscribed = EventDelivery.channel == filters.channel, EventDelivery.subscribed.is_(True)
        statement = statement.where(Event.deliveries.any(and_(*subscribed)))
    events = list(db.session.scalars(statement))
    recent = _recent([one.id for one in events])
    return [EventLine(one, *recent.get(one.id, (0, None))) for one in events]


def _recent(ids: Sequence[int]) -> dict[int, tuple[int, datetime | None]]:
    week = id_at(utc_now() - timedelta(days=7))
    statement = (
        select(EventReceipt.event_id, func.count(), func.max(EventReceipt.received_at))
        .where(EventReceipt.event_id.in_(ids), EventReceipt.id >= week)
        .group_by(EventReceipt.event_id)
    )
    return {row[0]: (row[1], row[2]) for row in db.session.execute(statement)}


def any_event() -> bool:
    """Whether there is one at all."""
    return db.session.scalar(select(Event.id).limit(1)) is not None


def subgroups() -> list[str]:
    """The subgroups that events have."""
    return [one for one in db.session.scalars(select(Event.subgroup).distinct().order_by(Event.subgroup)) if one]


def groups() -> list[str]:
    """The groups that events have."""
    return [one for one in db.session.scalars(select(Event.group).distinct().order_by(Event.group)) if one]


def receipt(receipt_id: int) -> EventReceipt:
    """One entry of the log. Raises NotFound."""
    found = db.session.get(EventReceipt, receipt_id)
    if found is None:
        raise NotFound("There is no such entry in the log of events.")
    return found


def receipt_of(event_id: int, receipt_id: int) -> EventReceipt:
    """One entry of this event's log. Raises NotFound."""
    found = receipt(receipt_id)
    if found.event_id != event_id:
        raise NotFound("There is no such entry in the log of this event.")
    return found


def log_counts(event_id: int) -> dict[str, int]:
    """How many entries of the last thirty days have each state."""
    since = id_at(utc_now() - timedelta(days=30))
    statement = (
        select(EventReceipt.state, func.count())
        .where(EventReceipt.event_id == event_id, EventReceipt.id >= since)
        .group_by(EventReceipt.state)
    )
    return {row[0]: row[1] for row in db.session.execute(statement)}


def messages_of(row: EventReceipt) -> dict[int, Message]:
    """The messages that an entry led to, as far as they are reached; by id."""
    ids = [send.message_id for send in row.sends if send.message_id is not None]
    return {one.id: one for one in db.session.scalars(select(Message).where(Message.id.in_(ids)))}


def told_by(message_id: int) -> EventReceipt | None:
    """The entry in the log that a message was sent for; None for other messages, and where the log is gone."""
    statement = (
        select(EventReceipt)
        .join(EventSend, EventSend.receipt_id == EventReceipt.id)
        .where(EventSend.message_id == message_id)
    )
    return db.session.scalars(statement.limit(1)).first()


def source_of(row: EventReceipt) -> str:
    """Who told of it: an API key, or a person at this desk."""
    if row.api_key_id is not None:
        key = db.session.get(ApiKey, row.api_key_id)
        return f"API key {key.name}" if key is not None else "An API key that is gone"
    user = db.session.get(User, row.created_by) if row.created_by is not None else None
    return user.username if user is not None else "–"


def log(
    event_id: int, state: str = "", *, after: int | None = None, before: int | None = None, size: int = 50
) -> Slice[EventReceipt]:
    """The entries of an event, newest first."""
    statement = select(EventReceipt).where(EventReceipt.event_id == event_id)
    if state:
        statement = statement.where(EventReceipt.state == state)
    return fetch_slice(statement, EventReceipt.id, after=after, before=before, size=size)


def waiting_count(event_id: int) -> int:
    """How many messages of an event wait for their moment."""
    statement = (
        select(func.count())
        .select_from(EventSend)
        .join(EventReceipt, EventReceipt.id == EventSend.receipt_id)
        .where(EventReceipt.event_id == event_id, EventSend.state == SendState.WAITING.value)
    )
    return db.session.scalar(statement) or 0


def template_choices(channel: str) -> list[tuple[str, str]]:
    """(public id, name) of the channel's templates."""
    rows = db.session.scalars(
        select(Template)
        .where(Template.channel == channel, Template.archived_at.is_(None))
        .order_by(func.lower(Template.name))
        .limit(MOST)
    )
    return [("", "No template"), *((row.public_id, row.name) for row in rows)]


def template_names(events: Sequence[Event]) -> dict[int, Template]:
    """The templates that events are linked to."""
    ids = {one.template_id for row in events for one in row.deliveries if one.template_id is not None}
    return {row.id: row for row in db.session.scalars(select(Template).where(Template.id.in_(ids)))}
