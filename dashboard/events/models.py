"""Events, what each channel does on them, and the log of those received.

A received event is written down with its decision before it is answered. What it sends stands in `event_sends`: one row
for each channel, with its job once there is one. A row that waits for its moment is found by the scheduler, so a
fallback is kept by the database and by nothing else.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, case
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.extensions import Base, BigId, Identified, Versioned, utc_now
from dashboard.ids import public_id

#: The order in which channels are shown; the ids of an event's three rows are made in no order.
_PLACES = {"email": 0, "sms": 1, "push": 2}


class ValueType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    MOMENT = "moment"  # ISO 8601, a date or a date with a time
    LIST = "list"
    OBJECT = "object"


class ReceiptState(StrEnum):
    ACCEPTED = "accepted"  # something is to be sent, or waits
    SENT = "sent"  # every channel has been handed to its lane, or is not needed
    FILTERED = "filtered"  # a condition, a rule, or nobody subscribed
    INVALID = "invalid"  # the payload does not fit the variables


class SendState(StrEnum):
    WAITING = "waiting"  # until `due_at`
    SENT = "sent"  # there is a job for it
    NOT_NEEDED = "not_needed"  # the channel before it was delivered
    SKIPPED = "skipped"  # the recipient has no address for it
    FAILED = "failed"  # given up


class Event(Identified, Versioned, Base):
    """`variables`: [{"path", "type", "required", "sample", "pii"}]; `conditions` as in dashboard.events.conditions."""

    __tablename__ = "events"
    PREFIX = "evt"

    slug: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(160))
    description: Mapped[str] = mapped_column(Text, default="")
    group: Mapped[str] = mapped_column("group_name", String(80), default="", index=True)
    subgroup: Mapped[str] = mapped_column(String(80), default="")
    enabled: Mapped[bool] = mapped_column(default=False)
    variables: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    conditions: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    idempotency_path: Mapped[str] = mapped_column(String(200), default="")  # "": none
    dedup_seconds: Mapped[int] = mapped_column(default=0)  # 0: for as long as the log is kept
    cap_count: Mapped[int] = mapped_column(default=0)  # per customer; 0: none
    cap_seconds: Mapped[int] = mapped_column(default=86_400)
    expires_seconds: Mapped[int] = mapped_column(default=0)  # nothing is sent so long after it; 0: none
    send_window: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # worker.engine.send_window; {}: none
    created_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_by: Mapped[int | None] = mapped_column(BigId)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)

    deliveries: Mapped[list[EventDelivery]] = relationship(
        order_by=lambda: case(_PLACES, value=EventDelivery.channel),
        cascade="all, delete-orphan",
        back_populates="event",
        lazy="selectin",
    )

    @property
    def state(self) -> str:
        """State of the object kind "event" in dashboard.status."""
        return "on" if self.enabled else "off"


class EventDelivery(Identified, Base):
    """What one channel does. With `fallback_of` only where that channel has not delivered after so many seconds."""

    __tablename__ = "event_deliveries"
    __table_args__ = (UniqueConstraint("event_id", "channel"),)
    PREFIX = "evd"

    event_id: Mapped[int] = mapped_column(BigId, ForeignKey("events.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(10))
    subscribed: Mapped[bool] = mapped_column(default=False)
    template_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("templates.id"), index=True)
    category: Mapped[str] = mapped_column(String(20), default="")  # "": the template's
    delay_seconds: Mapped[int] = mapped_column(default=0)
    fallback_of: Mapped[str] = mapped_column(String(10), default="")  # a channel; "": sent in any case
    fallback_seconds: Mapped[int] = mapped_column(default=600)

    event: Mapped[Event] = relationship(back_populates="deliveries")


class EventVersion(Identified, Base):
    """What an event was after a save: `content` as in dashboard.events.definition; never changed afterwards."""

    __tablename__ = "event_versions"
    __table_args__ = (UniqueConstraint("event_id", "number"),)
    PREFIX = "evv"

    event_id: Mapped[int] = mapped_column(BigId, ForeignKey("events.id", ondelete="CASCADE"))
    number: Mapped[int]  # 1, 2, 3 …
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    restored_from: Mapped[int | None]  # the number of the version that was brought back
    created_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class EventReceipt(Identified, Base):
    """One received event. `once_key` (a hash) can be there once for each event: that is what de-duplicates."""

    __tablename__ = "event_receipts"
    __table_args__ = (
        UniqueConstraint("event_id", "once_key"),
        Index("ix_event_receipts_event_id_id", "event_id", "id"),
        Index("ix_event_receipts_event_customer", "event_id", "customer_key", "id"),
    )
    PREFIX = "evr"

    event_id: Mapped[int] = mapped_column(BigId, ForeignKey("events.id", ondelete="CASCADE"))
    received_at: Mapped[datetime] = mapped_column(default=utc_now)
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(Text, default="")
    place: Mapped[str] = mapped_column(String(300), default="")  # of what is invalid
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    recipient: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    once_key: Mapped[str | None] = mapped_column(String(64))
    customer_key: Mapped[str] = mapped_column(String(64), default="")
    replay_of_id: Mapped[int | None] = mapped_column(BigId)
    is_test: Mapped[bool] = mapped_column(default=False)
    api_key_id: Mapped[int | None] = mapped_column(BigId)
    created_by: Mapped[int | None] = mapped_column(BigId)

    sends: Mapped[list[EventSend]] = relationship(
        # Ids made within one millisecond have no order.
        order_by="EventSend.position, EventSend.id",
        cascade="all, delete-orphan",
        back_populates="receipt",
        lazy="selectin",
    )


class EventSend(Identified, Base):
    """One channel of a received event."""

    __tablename__ = "event_sends"
    __table_args__ = (
        Index("ix_event_sends_state_due_at", "state", "due_at"),
        Index("ix_event_sends_message_id", "message_id"),  # a message's page names its event
    )
    PREFIX = "evs"

    receipt_id: Mapped[int] = mapped_column(BigId, ForeignKey("event_receipts.id", ondelete="CASCADE"), index=True)
    position: Mapped[int] = mapped_column(default=0, server_default="0")  # a fallback comes after what it stands for
    channel: Mapped[str] = mapped_column(String(10))
    template_id: Mapped[int] = mapped_column(BigId)
    category: Mapped[str] = mapped_column(String(20), default="")
    state: Mapped[str] = mapped_column(String(12), default=SendState.WAITING)
    reason: Mapped[str] = mapped_column(Text, default="")
    due_at: Mapped[datetime | None]
    after_id: Mapped[int | None] = mapped_column(BigId)  # the row whose delivery makes this one needless
    after_seconds: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime | None]
    job_id: Mapped[int | None] = mapped_column(BigId)
    message_id: Mapped[int | None] = mapped_column(BigId)

    receipt: Mapped[EventReceipt] = relationship(back_populates="sends")

    @property
    def public_message_id(self) -> str:
        return "" if self.message_id is None else public_id("msg", self.message_id)
