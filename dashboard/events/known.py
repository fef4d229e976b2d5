"""Events as taking one in needs them: one look at the event and its channels, and nothing is made again in vain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, select

from dashboard.direct import Look
from dashboard.events.conditions import Conditions
from dashboard.events.models import Event, EventDelivery
from dashboard.events.schema import EventVariable, read_variables
from dashboard.extensions import db
from dashboard.ids import parse_public_id
from dashboard.problems import NotFound
from dashboard.snapshots import Snapshots, Whole

_EVENT: Final = Whole(
    Event, "id", "slug", "enabled", "variables", "conditions", "idempotency_path", "dedup_seconds", "cap_count",
    "cap_seconds", "expires_seconds", "send_window",
)  # fmt: skip
_DELIVERY: Final = Whole(
    EventDelivery, "id", "channel", "subscribed", "template_id", "category", "delay_seconds", "fallback_of",
    "fallback_seconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """An event with its channels, in no session, and what its columns say."""

    event: Event
    variables: Sequence[EventVariable]
    conditions: Conditions


def _look(column: ColumnElement[Any]) -> Look:
    statement = select(*_EVENT.columns, *_DELIVERY.columns).outerjoin(EventDelivery)
    return Look(statement.where(column == bindparam("name", type_=column.type)).order_by(EventDelivery.id))


_BY_SLUG, _BY_ID = _look(Event.slug.expression), _look(Event.id.expression)
_known: Snapshots[KnownEvent] = Snapshots()


def known_event(text: str) -> KnownEvent:
    """By slug or public id, as it is now. Raises NotFound."""
    connection = db.session.connection()
    rows = _BY_SLUG.rows(connection, {"name": text})
    if not rows:
        try:
            rows = _BY_ID.rows(connection, {"name": parse_public_id(Event.PREFIX, text)})
        except ValueError as error:
            raise NotFound(f"There is no event {text}.") from error
    if not rows:
        raise NotFound("There is no such event. It may have been deleted.")
    return _known.of(tuple(rows), lambda: _made(rows))


def _made(rows: Sequence[tuple[Any, ...]]) -> KnownEvent:
    width = len(_EVENT.columns)
    event = _EVENT.made(rows[0][:width])
    event.deliveries = [_DELIVERY.made(row[width:]) for row in rows if row[width] is not None]
    return KnownEvent(event, read_variables(event.variables), Conditions.read(event.conditions))
