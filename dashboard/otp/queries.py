"""Reading configurations and attempts: the state that people see, made of what is stored, the message and the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, select

from dashboard.direct import Look
from dashboard.extensions import UtcDateTime, db, single_reads, utc_now
from dashboard.ids import parse_public_id
from dashboard.message_templates.models import Category, Template
from dashboard.messages.models import Message, MessageState
from dashboard.otp.models import OtpConfiguration, OtpEvent, OtpRequest, OtpState
from dashboard.paging import Slice, fetch_slice
from dashboard.problems import DomainError, NotFound
from dashboard.snapshots import Snapshots, Whole

_DELIVERED = (MessageState.DELIVERED.value,)
_TAKEN = (MessageState.SENT.value, MessageState.DELIVERED.value)
_REFUSED = (MessageState.FAILED.value, MessageState.BOUNCED.value, MessageState.SUPPRESSED.value)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request with its newest message; the message's times are those of its sending and its receipt."""

    request: OtpRequest
    message: Message | None

    @property
    def state(self) -> str:
        """One of dashboard.status.OTP."""
        return state_of(self.request, self.message, utc_now())


def state_of(request: OtpRequest, message: Message | None, now: datetime) -> str:
    """The state of an attempt as people see it."""
    stored = OtpState(request.state)
    if stored is not OtpState.OPEN:
        return "wrong_code" if stored is OtpState.LOCKED else stored.value
    if message is not None and message.state in _REFUSED:
        return OtpState.FAILED.value
    if request.expires_at <= now:
        return "expired"
    if request.attempts:
        return "wrong_code"
    if message is None or message.state not in _TAKEN:
        return "requested"
    return "delivered" if message.state in _DELIVERED else "sent"


def configurations() -> Sequence[OtpConfiguration]:
    """All of them, the default one first."""
    order = (OtpConfiguration.is_default.desc(), OtpConfiguration.name)
    return db.session.scalars(select(OtpConfiguration).order_by(*order)).all()


def configuration(configuration_id: int) -> OtpConfiguration:
    """Raises NotFound."""
    found = db.session.get(OtpConfiguration, configuration_id)
    if found is None:
        raise NotFound("There is no such configuration of one-time codes.")
    return found


def named_configuration(text: str | None) -> OtpConfiguration:
    """The configuration of an id or a name, None the default one; as it is now, in no session.

    Raises DomainError(field="configuration").
    """
    number = number_of(OtpConfiguration.PREFIX, text)
    kind = "is_default" if text is None else "name" if number is None else "id"
    with single_reads() as connection:
        row = _LOOKS[kind].first(connection, {"value": True if text is None else number or text})
    if row is None:
        words = f"There is no configuration {text}." if text else "Nobody has configured one-time codes yet."
        raise DomainError(words, field="configuration", code="unknown_configuration")
    return _known.of(row, lambda: _WHOLE.made(row))


_WHOLE: Final = Whole(
    OtpConfiguration,
    *(column.key for column in OtpConfiguration.__table__.columns if not isinstance(column.type, UtcDateTime)),
)
_LOOKS: Final = {
    name: Look(select(*_WHOLE.columns).where(column == bindparam("value", type_=column.type)))
    for name in ("is_default", "name", "id")
    for column in (OtpConfiguration.__table__.columns[name],)
}
_known: Final[Snapshots[OtpConfiguration]] = Snapshots()


def template_choices(channel: str) -> list[tuple[str, str]]:
    """(id as text, name) of the published templates that may carry a code on a channel."""
    statement = (
        select(Template.id, Template.name)
        .where(
            Template.channel == channel,
            Template.category == Category.OTP,
            Template.archived_at.is_(None),
            Template.published_version_id.is_not(None),
        )
        .order_by(Template.name)
    )
    return [(str(number), name) for number, name in db.session.execute(statement)]


def attempt(request_id: int) -> Attempt:
    """Raises NotFound."""
    row = db.session.get(OtpRequest, request_id)
    if row is None:
        raise NotFound("There is no request for a code with this id.")
    return Attempt(row, _messages([row]).get(row.message_id or 0))


def attempts(conditions: Iterable[Any] = (), *, after: int | None, before: int | None, size: int) -> Slice[OtpRequest]:
    """A page of requests, newest first."""
    return fetch_slice(select(OtpRequest).where(*conditions), OtpRequest.id, after=after, before=before, size=size)


def with_messages(rows: Sequence[OtpRequest]) -> list[Attempt]:
    """The same rows with their messages, in one statement."""
    found = _messages(rows)
    return [Attempt(row, found.get(row.message_id or 0)) for row in rows]


def events_of(request_id: int) -> Sequence[OtpEvent]:
    """What happened to a request, oldest first."""
    return db.session.scalars(select(OtpEvent).where(OtpEvent.request_id == request_id).order_by(OtpEvent.id)).all()


def number_of(prefix: str, text: str | None) -> int | None:
    """The number of a public id; None for what is none."""
    try:
        return parse_public_id(prefix, text or "")
    except ValueError:
        return None


def _messages(rows: Sequence[OtpRequest]) -> Mapping[int, Message]:
    ids = [row.message_id for row in rows if row.message_id]
    found = db.session.scalars(select(Message).where(Message.id.in_(ids))).all() if ids else []
    return {message.id: message for message in found}
