"""Callbacks as they came in, the receipts read from them, and the vendors' ids that lead back to messages."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, Identified, utc_now


class CallbackState(StrEnum):
    NEW = "new"  # kept, to be read by the receipts lane
    READ = "read"
    UNREADABLE = "unreadable"  # the adapter could make nothing of it
    REFUSED = "refused"  # the signature or the sender's address was wrong


class Callback(Identified, Base):
    """One request of a provider, whole but for credentials, so that it can be read again by a better adapter."""

    __tablename__ = "callbacks"
    __table_args__ = (
        Index("ix_callbacks_provider_id", "provider_id", "id"),
        Index(
            "ix_callbacks_new", "id", sqlite_where=text("state = 'new'"), postgresql_where=text("state = 'new'")
        ),
    )  # fmt: skip
    PREFIX = "cbk"
    MAIL = "MAIL"  # the method of those that came by mail

    provider_id: Mapped[int] = mapped_column(BigId)
    state: Mapped[str] = mapped_column(String(12), default=CallbackState.NEW)
    method: Mapped[str] = mapped_column(String(8))
    query: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    headers: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    form: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    remote_address: Mapped[str] = mapped_column(String(60), default="")
    problem: Mapped[str] = mapped_column(Text, default="")
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # outcome -> receipts, "duplicate" too
    received_at: Mapped[datetime] = mapped_column(default=utc_now)


class BounceMailbox(Base):
    """How reading a provider's bounce mailbox goes; each mail in it becomes a callback with the method "MAIL"."""

    __tablename__ = "bounce_mailboxes"

    provider_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    next_read_at: Mapped[datetime] = mapped_column(default=utc_now)
    lease_until: Mapped[datetime | None]  # set: a worker is reading it
    read_at: Mapped[datetime | None]  # when it was last read to its end, or as far as one turn goes
    mails: Mapped[int] = mapped_column(default=0)  # taken out of it so far
    strangers: Mapped[int] = mapped_column(default=0)  # of these, no reports about mail of ours
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    problem: Mapped[str] = mapped_column(Text, default="")


class ReceiptOutcome(StrEnum):
    """What a receipt did to the ledger. Duplicates are counted at their callback and not kept."""

    APPLIED = "applied"  # the message changed its state
    NOTED = "noted"  # belongs to a message and changes nothing (accepted, opened …)
    LATE = "late"  # the message had a state already that does not move back
    UNKNOWN_CODE = "unknown_code"  # a code that the adapter does not know
    WAITING = "waiting"  # its message is not there yet, or not booked yet
    UNMATCHED = "unmatched"  # waited for long enough: no message of ours


class StoredReceipt(Identified, Base):
    """One statement of a provider about one message; the same event of a provider stands here once."""

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("provider_id", "event_id"),
        Index("ix_receipts_message_id", "message_id"),
        Index(
            "ix_receipts_waiting",
            "retry_at",
            sqlite_where=text("outcome = 'waiting'"),
            postgresql_where=text("outcome = 'waiting'"),
        ),
    )
    PREFIX = "rcp"

    provider_id: Mapped[int] = mapped_column(BigId)
    event_id: Mapped[str] = mapped_column(String(200))
    message_id: Mapped[int | None] = mapped_column(BigId)
    provider_message_id: Mapped[str] = mapped_column(String(200), default="")
    recipient: Mapped[str] = mapped_column(String(320), default="")
    kind: Mapped[str] = mapped_column(String(16))
    code: Mapped[str] = mapped_column(String(60), default="")
    detail: Mapped[str] = mapped_column(Text, default="")
    occurred_at: Mapped[datetime | None]
    received_at: Mapped[datetime] = mapped_column(default=utc_now)
    outcome: Mapped[str] = mapped_column(String(16), default=ReceiptOutcome.WAITING)
    retry_at: Mapped[datetime | None]


class ProviderReference(Base):
    """A vendor's id of a message, for vendors whose callbacks know no other; a batch call shares one id.

    A table of its own, because an index on the ledger's column would cost every message of every other vendor too.
    """

    __tablename__ = "provider_references"
    # By its message it is found when the message's time is over.
    __table_args__ = (Index("ix_provider_references_message_id", "message_id"), {"sqlite_with_rowid": False})

    provider_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    reference: Mapped[str] = mapped_column(String(200), primary_key=True)
    message_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
