"""How often codes may be asked for: by destination, by the person's address, by a range of numbers; and lock-outs.

Counted in the database alone, in the transaction that books the code: an increment is one statement that locks its
row, so of two requests at once one waits for the other's commit, and a refused one, rolled back, has not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from dashboard.crypto import keyed_hash
from dashboard.current import current_settings
from dashboard.extensions import db, utc_now
from dashboard.otp.models import OtpConfiguration, OtpCounter
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
    for use in sorted(uses, key=lambda one: one.reason):  # always in one order: no two requests wait for each other
        count, until = _count(_key(use.reason, use.subject))
        if use.most and count > use.most:
            raise Limited(use.reason, until)


def lock(destination: str, purpose: str, seconds: int) -> None:
    """No code goes there for so long. Inside `transaction()`."""
    until = utc_now() + timedelta(seconds=seconds)
    statement = _insert(_key("locked", f"{destination}\n{purpose}"), until)
    db.session.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={"ends_at": statement.excluded.ends_at})
    )


def refuse_if_locked(destination: str, purpose: str) -> None:
    """Raises Limited while the destination is locked."""
    key = _key("locked", f"{destination}\n{purpose}")
    until = db.session.scalar(select(OtpCounter.ends_at).where(OtpCounter.key == key))
    if until is not None and until > utc_now():
        raise Limited("locked", until)


def forget_old() -> None:
    """Delete the counters whose time was over a day ago. Inside `transaction()`."""
    db.session.execute(delete(OtpCounter).where(OtpCounter.ends_at < utc_now() - timedelta(days=1)))


def _count(key: str) -> tuple[int, datetime]:
    now = utc_now()
    statement = _insert(key, now + STRETCH)
    over = OtpCounter.ends_at <= now
    changes = {
        "count": case((over, 1), else_=OtpCounter.count + 1),
        "ends_at": case((over, statement.excluded.ends_at), else_=OtpCounter.ends_at),
    }
    counted = statement.on_conflict_do_update(index_elements=["key"], set_=changes)
    row = db.session.execute(counted.returning(OtpCounter.count, OtpCounter.ends_at)).one()
    return row[0], row[1]


def _insert(key: str, until: datetime) -> sqlite.Insert | postgresql.Insert:
    insert = sqlite.insert if db.engine.dialect.name == "sqlite" else postgresql.insert
    return insert(OtpCounter).values(key=key, count=1, ends_at=until)


def _key(reason: str, subject: str) -> str:
    return keyed_hash(current_settings().key, "otp-limit", f"{reason}\n{subject}")
