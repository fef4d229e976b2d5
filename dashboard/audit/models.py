"""What people did: written with the change, in its transaction, and never altered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, Identified, utc_now


class AuditEntry(Identified, Base):
    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_object", "object_kind", "object_id"),)
    PREFIX = "aud"

    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    user_id: Mapped[int | None] = mapped_column(BigId)
    user_name: Mapped[str] = mapped_column(String(80), default="")  # kept where the user is gone
    action: Mapped[str] = mapped_column(String(60), index=True)  # "campaign.launch"
    object_kind: Mapped[str] = mapped_column(String(40), default="")
    object_id: Mapped[int | None] = mapped_column(BigId)
    summary: Mapped[str] = mapped_column(Text, default="")
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    request_id: Mapped[str] = mapped_column(String(40), default="")
    remote_address: Mapped[str] = mapped_column(String(64), default="")
