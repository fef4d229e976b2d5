"""What the ledger does not tell of messages that an application asked for: whose they are, under which reference."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, utc_now


class ApiJob(Base):
    """One job of a request. A request for several channels makes several jobs with one `send_id`."""

    __tablename__ = "api_jobs"

    job_id: Mapped[int] = mapped_column(BigId, ForeignKey("jobs.id"), primary_key=True, autoincrement=False)
    send_id: Mapped[int] = mapped_column(BigId, index=True)
    api_key_id: Mapped[int] = mapped_column(BigId, ForeignKey("api_keys.id"), index=True)
    reference: Mapped[str] = mapped_column(String(200), default="", index=True)  # of the whole request
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # the caller's metadata
    send_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class MessageReference(Base):
    """The caller's own name of a message. It may be given to several: one for each channel."""

    __tablename__ = "message_references"
    __table_args__ = (Index("ix_message_references_message_id", "message_id"),)

    reference: Mapped[str] = mapped_column(String(200), primary_key=True)
    message_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
