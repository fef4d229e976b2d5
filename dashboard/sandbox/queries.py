"""Reading the sandbox's inbox."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, func, select

from dashboard.extensions import db
from dashboard.paging import Slice, fetch_slice
from dashboard.providers.models import Provider, SandboxMail
from worker.providers import registry


@dataclass(frozen=True, slots=True)
class Filters:
    """Beginning of the recipient's address, words of the subject, a provider, a channel."""

    recipient: str = ""
    subject: str = ""
    provider_id: int | None = None
    channel: str = ""

    def __bool__(self) -> bool:
        return bool(self.recipient or self.subject or self.provider_id or self.channel)


def _matching(filters: Filters) -> Select[SandboxMail]:
    statement = select(SandboxMail)
    if filters.recipient:
        statement = statement.where(SandboxMail.recipient.startswith(filters.recipient, autoescape=True))
    if filters.subject:
        statement = statement.where(SandboxMail.subject.icontains(filters.subject, autoescape=True))
    if filters.provider_id:
        statement = statement.where(SandboxMail.provider_id == filters.provider_id)
    if filters.channel:
        statement = statement.where(SandboxMail.channel == filters.channel)
    return statement


def page(filters: Filters, *, after: int | None, before: int | None) -> Slice[SandboxMail]:
    return fetch_slice(_matching(filters), SandboxMail.id, after=after, before=before)


def count(filters: Filters) -> int:
    """How many match, 10,001 at most."""
    limited = _matching(filters).with_only_columns(SandboxMail.id).limit(10_001).subquery()
    return db.session.scalar(select(func.count()).select_from(limited)) or 0


def find(mail_id: int) -> SandboxMail | None:
    return db.session.get(SandboxMail, mail_id)


def of_message(message_id: int) -> SandboxMail | None:
    """The newest message that a sandbox took for a message."""
    statement = select(SandboxMail).where(SandboxMail.message_id == message_id).order_by(SandboxMail.id.desc())
    return db.session.scalars(statement.limit(1)).first()


def providers() -> list[tuple[int, str]]:
    """(id, name) of the providers whose messages may be in the inbox."""
    vendors = [provider.vendor for provider in registry.providers() if provider.uses_inbox]
    rows = db.session.execute(
        select(Provider.id, Provider.name).where(Provider.vendor.in_(vendors)).order_by(Provider.name)
    )
    return [(identifier, name) for identifier, name in rows]
