"""Attempts by filter, and the funnel from asked for to verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import case, func, select

from dashboard.extensions import db, utc_now
from dashboard.messages.models import Message, MessageState
from dashboard.otp.models import OtpRequest, OtpState

DAYS: Final = {"1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days"}
#: What can be asked of the stored state; the rest is made of the clock and the message.
OUTCOMES: Final = {
    "verified": "Verified",
    "not_verified": "Not verified",
    "superseded": "Superseded",
    "locked": "Locked",
    "limited": "Limited",
    "failed": "Failed",
}
_LEFT = (MessageState.SENT, MessageState.DELIVERED, MessageState.BOUNCED, MessageState.COMPLAINED)


@dataclass(frozen=True, slots=True)
class AttemptFilters:
    """What the list shows; empty means any. `address` is a normal address."""

    days: str = "7"
    channel: str = ""
    country: str = ""
    outcome: str = ""
    address: str = ""

    def conditions(self) -> list[Any]:
        """For statements over otp_requests."""
        since = utc_now() - timedelta(days=int(self.days if self.days in DAYS else "7"))
        found: list[Any] = [OtpRequest.created_at >= since]
        if self.channel:
            found.append(OtpRequest.channel == self.channel)
        if self.country:
            found.append(OtpRequest.country == self.country)
        if self.address:
            found.append(OtpRequest.destination == self.address)
        if self.outcome == "not_verified":
            found.append(OtpRequest.state != OtpState.VERIFIED)
        elif self.outcome in OUTCOMES:
            found.append(OtpRequest.state == self.outcome)
        return found


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many got how far."""

    requested: int
    sent: int
    delivered: int
    verified: int
    limited: int


def funnel(filters: AttemptFilters) -> Funnel:
    """Counted in one statement."""
    taken = OtpRequest.state != OtpState.LIMITED

    def count(condition: Any) -> Any:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    statement = (
        select(
            count(taken),
            count(Message.state.in_(_LEFT)),
            count(Message.state == MessageState.DELIVERED),
            count(OtpRequest.state == OtpState.VERIFIED),
            count(OtpRequest.state == OtpState.LIMITED),
        )
        .select_from(OtpRequest)
        .outerjoin(Message, Message.id == OtpRequest.message_id)
        .where(*filters.conditions())
    )
    return Funnel(*(int(value) for value in db.session.execute(statement).one()))


def countries() -> list[str]:
    """The countries that codes went to."""
    statement = select(OtpRequest.country).where(OtpRequest.country != "").distinct().order_by(OtpRequest.country)
    return list(db.session.scalars(statement.limit(300)))
