"""The tokens of devices that apps have told us about."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, Identified, utc_now


class Platform(StrEnum):
    ANDROID = "android"
    IOS = "ios"
    WEB = "web"


class DeviceState(StrEnum):
    ACTIVE = "active"
    GONE = "gone"  # the vendor says that nobody is there any more


class PushToken(Identified, Base):
    """One device. `address` is the token as the ledger keeps it: itself, or the digest of a long one."""

    __tablename__ = "push_tokens"
    PREFIX = "dev"

    address: Mapped[str] = mapped_column(String(320), unique=True)
    token: Mapped[str] = mapped_column(Text)
    platform: Mapped[str] = mapped_column(String(10))
    app: Mapped[str] = mapped_column(String(160), default="")
    customer_id: Mapped[str] = mapped_column(String(160), default="", index=True)
    state: Mapped[str] = mapped_column(String(10), default=DeviceState.ACTIVE)
    reason: Mapped[str] = mapped_column(String(500), default="")  # the vendor's words about one that is gone
    last_seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    gone_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
