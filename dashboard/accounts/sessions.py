"""The sign-in that a browser carries: begun anew at every sign-in, ended after session_hours or by the user's epoch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from flask import g, session
from flask_login import login_user, logout_user

from dashboard.accounts.models import User
from dashboard.current import current_settings
from dashboard.extensions import db, login_manager, utc_now
from dashboard.security import safe_next

SIGNED_IN_AT: Final = "signed_in_at"
_SECOND_STEP: Final = "second_step"
_TOKEN: Final = "csrf_token"  # noqa: S105 - the name that Flask-WTF uses in the session and in g
_SECOND_STEP_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class SecondStep:
    """Somebody whose password was right and whose code is still missing, and where they wanted to go."""

    user: User
    next: str | None


@login_manager.user_loader
def load_user(token: str) -> User | None:
    """The user of "id:epoch" while the sign-in is young enough, the user active and the epoch the current one."""
    started = session.get(SIGNED_IN_AT)
    if not isinstance(started, int) or time.time() - started > current_settings().session_hours * 3600:
        return None
    return _user_of(token)


def begin_session(user: User) -> None:
    """Sign the user in; nothing of the session before survives but, for the same user, its CSRF token.

    With the token an editor that is open in another tab can still save after a new sign-in or password here.
    """
    _empty_session(user)
    session.permanent = True
    session[SIGNED_IN_AT] = int(time.time())
    login_user(user)


def end_session() -> None:
    """Sign out."""
    logout_user()
    _empty_session(None)


def remember_second_step(user: User, next_url: str | None) -> None:
    """The password was right: keep for ten minutes who has to give a code now."""
    _empty_session(user)
    session[_SECOND_STEP] = {"user": user.get_id(), "at": int(time.time()), "next": safe_next(next_url)}


def second_step() -> SecondStep | None:
    """Who has to give a code, None where nobody has or it took too long."""
    waiting = session.get(_SECOND_STEP)
    if not waiting or time.time() - waiting["at"] > _SECOND_STEP_SECONDS:
        return None
    user = _user_of(waiting["user"])
    return SecondStep(user, waiting["next"]) if user is not None else None


def is_stale(user: User, age: timedelta = timedelta(minutes=5)) -> bool:
    """Whether "last seen" is old enough to be written again: one write in five minutes, not one per request."""
    return user.last_seen_at is None or utc_now() - user.last_seen_at > age


def _user_of(token: str) -> User | None:
    identifier, _, epoch = token.partition(":")
    if not (identifier.isdigit() and epoch.isdigit()):
        return None
    user = db.session.get(User, int(identifier))
    if user is None or not user.is_active or user.session_epoch != int(epoch):
        return None
    return user


def _empty_session(next_user: User | None) -> None:
    token = session.get(_TOKEN) if next_user is not None and _session_user() == next_user.id else None
    session.clear()
    if token is not None:
        session[_TOKEN] = token
    else:
        g.pop(_TOKEN, None)  # Flask-WTF keeps the token of this request there; it belongs to the old session


def _session_user() -> int | None:
    """Whose session this is or was: signed in, ended by its age, or between password and code."""
    token = session.get("_user_id") or session.get(_SECOND_STEP, {}).get("user", "")
    identifier = token.partition(":")[0]
    return int(identifier) if identifier.isdigit() else None
