"""Taking an event in: checked, decided on and written down in one transaction, and only then answered.

The decision goes: is it one that was taken before, is the event on, do its conditions hold, has the customer had enough
of it, is a channel subscribed. Whatever the answer, there is a row in the log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, update

from dashboard.audit.services import record
from dashboard.direct import Rows
from dashboard.endpoints.announcing import announce
from dashboard.events.conditions import Conditions, Verdict, judge
from dashboard.events.known import KnownEvent, known_event
from dashboard.events.models import Event, EventReceipt, ReceiptState
from dashboard.events.paths import find
from dashboard.events.queries import receipt
from dashboard.events.schema import InvalidPayload, check_payload, read_variables
from dashboard.events.sending import in_order, send_channels
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.problems import NotAllowed

ADDRESSES: Final = ("email", "phone", "push_token")
_RECEIPT: Final = Rows(
    EventReceipt, "id", "event_id", "received_at", "state", "reason", "place", "payload", "recipient", "once_key",
    "customer_key", "replay_of_id", "is_test", "api_key_id", "created_by",
)  # fmt: skip
_TAKEN: Final = (ReceiptState.ACCEPTED.value, ReceiptState.SENT.value)


@dataclass(frozen=True, slots=True)
class Incoming:
    """What came: `recipient` has email, phone, push_token and external_id, or some of them."""

    payload: Mapping[str, Any]
    recipient: Mapping[str, str]
    api_key_id: int | None = None
    created_by: int | None = None
    replay_of_id: int | None = None
    is_test: bool = False

    @property
    def deliberate(self) -> bool:
        """A person repeats or tries it: what holds repetitions back is not asked."""
        return self.is_test or self.replay_of_id is not None


@dataclass(frozen=True, slots=True)
class Received:
    """The row of the log, and what the conditions said. `duplicate`: it had been taken before, nothing was done."""

    event: Event
    receipt: EventReceipt
    verdict: Verdict
    duplicate: bool = False


def receive(slug: str, incoming: Incoming, may_send: Callable[[int], bool] = lambda _: True) -> Received:
    """Take an event in. Raises NotFound, InvalidPayload, or NotAllowed where the key may not send a template."""
    with transaction(keep=True):
        known = known_event(slug)
        event = known.event
        for delivery in in_order(event):
            if delivery.template_id is not None and not may_send(delivery.template_id):
                raise NotAllowed(f"This key may not send the template of {delivery.channel}.")
        _check(known, incoming)
        now = utc_now()
        once_key = None if incoming.deliberate else _once_key(event, incoming)
        verdict = judge(known.conditions, incoming.payload)
        reason = _refusal(event, incoming, verdict, now)
        if not reason:
            return _told(_accept(event, incoming, verdict, once_key, now))
        # A repetition is one, also of what would be refused by now.
        if once_key is not None and (before := _taken_before(event, once_key, now)) is not None:
            return Received(event, before, verdict, duplicate=True)
        row = _row(event, incoming, ReceiptState.FILTERED, reason)
        _write(row)
        return _told(Received(event, row, verdict))


def _told(received: Received) -> Received:
    """Announce it to webhook endpoints; repetitions and tests are nobody's business."""
    event, row = received.event, received.receipt
    if not received.duplicate and not row.is_test:
        announce(
            "event.received",
            lambda: {
                "id": row.public_id,
                "event": event.slug,
                "state": row.state,
                "reason": row.reason,
                "recipient": row.recipient,
                "payload": row.payload,
            },
        )
    return received


def replay(
    receipt_id: int, *, replayed_by: int | None = None, may_send: Callable[[int], bool] = lambda _: True
) -> Received:
    """Take a logged event in once more, by today's definition. Raises as `receive` does."""
    with transaction():
        row = receipt(receipt_id)
        event = db.session.get_one(Event, row.event_id)
        incoming = Incoming(row.payload, row.recipient, created_by=replayed_by, replay_of_id=row.id)
        received = receive(event.slug, incoming, may_send)
        record("event.replay", event, summary=f"{row.public_id} as {received.receipt.public_id}")
        return received


def keep_invalid(slug: str, incoming: Incoming, problem: InvalidPayload) -> EventReceipt:
    """Write down what was refused, for whoever looks for it in the log."""
    with transaction():
        row = _row(known_event(slug).event, incoming, ReceiptState.INVALID, problem.message)
        row.place = (problem.field or "")[:300]
        _write(row)
        return row


def check_incoming(event: Event, incoming: Incoming) -> None:
    """Raise InvalidPayload at the place that does not fit."""
    _check(KnownEvent(event, read_variables(event.variables), Conditions.read(event.conditions)), incoming)


def _check(known: KnownEvent, incoming: Incoming) -> None:
    if not any(incoming.recipient.get(name) for name in ADDRESSES):
        words = "The recipient needs an email, a phone or a push_token."
        raise InvalidPayload(words, field="recipient", code="no_address")
    check_payload(incoming.payload, known.variables)
    event = known.event
    if event.idempotency_path and not find(incoming.payload, event.idempotency_path).values:
        place = f"payload.{event.idempotency_path}"
        raise InvalidPayload(f"{place} is missing: it tells repetitions apart.", field=place, code="missing")


def refusal_of(event: Event, incoming: Incoming, verdict: Verdict) -> str:
    """Why nothing would be sent now; "" where something would."""
    return _refusal(event, incoming, verdict, utc_now())


def _refusal(event: Event, incoming: Incoming, verdict: Verdict, now: datetime) -> str:
    if not event.enabled and not incoming.is_test:
        return "The event is switched off."
    if not verdict.matched:
        return f"A condition did not hold: {verdict.failed}."
    if not in_order(event):
        return "No channel is subscribed."
    if event.cap_count and not incoming.deliberate and _count(event, incoming, now) >= event.cap_count:
        return f"The customer has had it {event.cap_count} times within {event.cap_seconds // 60} minutes."
    return ""


def _accept(event: Event, incoming: Incoming, verdict: Verdict, once_key: str | None, now: datetime) -> Received:
    row = _row(event, incoming, ReceiptState.ACCEPTED, "", once_key)
    sending = send_channels(event, row, now)
    if once_key is not None and event.dedup_seconds:
        _free_old_key(event, once_key, now)
    if not _write(row):  # it was taken before, or another process did so in this moment
        taken = select(EventReceipt).where(EventReceipt.event_id == event.id, EventReceipt.once_key == once_key)
        return Received(event, db.session.scalars(taken).one(), verdict, duplicate=True)
    sending.add_sends(row.sends)
    sending.write()
    return Received(event, row, verdict)


def _row(
    event: Event, incoming: Incoming, state: ReceiptState, reason: str, once_key: str | None = None
) -> EventReceipt:
    """An entry of the log, in no session."""
    return EventReceipt(
        id=new_id(),
        event_id=event.id,
        received_at=utc_now(),
        state=state.value,
        reason=reason,
        place="",
        payload=dict(incoming.payload),
        recipient={name: value for name, value in incoming.recipient.items() if value},
        once_key=once_key,
        customer_key=_customer_key(incoming.recipient),
        replay_of_id=incoming.replay_of_id,
        is_test=incoming.is_test,
        api_key_id=incoming.api_key_id,
        created_by=incoming.created_by,
        sends=[],
    )


def _write(row: EventReceipt) -> bool:
    """Write an entry; False where there is one with its key."""
    return _RECEIPT.insert_new(db.session.connection(), {name: getattr(row, name) for name in _RECEIPT.names})


def _once_key(event: Event, incoming: Incoming) -> str | None:
    """What tells a repetition: the idempotency field, else all of it where there is a window; None for neither."""
    if event.idempotency_path:
        return _digest(list(find(incoming.payload, event.idempotency_path).values.values()))
    return _digest([incoming.payload, incoming.recipient]) if event.dedup_seconds else None


def _taken_before(event: Event, once_key: str, now: datetime) -> EventReceipt | None:
    if event.dedup_seconds:
        _free_old_key(event, once_key, now)
    mine = (EventReceipt.event_id == event.id, EventReceipt.once_key == once_key)
    return db.session.scalars(select(EventReceipt).where(*mine)).first()


def _free_old_key(event: Event, once_key: str, now: datetime) -> None:
    """What was taken before the window that repetitions are looked for in has its key no longer."""
    mine = (EventReceipt.event_id == event.id, EventReceipt.once_key == once_key)
    old = EventReceipt.received_at < now - timedelta(seconds=event.dedup_seconds)
    db.session.execute(update(EventReceipt).where(*mine, old).values(once_key=None))


def _count(event: Event, incoming: Incoming, now: datetime) -> int:
    """How often the customer had it; whoever counts waits for others who do, or two could pass at once."""
    db.session.execute(select(Event.id).where(Event.id == event.id).with_for_update())
    counted = select(func.count()).where(
        EventReceipt.event_id == event.id,
        EventReceipt.customer_key == _customer_key(incoming.recipient),
        EventReceipt.received_at > now - timedelta(seconds=event.cap_seconds),
        EventReceipt.state.in_(_TAKEN),
        EventReceipt.is_test.is_(False),
    )
    return db.session.scalar(counted) or 0


def _customer_key(recipient: Mapping[str, str]) -> str:
    named = next((recipient[name] for name in ("external_id", *ADDRESSES) if recipient.get(name)), "")
    return _digest(named.casefold())


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
