"""How often codes may be asked for: by destination, by the person's address, by a range of numbers; and lock-outs.

Counted in the database alone, in the transaction that books the code: an increment is one statement that locks its
row, so of two requests at once one waits for the other's commit, and a refused one, rolled back, has not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from math import ceil
from typing import Final

from sqlalchemy import and_, bindparam, case, delete, literal_column, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from dashboard.crypto import keyed_hash
from dashboard.current import current_settings
from dashboard.direct import Look
from dashboard.extensions import db, utc_now
from dashboard.otp.models import OtpConfiguration, OtpCounter, OtpRequest, OtpState
from dashboard.problems import RateLimited

#: Limits hold for a stretch of this length that begins with the first use.
STRETCH: Final = timedelta(hours=1)
#: Numbers that differ in their last four digits only are one range: fraud runs through them one by one.
_RANGE_DIGITS: Final = 4
_WORDS: Final = {
    "destination": "Too many codes were asked for this destination.",
    "ip": "Too many codes were asked for from this IP address.",
    "prefix": "Too many codes were asked for numbers of this range.",
    "resend_wait": "A code was sent a moment ago.",
    "locked": "After too many wrong codes this destination gets none for a while.",
}


class Limited(RateLimited):
    """A limit refused the request; `reason` is destination, ip, prefix, resend_wait or locked."""

    def __init__(self, reason: str, until: datetime) -> None:
        seconds = max(1, ceil((until - utc_now()).total_seconds()))
        super().__init__(f"{_WORDS[reason]} Ask again in {seconds} s.", retry_after=seconds)
        self.reason = reason
        self.code = "locked" if reason == "locked" else "rate_limited"


@dataclass(frozen=True, slots=True)
class _Use:
    reason: str
    subject: str
    most: int


def spend(configuration: OtpConfiguration, *, channel: str, destination: str, ip: str) -> None:
    """Count one code. Inside `transaction()`. Raises Limited."""
    uses = [_Use("destination", destination, configuration.destination_limit)]
    if ip and configuration.ip_limit:
        uses.append(_Use("ip", ip, configuration.ip_limit))
    if channel == "sms" and configuration.prefix_limit:
        uses.append(_Use("prefix", destination[:-_RANGE_DIGITS], configuration.prefix_limit))
    uses.sort(key=lambda one: one.reason)  # always in one order: no two requests wait for each other
    keys = [_key(use.reason, use.subject) for use in uses]
    counted = _count(keys)
    for use, key in zip(uses, keys, strict=True):
        count, until = counted[key]
        if use.most and count > use.most:
            raise Limited(use.reason, until)


def lock(destination: str, purpose: str, seconds: int) -> None:
    """No code goes there for so long. Inside `transaction()`."""
    until = utc_now() + timedelta(seconds=seconds)
    statement = _insert(_key("locked", f"{destination}\n{purpose}"), until)
    db.session.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={"ends_at": statement.excluded.ends_at})
    )


@dataclass(frozen=True, slots=True)
class Open:
    """A request whose code works still, or whose wait is not over."""

    id: int
    resend_at: datetime
    expires_at: datetime


def open_requests(destination: str, purpose: str, group_id: int) -> list[Open]:
    """Those of a destination for a purpose, but for a group's. Raises Limited while the destination is locked."""
    now = utc_now()
    key = _key("locked", f"{destination}\n{purpose}")
    values = {"key": key, "destination": destination, "purpose": purpose, "group": group_id, "now": now}
    rows = _OPEN.rows(db.session.connection(), values)
    until = rows[0][0]
    if until is not None and until > now:
        raise Limited("locked", until)
    return [Open(*row[1:]) for row in rows if row[1] is not None]


def forget_old() -> None:
    """Delete the counters whose time was over a day ago. Inside `transaction()`."""
    db.session.execute(delete(OtpCounter).where(OtpCounter.ends_at < utc_now() - timedelta(days=1)))


def _count(keys: Sequence[str]) -> dict[str, tuple[int, datetime]]:
    """Count one more of each; how many there are now, and until when."""
    now = utc_now()
    values = {f"key_{number}": key for number, key in enumerate(keys)}
    rows = _counting(db.engine.dialect.name, len(keys)).rows(
        db.session.connection(), {**values, "now": now, "until": now + STRETCH}
    )
    return {row[0]: (row[1], row[2]) for row in rows}


@cache
def _counting(dialect: str, uses: int) -> Look:
    """The statement that counts so many at once."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    until = bindparam("until", type_=OtpCounter.ends_at.type)
    rows = [
        {"key": bindparam(f"key_{number}", type_=OtpCounter.key.type), "count": literal_column("1"), "ends_at": until}
        for number in range(uses)
    ]
    statement = insert(OtpCounter).values(rows)
    over = OtpCounter.ends_at <= bindparam("now", type_=OtpCounter.ends_at.type)
    changes = {
        "count": case((over, literal_column("1")), else_=OtpCounter.count + literal_column("1")),
        "ends_at": case((over, statement.excluded.ends_at), else_=OtpCounter.ends_at),
    }
    counted = statement.on_conflict_do_update(index_elements=["key"], set_=changes)
    return Look(counted.returning(OtpCounter.key, OtpCounter.count, OtpCounter.ends_at))


def _looking() -> Look:
    """Until when a destination is locked, beside each of its open requests; one row where there is none."""
    now = bindparam("now", type_=OtpRequest.resend_at.type)
    locked = select(OtpCounter.ends_at).where(OtpCounter.key == bindparam("key", type_=OtpCounter.key.type))
    one = select(locked.scalar_subquery().label("locked")).subquery()
    mine = and_(
        OtpRequest.destination == bindparam("destination", type_=OtpRequest.destination.type),
        OtpRequest.purpose == bindparam("purpose", type_=OtpRequest.purpose.type),
        OtpRequest.state == literal_column(f"'{OtpState.OPEN.value}'"),
        OtpRequest.group_id != bindparam("group", type_=OtpRequest.group_id.type),
        or_(OtpRequest.resend_at > now, OtpRequest.expires_at > now),
    )
    found = (one.c.locked, OtpRequest.id, OtpRequest.resend_at, OtpRequest.expires_at)
    return Look(select(*found).select_from(one.outerjoin(OtpRequest, mine)))


_OPEN: Final = _looking()


def _insert(key: str, until: datetime) -> sqlite.Insert | postgresql.Insert:
    insert = sqlite.insert if db.engine.dialect.name == "sqlite" else postgresql.insert
    return insert(OtpCounter).values(key=key, count=1, ends_at=until)


def _key(reason: str, subject: str) -> str:
    return keyed_hash(current_settings().key, "otp-limit", f"{reason}\n{subject}")
