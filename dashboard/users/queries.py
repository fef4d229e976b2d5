"""Reading users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, or_, select

from dashboard.accounts.models import Role, User
from dashboard.audit.models import AuditEntry
from dashboard.extensions import db
from dashboard.problems import NotFound

#: More people than this are found by searching; a page with all of them helps nobody.
SHOWN: Final = 200
ROLES: Final = {
    Role.VIEWER: "Reads everything but users and credentials",
    Role.EDITOR: "Also writes templates, variables, audiences and campaign drafts, and sends tests",
    Role.SENDER: "Also launches, schedules, pauses and cancels campaigns, and keeps the suppression list",
    Role.ADMIN: "Also keeps providers, users and settings, and reads the audit log",
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to; "" is anything. `state`: active, suspended or no_second_factor."""

    q: str = ""
    role: str = ""
    state: str = ""


def list_users(filters: Filters) -> Sequence[User]:
    """At most SHOWN users in the order of their names."""
    statement = select(User).order_by(User.username).limit(SHOWN)
    if filters.q:
        part = f"%{_escaped(filters.q.strip().casefold())}%"
        statement = statement.where(
            or_(*(func.lower(column).like(part, escape="\\") for column in (User.username, User.full_name, User.email)))
        )
    if filters.role:
        statement = statement.where(User.role == filters.role)
    if filters.state == "active":
        statement = statement.where(User.suspended_at.is_(None))
    elif filters.state == "suspended":
        statement = statement.where(User.suspended_at.is_not(None))
    elif filters.state == "no_second_factor":
        statement = statement.where(User.suspended_at.is_(None), User.totp_enabled.is_(False))
    return db.session.scalars(statement).all()


def get_user(user_id: int) -> User:
    """The user; raises NotFound."""
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such user. The link may be incomplete.")
    return user


def last_actions(user_id: int, limit: int = 10) -> Sequence[AuditEntry]:
    """The newest audit entries of what the user did."""
    statement = select(AuditEntry).where(AuditEntry.user_id == user_id).order_by(AuditEntry.id.desc()).limit(limit)
    return db.session.scalars(statement).all()


def _escaped(text: str) -> str:
    """The text for LIKE, its wildcards taken literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
