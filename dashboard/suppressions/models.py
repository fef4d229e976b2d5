"""Addresses that are not written to, and why."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, Identified, utc_now


class SuppressionScope(StrEnum):
    PROMOTIONAL = "promotional"  # still gets transactional mail and codes
    ALL = "all"


class SuppressionReason(StrEnum):
    UNSUBSCRIBED = "unsubscribed"
    MANUAL = "manual"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class Suppression(Identified, Base):
    __tablename__ = "suppressions"
    __table_args__ = (UniqueConstraint("channel", "address", "scope"),)
    PREFIX = "sup"

    channel: Mapped[str] = mapped_column(String(10))
    address: Mapped[str] = mapped_column(String(320))  # in the form of suppressions.addresses.normal
    scope: Mapped[str] = mapped_column(String(12), default=SuppressionScope.PROMOTIONAL)
    reason: Mapped[str] = mapped_column(String(16), default=SuppressionReason.MANUAL)
    note: Mapped[str] = mapped_column(Text, default="")
    message_id: Mapped[int | None] = mapped_column(BigId)  # the message it came from
    created_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
