"""From a received event to jobs: at once, later, or where the channel before did not deliver.

Rows that wait are taken up by the scheduler (`take_up_due`). One that cannot be handed over just now, since there is no
provider or its channel is switched off, waits on and is tried again every minute for a day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from dashboard.audiences.models import Record
from dashboard.direct import Batch, Rows
from dashboard.events.models import Event, EventDelivery, EventReceipt, EventSend, ReceiptState, SendState
from dashboard.extensions import db, read_connection, transaction
from dashboard.ids import new_id, public_id
from dashboard.jobs.models import Job, JobKind
from dashboard.message_templates.models import Category, Channel
from dashboard.messages.models import Message, MessageState
from dashboard.problems import DomainError
from dashboard.sends.orders import Part, find_target
from dashboard.sends.queueing import Wish, queue_job, tell_lane
from dashboard.sends.records import add_dataset
from worker.queues import Queue

LANES: Final = {
    Category.OTP: Queue.OTP,
    Category.TRANSACTIONAL: Queue.TRANSACTIONAL,
    Category.PROMOTIONAL: Queue.TRANSACTIONAL,  # one message at a time is not kept waiting behind campaigns
}
_TRY_AGAIN: Final = timedelta(minutes=1)
_GIVE_UP: Final = timedelta(days=1)
_DELIVERED: Final = (MessageState.DELIVERED, MessageState.COMPLAINED)
_AT_ONCE: Final = 50
_RECORD: Final = Rows(Record, "dataset_version_id", "record_no", "email", "phone", "push_token", "external_id")
_SEND: Final = Rows(
    EventSend, "id", "receipt_id", "position", "channel", "template_id", "category", "state", "reason", "due_at",
    "after_id", "after_seconds", "expires_at", "job_id", "message_id",
)  # fmt: skip


@dataclass(slots=True)
class Sending:
    """What is to be written for channels whose moment is now."""

    batch: Batch = field(default_factory=Batch)
    jobs: list[Job] = field(default_factory=list)

    def add_sends(self, sends: Iterable[EventSend]) -> None:
        """The rows of channels, too; they are new."""
        for send in sends:
            self.batch.add(_SEND, {name: getattr(send, name) for name in _SEND.names})

    def write(self) -> None:
        """Write it, and call the workers once it is committed."""
        self.batch.write(db.session.connection())
        for job in self.jobs:
            tell_lane(job)


@dataclass(frozen=True, slots=True)
class _Round:
    """What decides on a channel. `delay`: seconds that its message waits."""

    receipt: EventReceipt
    event: Event
    now: datetime
    sending: Sending
    delay: int = 0


def send_channels(event: Event, receipt: EventReceipt, now: datetime) -> Sending:
    """A row for every subscribed channel, and the jobs of those whose moment is now: everything is read and decided,
    and nothing is written. Inside `transaction()`."""
    made: dict[str, EventSend] = {}
    sending = Sending()
    for delivery in in_order(event):
        previous = None if receipt.is_test else made.get(delivery.fallback_of)
        send = EventSend(
            id=new_id(),
            receipt_id=receipt.id,
            position=len(made),
            channel=delivery.channel,
            template_id=delivery.template_id,
            category=delivery.category,
            state=SendState.WAITING.value,
            reason="",
            after_id=None if previous is None else previous.id,
            after_seconds=delivery.fallback_seconds if delivery.fallback_of else 0,
            expires_at=now + timedelta(seconds=event.expires_seconds) if event.expires_seconds else None,
        )
        receipt.sends.append(send)
        made[delivery.channel] = send
        round_ = _Round(receipt, event, now, sending, 0 if receipt.is_test else delivery.delay_seconds)
        _advance(round_, send, previous)
    settle_receipt(receipt)
    return sending


def in_order(event: Event) -> list[EventDelivery]:
    """The subscribed channels, each after the one it is the fallback of."""
    subscribed = {one.channel: one for one in event.deliveries if one.subscribed and one.template_id is not None}
    ordered: list[EventDelivery] = []

    def add(channel: str) -> None:
        one = subscribed.get(channel)
        if one is not None and one not in ordered:
            add(one.fallback_of)
            ordered.append(one)

    for channel in Channel:
        add(channel.value)
    return ordered


def take_up_due(now: datetime) -> int:
    """Decide on the rows whose moment has come; how many there were. The scheduler calls it every second."""
    due = select(EventSend.id).where(EventSend.state == SendState.WAITING.value, EventSend.due_at <= now)
    with read_connection() as connection:
        ids = list(connection.scalars(due.order_by(EventSend.due_at).limit(_AT_ONCE)))
    for send_id in ids:
        with transaction():
            send = db.session.get(EventSend, send_id, with_for_update=True)
            if send is not None and send.state == SendState.WAITING and send.due_at is not None and send.due_at <= now:
                event, sending = db.session.get_one(Event, send.receipt.event_id), Sending()
                previous = None if send.after_id is None else db.session.get_one(EventSend, send.after_id)
                _advance(_Round(send.receipt, event, now, sending), send, previous)
                settle_receipt(send.receipt)
                sending.write()
    return len(ids)


def settle_receipt(receipt: EventReceipt) -> None:
    """A receipt of which nothing waits any more is through."""
    waiting = any(send.state == SendState.WAITING for send in receipt.sends)
    receipt.state = (ReceiptState.ACCEPTED if waiting else ReceiptState.SENT).value


def _advance(round_: _Round, send: EventSend, previous: EventSend | None) -> None:
    column = Channel(send.channel).address_column
    if send.expires_at is not None and send.expires_at <= round_.now:
        _end(send, SendState.FAILED, "Its time was over before it could be sent.")
    elif not round_.receipt.recipient.get(column):
        _end(send, SendState.SKIPPED, f"The recipient has no {column}.")
    elif previous is None or _falls_back(round_, send, previous):
        _hand_over(round_, send)


def _falls_back(round_: _Round, send: EventSend, previous: EventSend) -> bool:
    """Whether the fallback is to go out now; else it is ended, or waits on."""
    pause, now = timedelta(seconds=send.after_seconds), round_.now
    if previous.state == SendState.NOT_NEEDED:
        _end(send, SendState.NOT_NEEDED, previous.reason)
        return False
    if previous.state == SendState.WAITING:
        send.due_at = max(previous.due_at or now, now) + pause
        return False
    if previous.state != SendState.SENT or previous.job_id is None:
        return True
    message = db.session.get(Message, previous.message_id)
    if message is not None and message.state in _DELIVERED:
        _end(send, SendState.NOT_NEEDED, f"The {previous.channel} message was delivered.")
        return False
    made_now = (one for one in round_.sending.jobs if one.id == previous.job_id)
    job = next(made_now, None) or db.session.get_one(Job, previous.job_id)
    if send.due_at is None or (job.not_before is not None and job.not_before > now):
        send.due_at = max(previous.due_at or now, job.not_before or now) + pause
        return False
    return True


def _hand_over(round_: _Round, send: EventSend) -> None:
    due_at = round_.now + timedelta(seconds=round_.delay)
    try:
        job = _job(round_, send, due_at)
    except DomainError as problem:
        send.reason, send.due_at = problem.message, round_.now + _TRY_AGAIN
        if round_.now - round_.receipt.received_at > _GIVE_UP:
            _end(send, SendState.FAILED, problem.message)
        return
    send.job_id, send.message_id, send.reason = job.id, job.first_message_id, ""
    send.state, send.due_at = SendState.SENT.value, due_at


def _job(round_: _Round, send: EventSend, due_at: datetime) -> Job:
    receipt, batch, dataset_id = round_.receipt, round_.sending.batch, new_id()
    target = find_target(Part(send.channel, public_id("tpl", send.template_id), category=send.category))
    add_dataset(batch, dataset_id, 1)
    addresses = {name: receipt.recipient.get(name) for name in ("email", "phone", "push_token", "external_id")}
    batch.add(_RECORD, {"dataset_version_id": dataset_id, "record_no": 0, **addresses})
    # A one-time code is of no use in the morning.
    held = not receipt.is_test and target.category != Category.OTP
    wish = Wish(
        kind=JobKind.TEST if receipt.is_test else JobKind.EVENT,
        queue=LANES[Category(target.category)],
        created_by=receipt.created_by,
        expires_at=send.expires_at,
        send_at=due_at if round_.delay else None,
        is_test=receipt.is_test,
        event_id=round_.event.id,
        event_values=receipt.payload,
        send_window=round_.event.send_window if held else {},
    )
    job = queue_job(batch, target, dataset_id, 1, wish)
    round_.sending.jobs.append(job)
    return job


def _end(send: EventSend, state: SendState, reason: str) -> None:
    send.state, send.reason, send.due_at = state.value, reason, None
