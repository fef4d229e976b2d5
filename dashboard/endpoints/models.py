"""Webhook endpoints, the deliveries to them, and what of the ledger they have been told."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, Identified, Versioned, utc_now


class WebhookEndpoint(Identified, Versioned, Base):
    """An address that is told of the kinds of events it subscribes to."""

    __tablename__ = "webhook_endpoints"
    PREFIX = "whe"

    name: Mapped[str] = mapped_column(String(120))
    url: Mapped[str] = mapped_column(String(2000))
    kinds: Mapped[list[str]] = mapped_column(JSON, default=list)
    secrets: Mapped[str] = mapped_column(Text)  # encrypted: {"current": "whsec_…", "old": "whsec_…"}
    old_secret_until: Mapped[datetime | None]  # until then signatures of the old one are sent too
    enabled: Mapped[bool] = mapped_column(default=True)
    disabled_reason: Mapped[str] = mapped_column(String(300), default="")  # empty where a person did it
    failing_since: Mapped[datetime | None]  # the first failure since the last success
    listening_since: Mapped[datetime] = mapped_column(default=utc_now)  # what changed before is not told
    created_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    @property
    def state(self) -> str:
        """failing, enabled, disabled or stopped (it was disabled by itself), as on the badge."""
        if self.enabled:
            return "failing" if self.failing_since is not None else "enabled"
        return "stopped" if self.disabled_reason else "disabled"


class DeliveryState(StrEnum):
    PENDING = "pending"  # waits for its first or next try
    DELIVERED = "delivered"
    FAILED = "failed"  # every try failed; a person may deliver it again


class WebhookDelivery(Identified, Base):
    """One event for one endpoint. The payload is kept as it is signed and sent, byte for byte, with every try."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_due", "endpoint_id", "state", "next_try_at"),
        Index("ix_webhook_deliveries_endpoint_id", "endpoint_id", "id"),
    )
    PREFIX = "whd"

    endpoint_id: Mapped[int] = mapped_column(BigId, ForeignKey("webhook_endpoints.id"))
    event_id: Mapped[str] = mapped_column(String(60))  # webhook-id: the same for every endpoint and every try
    kind: Mapped[str] = mapped_column(String(40))
    items: Mapped[int] = mapped_column(default=1)  # messages in it, for message.states
    payload: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10), default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)  # tries of its whole life
    step: Mapped[int] = mapped_column(default=0)  # failures since it was last begun: place in the back-off
    next_try_at: Mapped[datetime | None] = mapped_column(default=utc_now)
    lease_until: Mapped[datetime | None]  # a worker has it in hand
    last_status: Mapped[int | None]
    last_answer: Mapped[str] = mapped_column(Text, default="")  # the beginning of the body
    last_error: Mapped[str] = mapped_column(String(500), default="")
    last_ms: Mapped[int | None]
    last_try_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class ToldChunk(Base):
    """What endpoints have been told of a chunk's messages: one letter for each record.

    `signature` is made of the chunk's counters, so a chunk of which there is news is found without its messages.
    """

    __tablename__ = "webhook_told_chunks"

    job_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    chunk_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    signature: Mapped[int] = mapped_column(BigId)
    states: Mapped[bytes] = mapped_column(LargeBinary)
    told_at: Mapped[datetime] = mapped_column(default=utc_now)
