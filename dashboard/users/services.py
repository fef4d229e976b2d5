"""What administrators do with users; every change is written to the audit log."""

from __future__ import annotations

import re
from typing import Any, Final

from flask_login import current_user
from sqlalchemy import func, select

from dashboard.accounts import passwords, throttle, two_factor
from dashboard.accounts.models import Role, User
from dashboard.accounts.services import plain_name
from dashboard.audit.services import record
from dashboard.extensions import db, transaction, utc_now
from dashboard.problems import DomainError, NotFound, check_version

_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,79}")


def create_user(*, username: str, full_name: str, email: str, role: Role) -> tuple[User, str]:
    """Make a user and a password that is shown once and must be changed at the first sign-in. Returns both.

    Raises DomainError(field "username") for a name that is taken or has other than a-z, 0-9 and . _ @ + -.
    """
    name = plain_name(username)
    if not _USERNAME.fullmatch(name):
        raise DomainError(
            "Use 2 to 80 small letters, digits or . _ @ + - and begin with a letter or digit.",
            field="username",
            code="bad_name",
        )
    password = passwords.readable_password()
    stored = passwords.hash_password(password)
    with transaction():
        if db.session.scalar(select(func.count()).select_from(User).where(User.username == name)):
            raise DomainError(f"There is a user “{name}” already. Choose another name.", field="username", code="taken")
        user = User(username=name, password_hash=stored, must_change_password=True, role=role)
        user.full_name, user.email = full_name.strip(), email.strip()
        db.session.add(user)
        db.session.flush()
        record("user.create", user, summary=f"User {name} made with role {role.value}", after=_facts(user))
    return user, password


def update_user(*, user_id: int, version: int | None, full_name: str, email: str, role: Role) -> User:
    """Change name, address and role. Raises DomainError(field "role") for the last active administrator, Conflict."""
    with transaction():
        user = _locked(user_id)
        check_version(user, version)
        if user.role == Role.ADMIN and role is not Role.ADMIN and user.is_active:
            _keep_an_admin(user, field="role")
        before = _facts(user)
        user.full_name, user.email, user.role = full_name.strip(), email.strip(), role
        record("user.update", user, summary=f"User {user.username} changed", before=before, after=_facts(user))
    return user


def suspend_user(*, user_id: int) -> User:
    """End the user's sessions and refuse new ones. Raises DomainError for oneself and for the last active admin."""
    with transaction():
        user = _locked(user_id)
        if user.id == getattr(current_user, "id", None):
            raise DomainError("Nobody suspends themselves. Ask another administrator.", code="yourself")
        if user.is_active:
            if user.role == Role.ADMIN:
                _keep_an_admin(user)
            user.suspended_at = utc_now()
            user.session_epoch += 1
            record("user.suspend", user, summary=f"User {user.username} suspended")
    return user


def reactivate_user(*, user_id: int) -> User:
    """Let a suspended user sign in again, with the password from before."""
    with transaction():
        user = _locked(user_id)
        if not user.is_active:
            user.suspended_at = None
            record("user.reactivate", user, summary=f"User {user.username} may sign in again")
    return user


def reset_password(*, user_id: int) -> tuple[User, str]:
    """Replace the password by one that is shown once and must be changed; ends the user's sessions. Returns both."""
    password = passwords.readable_password()
    stored = passwords.hash_password(password)
    with transaction():
        user = _locked(user_id)
        if user.id == getattr(current_user, "id", None):
            raise DomainError("Change your own password under Password and two-factor.", code="yourself")
        user.password_hash, user.must_change_password = stored, True
        user.session_epoch += 1
        throttle.forget_failures(user.username)
        record("user.reset_password", user, summary=f"New one-time password for {user.username}")
    return user, password


def reset_second_factor(*, user_id: int, typed_name: str) -> User:
    """Remove somebody's second factor; `typed_name` must be the user name. Ends the user's sessions.

    Raises DomainError(field "typed_name") where it is not.
    """
    with transaction():
        user = _locked(user_id)
        if plain_name(typed_name) != user.username:
            raise DomainError(f"Type {user.username} to confirm.", field="typed_name", code="not_confirmed")
        if not user.totp_enabled:
            raise DomainError("Two-factor sign-in of this user is off already.", code="off")
        two_factor.turn_off(user_id=user_id, action="user.reset_second_factor")
        user.session_epoch += 1
    return user


def unlock_user(*, user_id: int) -> User:
    """End the lock that wrong passwords caused."""
    with transaction():
        user = _locked(user_id)
        throttle.forget_failures(user.username)
        record("user.unlock", user, summary=f"Lock of {user.username} ended")
    return user


def _keep_an_admin(user: User, field: str | None = None) -> None:
    """Refuse what would leave nobody who can manage users; the rows are locked, so two refusals cannot cross."""
    statement = select(User.id).where(User.role == Role.ADMIN, User.suspended_at.is_(None)).with_for_update()
    if set(db.session.scalars(statement)) <= {user.id}:
        raise DomainError(
            "This is the last active administrator. Make somebody else administrator first.",
            field=field,
            code="last_admin",
        )


def _locked(user_id: int) -> User:
    user = db.session.get(User, user_id, with_for_update=True)
    if user is None:
        raise NotFound("There is no such user.")
    return user


def _facts(user: User) -> dict[str, Any]:
    return {"full_name": user.full_name, "email": user.email, "role": str(Role(user.role).value)}
