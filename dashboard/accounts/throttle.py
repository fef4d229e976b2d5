"""Guessing costs time: after some failures in a row a name is locked, whether or not a user of that name exists."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite

from dashboard.accounts.models import LoginThrottle
from dashboard.crypto import keyed_hash
from dashboard.current import current_settings
from dashboard.extensions import db, transaction, utc_now
from dashboard.problems import RateLimited
from dashboard.timefmt import absolute, zone_name


class Locked(RateLimited):
    """The name is locked until `until` (UTC)."""

    code = "locked"

    def __init__(self, until: datetime) -> None:
        super().__init__(
            "Too many failed tries for this name, so it is locked for a while. "
            f"Try again after {absolute(until)} ({zone_name()}).",
            retry_after=max(1, ceil((until - utc_now()).total_seconds())),
        )
        self.until = until


def reserve_attempt(name: str) -> None:
    """Count a try for `name` before it is checked; raises Locked where the name is, or becomes, locked.

    Counting first bounds parallel guesses too: of a hundred at once only `login_attempts` are looked at.
    """
    settings = current_settings()
    with transaction():
        now = utc_now()
        row = _count(_key(name), now)
        if row.locked_until is not None and row.locked_until > now:
            until = row.locked_until
        elif row.failures > settings.login_attempts:
            until = _lock(_key(name), now)
        else:
            return
    raise Locked(until)


def lock_if_spent(name: str) -> datetime | None:
    """After a failed try: lock the name where that was its last one. Returns when the lock ends."""
    with transaction():
        now = utc_now()
        row = db.session.get(LoginThrottle, _key(name), populate_existing=True)
        if row is None or row.failures < current_settings().login_attempts:
            return None
        return _lock(_key(name), now)


def give_back(name: str) -> None:
    """The try was right, though the sign-in is not complete (a code is missing): it does not count as a failure."""
    with transaction():
        row = LoginThrottle.name_hash == _key(name)
        db.session.execute(
            update(LoginThrottle).where(row, LoginThrottle.failures > 0).values(failures=LoginThrottle.failures - 1)
        )


def forget_failures(name: str) -> None:
    """After a complete sign-in: the count of failures in a row starts again. Joins the transaction around it."""
    with transaction():
        db.session.execute(delete(LoginThrottle).where(LoginThrottle.name_hash == _key(name)))


def locked_until(name: str) -> datetime | None:
    """When the lock of a name ends, None where it is not locked."""
    row = db.session.get(LoginThrottle, _key(name))
    if row is None or row.locked_until is None or row.locked_until <= utc_now():
        return None
    return row.locked_until


def _key(name: str) -> str:
    return keyed_hash(current_settings().key, "login-throttle", name.strip().casefold())


def _count(key: str, now: datetime) -> LoginThrottle:
    """Add one to the failures of a key in one statement, so that no parallel try is lost; a lock that ended is void."""
    old = now - timedelta(days=1)
    db.session.execute(delete(LoginThrottle).where(LoginThrottle.updated_at < old))
    db.session.execute(
        update(LoginThrottle)
        .where(LoginThrottle.name_hash == key, LoginThrottle.locked_until <= now)
        .values(failures=0, locked_until=None)
    )
    insert = sqlite.insert if db.engine.dialect.name == "sqlite" else postgresql.insert
    statement = insert(LoginThrottle).values(name_hash=key, failures=1, updated_at=now)
    statement = statement.on_conflict_do_update(
        index_elements=["name_hash"], set_={"failures": LoginThrottle.failures + 1, "updated_at": now}
    )
    db.session.execute(statement)
    return db.session.get_one(LoginThrottle, key, populate_existing=True)


def _lock(key: str, now: datetime) -> datetime:
    until = now + timedelta(minutes=current_settings().login_lock_minutes)
    db.session.execute(
        update(LoginThrottle).where(LoginThrottle.name_hash == key).values(locked_until=until, updated_at=now)
    )
    return until
