"""Users, their roles and what each role may do."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from flask_login import UserMixin
from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, Identified, Versioned, utc_now


class Role(StrEnum):
    """Each role may do what the one before it may, and more."""

    VIEWER = "viewer"  # reads everything but credentials and users
    EDITOR = "editor"  # writes templates, variables, audiences, campaign drafts; sends tests
    SENDER = "sender"  # launches, schedules, pauses, cancels; adds suppressions
    ADMIN = "admin"  # providers, users, settings


_RANK = {role: rank for rank, role in enumerate(Role)}

#: The least role for each permission; `@requires(name)` in `dashboard.security` asks this table.
PERMISSIONS: dict[str, Role] = {
    "home.read": Role.VIEWER,
    "account.self": Role.VIEWER,
    "templates.read": Role.VIEWER,
    "templates.write": Role.EDITOR,
    "templates.test": Role.EDITOR,
    "variables.read": Role.VIEWER,
    "variables.write": Role.EDITOR,
    "otp.read": Role.VIEWER,
    "otp.test": Role.EDITOR,
    "otp.write": Role.ADMIN,
    "events.read": Role.VIEWER,
    "events.write": Role.EDITOR,
    "events.publish": Role.SENDER,
    "audiences.read": Role.VIEWER,
    "audiences.write": Role.EDITOR,
    "campaigns.read": Role.VIEWER,
    "campaigns.write": Role.EDITOR,
    "campaigns.send": Role.SENDER,
    "messages.read": Role.VIEWER,
    "messages.export": Role.EDITOR,
    "messages.send": Role.SENDER,
    "reports.read": Role.VIEWER,
    "suppressions.read": Role.VIEWER,
    "suppressions.write": Role.SENDER,
    "providers.read": Role.VIEWER,
    "providers.write": Role.ADMIN,
    "users.manage": Role.ADMIN,
    "api_keys.manage": Role.ADMIN,
    "webhooks.manage": Role.ADMIN,
    "settings.manage": Role.ADMIN,
    "audit.read": Role.ADMIN,
    "system.read": Role.ADMIN,
    "system.manage": Role.ADMIN,
}


class User(Identified, Versioned, UserMixin, Base):
    """Somebody who signs in. `session_epoch` is part of the session: counting it up signs out everywhere."""

    __tablename__ = "users"
    PREFIX = "usr"

    username: Mapped[str] = mapped_column(String(80), unique=True)
    full_name: Mapped[str] = mapped_column(String(160), default="")
    email: Mapped[str] = mapped_column(String(320), default="")
    phone: Mapped[str] = mapped_column(String(20), default="")  # E.164; test sends of SMS go there
    push_token: Mapped[str] = mapped_column(Text, default="")  # of a device; test sends of push go there
    role: Mapped[str] = mapped_column(String(20), default=Role.VIEWER)
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change_password: Mapped[bool] = mapped_column(default=False)
    suspended_at: Mapped[datetime | None]
    session_epoch: Mapped[int] = mapped_column(default=1)
    totp_secret: Mapped[str] = mapped_column(String(400), default="")  # encrypted
    totp_enabled: Mapped[bool] = mapped_column(default=False)
    totp_last_step: Mapped[int] = mapped_column(default=0)  # a code is good once (pyotp has no replay guard)
    recovery_hashes: Mapped[list[str]] = mapped_column(JSON, default=list)
    time_zone: Mapped[str] = mapped_column(String(64), default="")
    single_key_shortcuts: Mapped[bool] = mapped_column(default=True)
    last_seen_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    @property
    def is_active(self) -> bool:
        return self.suspended_at is None

    def get_id(self) -> str:
        return f"{self.id}:{self.session_epoch}"

    def may(self, permission: str) -> bool:
        """Whether the user's role reaches the permission (KeyError for one that does not exist)."""
        return self.is_active and _RANK[Role(self.role)] >= _RANK[PERMISSIONS[permission]]


class LoginThrottle(Base):
    """Failed sign-ins of one name (as keyed hash), whether or not a user of that name exists."""

    __tablename__ = "login_throttles"

    name_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
