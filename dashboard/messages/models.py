"""The ledger: one row per recipient of a job, and what happened to it.

`id` is the job's block plus the record number, so it is known before the row exists; its high bits are the time at
which the job was made. Rows are written a window at a time, as `sending`, in the transaction before the hand-over.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, Identified, utc_now
from dashboard.ids import public_id, time_of


class MessageState(StrEnum):
    QUEUED = "queued"  # put off: waits for not_before
    HELD = "held"
    SENDING = "sending"
    SENT = "sent"  # the provider took it
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    EXPIRED = "expired"
    FAILED = "failed"
    UNKNOWN = "unknown"  # handed over, but nobody knows whether it was taken
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"


TRANSITIONS: dict[MessageState, frozenset[MessageState]] = {
    MessageState.QUEUED: frozenset(
        {MessageState.SENDING, MessageState.SUPPRESSED, MessageState.CANCELLED, MessageState.HELD, MessageState.EXPIRED}
    ),
    MessageState.HELD: frozenset(
        {
            MessageState.SENDING,
            MessageState.SUPPRESSED,
            MessageState.QUEUED,
            MessageState.CANCELLED,
            MessageState.EXPIRED,
        }
    ),
    MessageState.SENDING: frozenset(
        {
            MessageState.SENT,
            MessageState.FAILED,
            MessageState.UNKNOWN,
            MessageState.QUEUED,
            MessageState.BOUNCED,
            MessageState.EXPIRED,
        }
    ),
    MessageState.SENT: frozenset(
        {MessageState.DELIVERED, MessageState.BOUNCED, MessageState.COMPLAINED, MessageState.EXPIRED}
    ),
    MessageState.DELIVERED: frozenset({MessageState.COMPLAINED}),
    MessageState.UNKNOWN: frozenset(
        {MessageState.SENT, MessageState.DELIVERED, MessageState.BOUNCED, MessageState.FAILED}
    ),
    MessageState.BOUNCED: frozenset(),
    MessageState.COMPLAINED: frozenset(),
    MessageState.EXPIRED: frozenset(),
    MessageState.FAILED: frozenset(),
    MessageState.SUPPRESSED: frozenset(),
    MessageState.CANCELLED: frozenset(),
}

#: The two-word view of the reports; what is in neither set is still under way or was never meant to be sent.
SUCCESS_STATES = frozenset({MessageState.SENT, MessageState.DELIVERED})
ERROR_STATES = frozenset(
    {MessageState.FAILED, MessageState.BOUNCED, MessageState.COMPLAINED, MessageState.UNKNOWN, MessageState.EXPIRED}
)
FINAL_STATES = frozenset(state for state, following in TRANSITIONS.items() if not following)


class Message(Base):
    __tablename__ = "messages"
    # No UNIQUE (job_id, record_no): the id is the job's first one + record_no, and blocks of ids never overlap, so the
    # primary key says the same. On a table in partitions it would have to hold the id anyway.
    __table_args__ = (
        # With text_pattern_ops PostgreSQL answers LIKE 'prefix%' from the index (600 times faster, measured).
        Index("ix_messages_recipient_id", "recipient", "id", postgresql_ops={"recipient": "text_pattern_ops"}),
        Index("ix_messages_state_id", "state", "id"),
        Index("ix_messages_template_id", "template_id", "id"),
        # Only the messages of events stand in it: the others, campaigns above all, do not pay for it.
        Index(
            "ix_messages_event_id",
            "event_id",
            "id",
            postgresql_where=text("event_id IS NOT NULL"),
            sqlite_where=text("event_id IS NOT NULL"),
        ),
        {"postgresql_partition_by": "RANGE (id)"},  # by month, see dashboard.messages.partitions
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    job_id: Mapped[int] = mapped_column(BigId)
    record_no: Mapped[int]
    chunk_no: Mapped[int]
    campaign_id: Mapped[int | None] = mapped_column(BigId, index=True)
    event_id: Mapped[int | None] = mapped_column(BigId)
    template_id: Mapped[int] = mapped_column(BigId)
    template_version_id: Mapped[int] = mapped_column(BigId)
    provider_id: Mapped[int] = mapped_column(BigId)
    channel: Mapped[str] = mapped_column(String(10))
    category: Mapped[str] = mapped_column(String(20))
    recipient: Mapped[str] = mapped_column(String(320))
    is_test: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    provider_message_id: Mapped[str | None] = mapped_column(String(200))
    code: Mapped[str | None] = mapped_column(String(60))  # the provider's, or ours ("undefined_variable")
    detail: Mapped[str | None] = mapped_column(Text)  # the provider's words
    maybe_twice: Mapped[bool] = mapped_column(default=False)  # sent again after a crash: the first may have arrived
    handed_over_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)

    @property
    def public_id(self) -> str:
        return public_id("msg", self.id)

    @property
    def created_at(self) -> datetime:
        return time_of(self.id)


def in_block(first_id: int, count: int) -> ColumnElement[bool]:
    """The messages of a job by its block of ids: the primary key finds them, in the partition that has them."""
    return Message.id.between(first_id, first_id + count - 1)


class MessageEvent(Identified, Base):
    """What the row alone does not tell: put off, handed over again, a receipt, a person's act."""

    __tablename__ = "message_events"
    __table_args__ = (
        Index("ix_message_events_message_id", "message_id", "id"),
        {"postgresql_partition_by": "RANGE (id)"},
    )
    PREFIX = "mev"

    message_id: Mapped[int] = mapped_column(BigId)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    kind: Mapped[str] = mapped_column(String(20))  # deferred | resent | receipt | recovered | note
    code: Mapped[str] = mapped_column(String(60), default="")
    detail: Mapped[str] = mapped_column(Text, default="")
    data: Mapped[dict[str, Any] | None] = mapped_column(JSON)
