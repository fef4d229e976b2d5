"""What the API keeps of its requests: answers under idempotency keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, utc_now


class IdempotentAnswer(Base):
    """One write under an `Idempotency-Key`. `status` 0: its sender is still at work (or died at it)."""

    __tablename__ = "idempotent_answers"

    api_key_id: Mapped[int] = mapped_column(BigId, ForeignKey("api_keys.id"), primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))  # SHA-256 of method, path, query and body
    status: Mapped[int] = mapped_column(default=0)
    body: Mapped[str] = mapped_column(Text, default="")
    location: Mapped[str] = mapped_column(String(200), default="")  # where to ask for what came of it
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
