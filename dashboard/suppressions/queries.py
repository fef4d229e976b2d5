"""Reading the suppression list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Select, func, select

from dashboard.audiences.models import Record
from dashboard.extensions import db
from dashboard.message_templates.models import Category, Channel
from dashboard.messages.models import Message
from dashboard.paging import Slice, fetch_slice
from dashboard.suppressions.models import Suppression, SuppressionScope


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list shows: the beginning of an address, a channel, a scope, a reason; empty texts filter nothing."""

    address: str = ""
    channel: str = ""
    scope: str = ""
    reason: str = ""

    def __bool__(self) -> bool:
        return bool(self.address or self.channel or self.scope or self.reason)


def _matching(filters: Filters) -> Select[Suppression]:
    statement = select(Suppression)
    if filters.address:
        statement = statement.where(Suppression.address.startswith(filters.address, autoescape=True))
    if filters.channel:
        statement = statement.where(Suppression.channel == filters.channel)
    if filters.scope:
        statement = statement.where(Suppression.scope == filters.scope)
    if filters.reason:
        statement = statement.where(Suppression.reason == filters.reason)
    return statement


def page(filters: Filters, *, after: int | None, before: int | None) -> Slice[Suppression]:
    return fetch_slice(_matching(filters), Suppression.id, after=after, before=before)


def count(filters: Filters) -> int:
    """How many match, 10,001 at most."""
    limited = _matching(filters).with_only_columns(Suppression.id).limit(10_001).subquery()
    return db.session.scalar(select(func.count()).select_from(limited)) or 0


def export(filters: Filters) -> Iterator[Suppression]:
    """All that match, newest first, fetched a thousand at a time."""
    statement = _matching(filters).order_by(Suppression.id.desc()).execution_options(yield_per=1000)
    yield from db.session.scalars(statement)


def find(suppression_id: int) -> Suppression | None:
    return db.session.get(Suppression, suppression_id)


def standing_against(channel: str, address: str, category: str) -> Suppression | None:
    """The entry that keeps a message of that category from that address, in whatever case, or None."""
    statement = select(Suppression).where(
        Suppression.channel == channel,
        Suppression.address == address.lower(),
        Suppression.scope.in_(scopes_against(category)),
    )
    return db.session.scalars(statement.order_by(Suppression.id).limit(1)).first()


def scopes_against(category: str) -> tuple[SuppressionScope, ...]:
    """Promotional mail is kept back by both scopes, everything else only by "all"."""
    if category == Category.PROMOTIONAL:
        return (SuppressionScope.PROMOTIONAL, SuppressionScope.ALL)
    return (SuppressionScope.ALL,)


def suppressed_count_of(dataset_version_id: int, channel: str, category: str) -> int:
    """How many records of a dataset version have an address that is suppressed for the category."""
    address = getattr(Record, Channel(channel).address_column)
    listed = select(Suppression.address).where(
        Suppression.channel == channel, Suppression.scope.in_(scopes_against(category))
    )
    statement = select(func.count()).where(Record.dataset_version_id == dataset_version_id, address.in_(listed))
    return db.session.scalar(statement) or 0


def message(message_id: int) -> Message | None:
    return db.session.get(Message, message_id)


def anything_listed() -> bool:
    return db.session.scalar(select(Suppression.id).limit(1)) is not None
