"""Keys of applications, `car_<prefix>_<secret>`: the prefix finds the row, a keyed hash proves the whole."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, Identified, utc_now


class Scope(StrEnum):
    """What a key may do. `admin` reaches everything."""

    SEND = "send"
    OTP = "otp"
    EVENTS = "events"
    AUDIENCES = "audiences"
    CAMPAIGNS = "campaigns"
    REPORTS = "reports"
    ADMIN = "admin"


class ApiKey(Identified, Base):
    __tablename__ = "api_keys"
    PREFIX = "key"

    name: Mapped[str] = mapped_column(String(120))
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    old_secret_hash: Mapped[str] = mapped_column(
        String(64), default=""
    )  # good until old_secret_until, after a rotation
    old_secret_until: Mapped[datetime | None]
    scopes: Mapped[list[str]] = mapped_column(JSON, default=list)
    template_ids: Mapped[list[int]] = mapped_column(JSON, default=list)  # what it may send; empty: every template
    requests_per_minute: Mapped[int] = mapped_column(default=0)  # 0: no limit
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # written at most once a minute
    last_used_from: Mapped[str] = mapped_column(String(64), default="")
    created_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    @property
    def state(self) -> str:
        """active, expired or revoked, as on the badge."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= utc_now() else "active"
