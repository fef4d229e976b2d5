"""What endpoints are told of messages: every change once, whoever makes it and whenever a worker dies."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from dashboard.endpoints.models import ToldChunk, WebhookDelivery, WebhookEndpoint
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Chunk, Job
from dashboard.messages.models import Message, MessageState
from tests.factories.endpoints import new_endpoint
from tests.factories.providers import add_run
from tests.factories.sending import new_job, new_provider, people
from tests.worker.engine.slices import deliver as send
from tests.worker.engine.slices import scripted
from worker.endpoints.telling import BATCH, forget_old, tell_states
from worker.providers.receipts import Receipt, ReceiptKind
from worker.receipts.applying import take


def run_of(*states: MessageState) -> Job:
    """A run whose messages have these states and whose chunk counts them."""
    job = add_run(new_provider(), [(state, "") for state in states])
    with transaction() as session:
        chunk = session.get_one(Chunk, (job.id, 0))
        for state, count in Counter(states).items():
            setattr(chunk, state.value, count)
    return job


def tell(**values: Any) -> int:
    db.session.rollback()
    return tell_states(db.engine, utc_now(), **values)


def told() -> list[dict[str, Any]]:
    """Every message of every delivery, oldest first."""
    db.session.rollback()
    rows = db.session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id))
    return [message for row in rows for message in json.loads(row.payload)["data"]["messages"]]


def received(job: Job, number: int, kind: ReceiptKind, **values: Any) -> None:
    receipt = Receipt(kind, f"{number}-{kind}", job.first_message_id + number, **values)
    take(db.engine, job.provider_id, [receipt])


def test_each_change_is_told_once(app: Flask) -> None:
    new_endpoint()
    job = run_of(MessageState.SENT, MessageState.SENT, MessageState.QUEUED)
    assert tell() == 1
    assert tell() == 0
    assert [(one["type"], one["job"]) for one in told()] == [("message.sent", job.public_id)] * 2
    received(job, 1, ReceiptKind.BOUNCED, code="5.1.1", detail="no such user")
    assert tell() == 1
    last = told()[-1]
    assert last["type"] == "message.bounced"
    assert last["event_id"] == f"{last['id']}.bounced"
    assert (last["recipient"], last["code"], last["detail"]) == ("person1@example.com", "5.1.1", "no such user")
    assert tell() == 0


def test_a_campaign_that_is_really_sent_is_told_whole(app: Flask) -> None:
    new_endpoint()
    job = new_job(people(250))
    scripted(job)
    send(job.id)
    while tell():
        pass
    counted = Counter(one["id"] for one in told())
    assert len(counted) == 250
    assert set(counted.values()) == {1}
    sizes = list(db.session.scalars(select(WebhookDelivery.items)))
    assert max(sizes) == BATCH
    assert sum(sizes) == 250


def test_only_kinds_that_are_subscribed_to_are_told(app: Flask) -> None:
    new_endpoint(kinds=["message.bounced"])
    run_of(MessageState.SENT, MessageState.BOUNCED, MessageState.FAILED)
    assert tell() == 1
    assert [one["type"] for one in told()] == ["message.bounced"]


def test_what_changed_before_the_endpoint_listened_is_not_told(app: Flask) -> None:
    job = run_of(MessageState.SENT, MessageState.SENT)
    with transaction() as session:
        session.execute(update(Message).values(updated_at=utc_now() - timedelta(minutes=1)))
    new_endpoint()
    assert tell() == 0
    received(job, 0, ReceiptKind.DELIVERED)
    assert tell() == 1
    assert [one["type"] for one in told()] == ["message.delivered"]


def test_nobody_listens_and_nothing_is_looked_at(app: Flask) -> None:
    endpoint, _ = new_endpoint(kinds=["campaign.finished"])
    run_of(MessageState.SENT)
    assert tell() == 0
    with transaction() as session:
        session.execute(update(WebhookEndpoint).values(kinds=["message.sent"], enabled=False))
    assert tell() == 0
    assert db.session.scalars(select(ToldChunk)).all() == []


def test_late_receipts_of_an_old_run_are_told_by_late_looks(app: Flask) -> None:
    new_endpoint()
    job = run_of(MessageState.SENT)
    tell()
    received(job, 0, ReceiptKind.COMPLAINED)
    db.session.rollback()
    later = utc_now() + timedelta(hours=5)
    assert tell_states(db.engine, later) == 0
    assert tell_states(db.engine, later, late=True) == 1
    assert told()[-1]["type"] == "message.complained"


def test_test_sends_are_nobodys_business(app: Flask) -> None:
    new_endpoint()
    job = run_of(MessageState.SENT)
    with transaction() as session:
        session.execute(update(Job).where(Job.id == job.id).values(is_test=True))
    assert tell() == 0


def test_workers_that_look_at_once_tell_it_once(app: Flask) -> None:
    new_endpoint()
    for _ in range(12):
        run_of(*[MessageState.SENT] * 5)
    db.session.rollback()

    def look() -> None:
        with app.app_context():
            tell_states(db.engine, utc_now())

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell()
    counted = Counter(one["id"] for one in told())
    assert (len(counted), set(counted.values())) == (60, {1})


def test_what_is_kept_of_old_runs_is_let_go(app: Flask) -> None:
    new_endpoint()
    run_of(MessageState.SENT)
    tell()
    forget_old(db.engine, utc_now())
    db.session.rollback()
    assert len(db.session.scalars(select(ToldChunk)).all()) == 1
    db.session.rollback()
    forget_old(db.engine, utc_now() + timedelta(days=200))
    db.session.rollback()
    assert db.session.scalars(select(ToldChunk)).all() == []
