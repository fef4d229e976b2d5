"""Reading the audit log: filters from the URL, pages by keyset, and the differences of one entry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, select

from dashboard.audit.models import AuditEntry
from dashboard.extensions import Base, db
from dashboard.ids import id_at, parse_public_id, public_id
from dashboard.paging import Slice, fetch_slice
from dashboard.problems import DomainError, NotFound

#: Where an object of a table can be looked at: endpoint and the name of its argument.
OBJECT_PAGES: Final = {
    "users": ("users.show", "user_id"),
    "campaigns": ("campaigns.show", "campaign_id"),
    "templates": ("templates.show", "template_id"),
    "audiences": ("audiences.show", "audience_id"),
    "providers": ("providers.show", "provider_id"),
    "api_keys": ("api_keys.show", "key_id"),
    "webhook_endpoints": ("endpoints.show", "endpoint_id"),
}
_EXPORT_STEP: Final = 1000


@dataclass(frozen=True, slots=True)
class Filters:
    """What the log is narrowed to; "" and None are anything. `thing` is a public id, the moments are UTC."""

    who: str = ""
    action: str = ""
    thing: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(filters: Filters, *, after: int | None = None, before: int | None = None) -> Slice[AuditEntry]:
    """Fifty entries, newest first. Raises DomainError(field "thing") for what is not a public id."""
    return fetch_slice(_narrowed(filters), AuditEntry.id, after=after, before=before)


def export(filters: Filters) -> Iterator[AuditEntry]:
    """Every entry that the filters leave, newest first, read a thousand at a time."""
    statement, last = _narrowed(filters).order_by(AuditEntry.id.desc()).limit(_EXPORT_STEP), None
    while True:
        step = statement if last is None else statement.where(AuditEntry.id < last)
        entries = db.session.scalars(step).all()
        for entry in entries:
            yield entry
            db.session.expunge(entry)
        if len(entries) < _EXPORT_STEP:
            return
        last = entries[-1].id


def get_entry(entry_id: int) -> AuditEntry:
    """The entry; raises NotFound."""
    entry = db.session.get(AuditEntry, entry_id)
    if entry is None:
        raise NotFound("There is no such entry in the audit log.")
    return entry


def known_actions() -> Sequence[str]:
    """Every action that stands in the log, for the filter."""
    return db.session.scalars(select(AuditEntry.action).distinct().order_by(AuditEntry.action)).all()


def known_names() -> Sequence[str]:
    """Every user name that stands in the log, for the filter."""
    statement = select(AuditEntry.user_name).where(AuditEntry.user_name != "").distinct()
    return db.session.scalars(statement.order_by(AuditEntry.user_name)).all()


def object_public_id(entry: AuditEntry) -> str:
    """The public id of what the entry is about, "" where it is about nothing that has one."""
    prefix = {table: prefix for prefix, table in _tables().items()}.get(entry.object_kind)
    return public_id(prefix, entry.object_id) if prefix and entry.object_id is not None else ""


def differences(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """(field, before, after) of what changed; for something made or deleted every field with the other side empty."""
    before, after = entry.before or {}, entry.after or {}
    names = [*before, *(name for name in after if name not in before)]
    return [
        (name, _words(before.get(name)), _words(after.get(name)))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _narrowed(filters: Filters) -> Select[AuditEntry]:
    statement = select(AuditEntry)
    if filters.who:
        statement = statement.where(AuditEntry.user_name == filters.who.strip().casefold())
    if filters.action:
        statement = statement.where(AuditEntry.action == filters.action)
    if filters.thing:
        kind, identifier = _table_and_id(filters.thing)
        statement = statement.where(AuditEntry.object_kind == kind, AuditEntry.object_id == identifier)
    # Ids are time-ordered, so a range of days is a range of the primary key.
    if filters.since:
        statement = statement.where(AuditEntry.id >= id_at(filters.since))
    if filters.until:
        statement = statement.where(AuditEntry.id < id_at(filters.until))
    return statement


def _table_and_id(text: str) -> tuple[str, int]:
    prefix = text.strip().lower().partition("_")[0]
    try:
        return _tables()[prefix], parse_public_id(prefix, text)
    except (KeyError, ValueError):
        raise DomainError(
            f"“{text}” is not an id. Copy one from the object's page, such as cmp_01jd….", field="thing", code="bad_id"
        ) from None


def _tables() -> dict[str, str]:
    """Prefix of public ids -> table."""
    classes = (mapper.class_ for mapper in Base.registry.mappers)
    return {model.PREFIX: model.__tablename__ for model in classes if hasattr(model, "PREFIX")}


def _words(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
