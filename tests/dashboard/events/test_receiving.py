"""Events that come in: what is decided, written down and sent, also later, also twice, also racing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from dashboard.events.models import Event, EventReceipt, EventSend
from dashboard.events.receiving import Received, receive, replay
from dashboard.events.schema import InvalidPayload
from dashboard.events.sending import take_up_due
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.jobs.models import Chunk, ChunkState, Job, JobKind
from dashboard.messages.models import Message
from dashboard.providers.models import ChannelSwitch
from tests.factories.events import ADA, PAYLOAD, incoming, new_event
from worker import scheduler
from worker.engine.deliver import work

FALLBACK = {"sms": {"fallback_of": "push", "fallback_seconds": 600}}


def test_a_matching_event_sends_what_its_payload_says(app: Flask) -> None:
    event = new_event("email", rows=(("country", "is", "IN"), ("order.total", "at_least", "500")))
    received = receive(event.slug, incoming())
    (send,) = received.receipt.sends
    job = db.session.get_one(Job, send.job_id)
    assert (received.receipt.state, received.verdict.matched, send.message_id) == ("sent", True, job.first_message_id)
    assert (job.kind, job.queue, job.event_values) == (JobKind.EVENT, "transactional", PAYLOAD)
    work(job.id)
    db.session.rollback()  # what is read from now on is what the worker wrote
    message = db.session.get_one(Message, send.message_id)
    assert (message.state, message.recipient) == ("sent", "ada@example.com")


@pytest.mark.parametrize(
    ("rows", "on", "reason"),
    [
        ((("country", "is", "DE"),), True, "A condition did not hold: country is DE."),
        ((), False, "The event is switched off."),
    ],
)
def test_what_is_filtered_says_why_and_sends_nothing(
    app: Flask, rows: tuple[tuple[str, str, str], ...], on: bool, reason: str
) -> None:
    received = receive(new_event("email", rows=rows, on=on).slug, incoming())
    assert (received.receipt.state, received.receipt.reason, received.receipt.sends) == ("filtered", reason, [])


def test_no_channel_subscribed(app: Flask) -> None:
    assert receive(new_event().slug, incoming()).receipt.reason == "No channel is subscribed."


@pytest.mark.parametrize(
    ("payload", "recipient", "place"),
    [({}, ADA, "payload.order"), (PAYLOAD, {"external_id": "c-1"}, "recipient")],
)
def test_what_does_not_fit_is_refused(
    app: Flask, payload: dict[str, object], recipient: dict[str, str], place: str
) -> None:
    with pytest.raises(InvalidPayload) as refused:
        receive(new_event("email").slug, incoming(payload, recipient))
    assert refused.value.field == place


def test_the_idempotency_field_lets_one_through(app: Flask) -> None:
    event = new_event("email", idempotency_path="order.number")
    first, again = receive(event.slug, incoming()), receive(event.slug, incoming())
    other = receive(event.slug, incoming({**PAYLOAD, "order": {**PAYLOAD["order"], "number": "A-2"}}))  # type: ignore[dict-item]
    assert (again.duplicate, again.receipt.id, other.duplicate) == (True, first.receipt.id, False)
    assert db.session.scalar(select(func.count()).select_from(Job)) == 2


def test_after_its_window_a_repetition_counts_anew(app: Flask) -> None:
    event = new_event("email", dedup_seconds=60)
    first = receive(event.slug, incoming())
    assert receive(event.slug, incoming()).duplicate
    with transaction():
        db.session.get_one(EventReceipt, first.receipt.id).received_at -= timedelta(seconds=61)
    assert not receive(event.slug, incoming()).duplicate


def test_racing_repetitions_are_taken_once(app: Flask) -> None:
    slug = new_event("email", idempotency_path="order.number").slug

    def tell(_: int) -> tuple[int, bool]:
        with app.app_context():
            received: Received = receive(slug, incoming())
            return received.receipt.id, received.duplicate

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(tell, range(16)))
    db.session.rollback()
    assert len({receipt for receipt, _ in told}) == 1
    assert sum(not duplicate for _, duplicate in told) == 1
    assert db.session.scalar(select(func.count()).select_from(Job)) == 1


def test_a_customer_has_no_more_than_the_cap(app: Flask) -> None:
    event = new_event("email", cap_count=2, cap_seconds=3600)
    states = [receive(event.slug, incoming()).receipt.state for _ in range(3)]
    assert states == ["sent", "sent", "filtered"]
    assert receive(event.slug, incoming(recipient={"email": "eve@example.com"})).receipt.state == "sent"


def test_a_channel_without_an_address_is_skipped_and_its_fallback_goes_at_once(app: Flask) -> None:
    event = new_event("push", "sms", deliveries=FALLBACK)
    sends = receive(event.slug, incoming(recipient={"phone": ADA["phone"]})).receipt.sends
    assert {send.channel: send.state for send in sends} == {"push": "skipped", "sms": "sent"}


def _state(send_id: int, value: str) -> str:
    """Move the message of a send on, as a receipt would; its state before."""
    with transaction():
        message = db.session.get_one(Message, db.session.get_one(EventSend, send_id).message_id)
        before, message.state = message.state, value
        return before


@pytest.mark.parametrize(("push", "sms"), [("delivered", "not_needed"), ("failed", "sent"), ("sent", "sent")])
def test_sms_goes_only_if_the_push_is_not_delivered(app: Flask, push: str, sms: str) -> None:
    event = new_event("push", "sms", deliveries=FALLBACK)
    received = receive(event.slug, incoming())
    receipt_id, sends = received.receipt.id, {send.channel: send.id for send in received.receipt.sends}
    first = db.session.get_one(EventSend, sends["push"])
    assert (received.receipt.state, db.session.get_one(EventSend, sends["sms"]).state) == ("accepted", "waiting")
    work(first.job_id or 0)
    assert _state(sends["push"], push) == "sent"
    assert scheduler.run_once(utc_now() + timedelta(seconds=590))["events"] == 0
    assert scheduler.run_once(utc_now() + timedelta(seconds=610))["events"] == 1
    db.session.expire_all()
    assert db.session.get_one(EventSend, sends["sms"]).state == sms
    assert db.session.get_one(EventReceipt, receipt_id).state == "sent"
    assert take_up_due(utc_now() + timedelta(days=1)) == 0


def test_a_delay_puts_the_job_off(app: Flask) -> None:
    event = new_event("email", deliveries={"email": {"delay_seconds": 300}})
    (send,) = receive(event.slug, incoming()).receipt.sends
    chunk = db.session.scalars(select(Chunk).where(Chunk.job_id == send.job_id)).one()
    assert chunk.state == ChunkState.WAITING
    assert chunk.not_before == send.due_at


def test_quiet_hours_hold_the_job_but_not_a_code(app: Flask) -> None:
    soon = utc_now() + timedelta(hours=3)
    hours = {
        "opens": f"{soon:%H:%M}",
        "closes": f"{soon + timedelta(hours=1):%H:%M}",
        "days": list(range(7)),
        "zone": "UTC",
    }
    event = new_event("email", send_window=hours)
    (send,) = receive(event.slug, incoming()).receipt.sends
    assert db.session.get_one(Job, send.job_id).not_before is not None


def test_nothing_is_lost_while_a_channel_is_off(app: Flask) -> None:
    event = new_event("email")
    with transaction() as session:
        session.add(ChannelSwitch(channel="email", off=True, reason="storm"))
    received = receive(event.slug, incoming())
    assert (received.receipt.state, received.receipt.sends[0].state) == ("accepted", "waiting")
    assert "storm" in received.receipt.sends[0].reason
    with transaction() as session:
        session.get_one(ChannelSwitch, "email").off = False
    assert take_up_due(utc_now() + timedelta(seconds=61)) == 1
    db.session.expire_all()
    assert db.session.scalars(select(EventSend)).one().state == "sent"


def test_an_event_whose_time_is_over_sends_nothing(app: Flask) -> None:
    event = new_event("push", "sms", deliveries=FALLBACK, expires_seconds=300)
    receive(event.slug, incoming())
    take_up_due(utc_now() + timedelta(seconds=700))
    db.session.expire_all()
    assert {send.channel: send.state for send in db.session.scalars(select(EventSend))} == {
        "push": "sent", "sms": "failed",
    }  # fmt: skip


def test_a_replay_is_sent_though_it_was_taken_before(app: Flask) -> None:
    event = new_event("email", idempotency_path="order.number", cap_count=1)
    first = receive(event.slug, incoming())
    again = replay(first.receipt.id)
    assert (again.receipt.replay_of_id, again.receipt.state, again.duplicate) == (first.receipt.id, "sent", False)


def test_a_trial_is_sent_at_once_and_as_a_test(app: Flask) -> None:
    event: Event = new_event("push", "sms", on=False, deliveries=FALLBACK)
    received = receive(event.slug, incoming(is_test=True))
    assert [send.state for send in received.receipt.sends] == ["sent", "sent"]
    assert {job.kind for job in db.session.scalars(select(Job))} == {JobKind.TEST}


def test_channels_stand_in_the_order_in_which_they_go(app: Flask) -> None:
    event = new_event("push", "sms", deliveries=FALLBACK)
    row = receive(event.slug, incoming()).receipt
    assert [(send.position, send.channel) for send in row.sends] == [(0, "push"), (1, "sms")]
    with transaction() as session:  # ids of one millisecond may be in any order
        ids = sorted((new_id() for _ in range(3)), reverse=True)
        for position, send_id in enumerate(ids):
            session.add(EventSend(id=send_id, receipt_id=row.id, position=2 + position, channel="email", template_id=1))
    db.session.expire_all()
    assert [send.position for send in db.session.get_one(EventReceipt, row.id).sends] == [0, 1, 2, 3, 4]
