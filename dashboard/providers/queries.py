"""Reading providers and routes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from dashboard.extensions import db
from dashboard.providers.models import Provider, Route, Sender


def listed() -> Sequence[Provider]:
    """Every provider that is not archived, by name."""
    return db.session.scalars(select(Provider).where(Provider.archived_at.is_(None)).order_by(Provider.name)).all()


def provider_choices(channel: str) -> list[tuple[int, str]]:
    """(id, name) of the providers of a channel that may send."""
    rows = db.session.execute(
        select(Provider.id, Provider.name)
        .where(Provider.channel == channel, Provider.archived_at.is_(None), Provider.enabled.is_(True))
        .order_by(Provider.name)
    )
    return [(identifier, name) for identifier, name in rows]


def sender_choices(provider_id: int) -> list[tuple[int, str]]:
    """(id, address with name) of a provider's From addresses, the default one first."""
    rows = db.session.scalars(
        select(Sender).where(Sender.provider_id == provider_id).order_by(Sender.is_default.desc(), Sender.address)
    )
    return [(row.id, f"{row.display_name} <{row.address}>" if row.display_name else row.address) for row in rows]


def routes() -> dict[tuple[str, str], Provider]:
    """The default provider of every (channel, category) that has one."""
    rows = db.session.execute(
        select(Route.channel, Route.category, Provider).join(Provider).where(Route.position == 0)
    ).all()
    return {(channel, category): provider for channel, category, provider in rows}
