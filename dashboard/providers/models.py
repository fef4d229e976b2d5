"""Configured providers, the addresses they send from, the routes to them, and the sandbox's inbox."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.extensions import Base, BigId, Identified, Versioned, utc_now


def new_webhook_token() -> str:
    """The part of a callback address that nobody can guess (256 bits)."""
    return secrets.token_urlsafe(32)


class Provider(Identified, Versioned, Base):
    """One integration: a vendor adapter of `worker.providers` with settings. Secrets are encrypted, write-only."""

    __tablename__ = "providers"
    PREFIX = "prv"

    name: Mapped[str] = mapped_column(String(120), unique=True)
    channel: Mapped[str] = mapped_column(String(10), index=True)
    vendor: Mapped[str] = mapped_column(String(40))
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # without secrets
    secrets: Mapped[str] = mapped_column(Text, default="")  # dashboard.crypto.encrypt
    secrets_set_at: Mapped[datetime | None]
    secrets_set_by: Mapped[str] = mapped_column(String(80), default="")
    enabled: Mapped[bool] = mapped_column(default=True)
    archived_at: Mapped[datetime | None]
    rate_per_second: Mapped[float] = mapped_column(default=0)  # 0: no limit, as in the next two
    rate_per_minute: Mapped[float] = mapped_column(default=0)
    rate_per_day: Mapped[float] = mapped_column(default=0)  # within any 24 hours
    domain_rates: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)  # recipients' domain -> a second
    webhook_token: Mapped[str] = mapped_column(String(64), unique=True, default=new_webhook_token)
    webhook_sources: Mapped[list[str]] = mapped_column(JSON, default=list)  # networks it may call from; empty: any
    draining: Mapped[bool] = mapped_column(default=False)  # finishes its runs, is given no new ones
    breaker_opened_at: Mapped[datetime | None]  # set: its traffic goes to the next of the route
    breaker_until: Mapped[datetime | None]  # when it may be tried with a few messages
    breaker_pause: Mapped[int] = mapped_column(default=0)  # seconds of the last pause; doubles with failed trials
    breaker_reason: Mapped[str] = mapped_column(Text, default="")
    last_test_at: Mapped[datetime | None]
    last_test_ok: Mapped[bool | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)

    senders: Mapped[list[Sender]] = relationship(
        back_populates="provider", cascade="all, delete-orphan", order_by="Sender.id"
    )


class Sender(Identified, Base):
    """A From address (email), or a sender id, short code or number (SMS), of a provider; one is the default."""

    __tablename__ = "senders"
    __table_args__ = (UniqueConstraint("provider_id", "address"),)
    PREFIX = "snd"

    provider_id: Mapped[int] = mapped_column(BigId, ForeignKey("providers.id"))
    address: Mapped[str] = mapped_column(String(320))
    display_name: Mapped[str] = mapped_column(String(160), default="")
    is_default: Mapped[bool] = mapped_column(default=False)

    provider: Mapped[Provider] = relationship(back_populates="senders")


class Route(Base):
    """Which provider serves a (channel, category), in order of position; 0 is the default.

    Those with a weight share the traffic by it; the others stand by, in their order. Without any weight the first
    one carries everything.
    """

    __tablename__ = "routes"

    channel: Mapped[str] = mapped_column(String(10), primary_key=True)
    category: Mapped[str] = mapped_column(String(20), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    provider_id: Mapped[int] = mapped_column(BigId, ForeignKey("providers.id"))
    weight: Mapped[int] = mapped_column(default=0)


class ProviderIncident(Identified, Base):
    """A time in which a provider's breaker was open: its traffic went elsewhere."""

    __tablename__ = "provider_incidents"
    __table_args__ = (Index("ix_provider_incidents_provider_id", "provider_id", "id"),)
    PREFIX = "inc"

    provider_id: Mapped[int] = mapped_column(BigId)
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text)


class ChannelSwitch(Base):
    """The master switch of a channel: while it is off nothing but one-time codes goes out on it."""

    __tablename__ = "channel_switches"

    channel: Mapped[str] = mapped_column(String(10), primary_key=True)
    off: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(Text, default="")
    changed_by: Mapped[str] = mapped_column(String(80), default="")
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)


class SandboxMail(Identified, Base):
    """What a sandbox provider took in place of the world; `raw` is RFC 5322 for email, else a JSON object."""

    __tablename__ = "sandbox_mails"
    PREFIX = "sbx"

    provider_id: Mapped[int] = mapped_column(BigId, index=True)
    channel: Mapped[str] = mapped_column(String(10), default="email")
    message_id: Mapped[int] = mapped_column(BigId, index=True)
    recipient: Mapped[str] = mapped_column(String(320))
    sender: Mapped[str] = mapped_column(String(320))
    subject: Mapped[str] = mapped_column(Text)
    raw: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    received_at: Mapped[datetime] = mapped_column(default=utc_now)
