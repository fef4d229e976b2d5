"""From a received event to jobs: at once, later, or where the channel before did not deliver.

Rows that wait are taken up by the scheduler (`take_up_due`). One that cannot be handed over just now, since there is no
provider or its channel is switched off, waits on and is tried again every minute for a day.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import insert, select

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.events.models import Event, EventDelivery, EventReceipt, EventSend, ReceiptState, SendState
from dashboard.extensions import db, read_connection, transaction
from dashboard.ids import new_id
from dashboard.jobs.choosing import choose_provider, choose_sender, frozen_route
from dashboard.jobs.models import Job, JobKind
from dashboard.jobs.services import create_job, put_off
from dashboard.message_templates.models import Category, Channel, Template
from dashboard.messages.models import Message, MessageState
from dashboard.problems import DomainError
from dashboard.sends.orders import published_version
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


def send_channels(event: Event, receipt: EventReceipt, now: datetime) -> None:
    """Write a row for every subscribed channel, and the jobs of those whose moment is now. Inside `transaction()`."""
    made: dict[str, EventSend] = {}
    for delivery in in_order(event):
        previous = made.get(delivery.fallback_of)
        send = EventSend(
            receipt_id=receipt.id,
            channel=delivery.channel,
            template_id=delivery.template_id,
            category=delivery.category,
            after_id=previous.id if previous is not None and not receipt.is_test else None,
            after_seconds=delivery.fallback_seconds if delivery.fallback_of else 0,
            expires_at=now + timedelta(seconds=event.expires_seconds) if event.expires_seconds else None,
        )
        receipt.sends.append(send)
        db.session.flush()
        made[delivery.channel] = send
        _advance(send, receipt, event, now, delay=0 if receipt.is_test else delivery.delay_seconds)
    settle_receipt(receipt)


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
                _advance(send, send.receipt, db.session.get_one(Event, send.receipt.event_id), now)
                settle_receipt(send.receipt)
    return len(ids)


def settle_receipt(receipt: EventReceipt) -> None:
    """A receipt of which nothing waits any more is through."""
    waiting = any(send.state == SendState.WAITING for send in receipt.sends)
    receipt.state = (ReceiptState.ACCEPTED if waiting else ReceiptState.SENT).value


def _advance(send: EventSend, receipt: EventReceipt, event: Event, now: datetime, delay: int = 0) -> None:
    if send.expires_at is not None and send.expires_at <= now:
        _end(send, SendState.FAILED, "Its time was over before it could be sent.")
    elif not receipt.recipient.get(Channel(send.channel).address_column):
        _end(send, SendState.SKIPPED, f"The recipient has no {Channel(send.channel).address_column}.")
    elif send.after_id is None or _falls_back(send, db.session.get_one(EventSend, send.after_id), now):
        _hand_over(send, receipt, event, now, delay)


def _falls_back(send: EventSend, previous: EventSend, now: datetime) -> bool:
    """Whether the fallback is to go out now; else it is ended, or waits on."""
    pause = timedelta(seconds=send.after_seconds)
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
    job = db.session.get_one(Job, previous.job_id)
    if send.due_at is None or (job.not_before is not None and job.not_before > now):
        send.due_at = max(previous.due_at or now, job.not_before or now) + pause
        return False
    return True


def _hand_over(send: EventSend, receipt: EventReceipt, event: Event, now: datetime, delay: int) -> None:
    try:
        job = _job(send, receipt, event)
    except DomainError as problem:
        send.reason, send.due_at = problem.message, now + _TRY_AGAIN
        if now - receipt.received_at > _GIVE_UP:
            _end(send, SendState.FAILED, problem.message)
        return
    send.job_id, send.message_id, send.reason = job.id, job.first_message_id, ""
    send.state, send.due_at = SendState.SENT.value, now + timedelta(seconds=delay)
    if delay:
        put_off(job, send.due_at)


def _job(send: EventSend, receipt: EventReceipt, event: Event) -> Job:
    template = db.session.get_one(Template, send.template_id)
    version = published_version(template)
    category = Category(send.category or template.category)
    provider = choose_provider(send.channel, category, None)
    sender = choose_sender(provider, None)
    dataset = DatasetVersion(id=new_id(), ready=True, record_count=1)
    db.session.add(dataset)
    db.session.flush()
    row = {name: receipt.recipient.get(name) for name in ("email", "phone", "push_token", "external_id")}
    db.session.execute(insert(Record), [{"dataset_version_id": dataset.id, "record_no": 0, "variables": "{}", **row}])
    held = not receipt.is_test and category is not Category.OTP  # a one-time code is of no use in the morning
    return create_job(
        kind=JobKind.TEST if receipt.is_test else JobKind.EVENT,
        template=template,
        template_version=version,
        dataset_version=dataset,
        provider=provider,
        sender=sender,
        route=frozen_route(send.channel, category, sender),
        category=category.value,
        queue=LANES[category],
        recipient_column=Channel(send.channel).address_column,
        event_id=event.id,
        event_values=receipt.payload,
        send_window=event.send_window if held else {},
        expires_at=send.expires_at,
        is_test=receipt.is_test,
        created_by=receipt.created_by,
    )


def _end(send: EventSend, state: SendState, reason: str) -> None:
    send.state, send.reason, send.due_at = state.value, reason, None
