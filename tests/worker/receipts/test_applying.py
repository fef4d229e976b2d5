from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Chunk, Job
from dashboard.messages.models import Message, MessageState
from dashboard.suppressions.models import Suppression
from dashboard.webhooks.models import ProviderReference, ReceiptOutcome, StoredReceipt
from tests.factories.providers import add_run
from tests.factories.sending import new_provider
from tests.statements import transactions
from worker.providers.receipts import Receipt, ReceiptKind
from worker.receipts.applying import GIVE_UP, event_key, retry_waiting, take


def run_of(*states: MessageState) -> Job:
    """A run whose messages have these states and whose chunk counts them."""
    job = add_run(new_provider(), [(state, "250") for state in states])
    with transaction() as session:
        chunk = session.get_one(Chunk, (job.id, 0))
        for state, count in Counter(states).items():
            setattr(chunk, state.value, count)
    return job


def receipt(job: Job, number: int = 0, kind: ReceiptKind = ReceiptKind.DELIVERED, **values: Any) -> Receipt:
    return Receipt(kind, values.pop("event_id", f"{number}-{kind}"), job.first_message_id + number, **values)


def states(job: Job) -> list[str]:
    db.session.rollback()
    statement = select(Message.state).where(Message.job_id == job.id).order_by(Message.record_no)
    return list(db.session.scalars(statement))


def counted(job: Job) -> dict[str, int]:
    db.session.rollback()
    db.session.expire_all()
    chunk = db.session.get_one(Chunk, (job.id, 0))
    return {state.value: getattr(chunk, state.value) for state in MessageState if getattr(chunk, state.value)}


def outcomes() -> list[str]:
    db.session.rollback()
    return sorted(db.session.scalars(select(StoredReceipt.outcome)))


def test_a_receipt_moves_its_message_and_the_counters(app: Flask) -> None:
    job = run_of(MessageState.SENT, MessageState.SENT)

    assert take(db.engine, job.provider_id, [receipt(job, 1)]) == {"applied": 1}
    assert states(job) == ["sent", "delivered"]
    assert counted(job) == {"sent": 1, "delivered": 1}


def test_the_same_event_counts_once(app: Flask) -> None:
    job = run_of(MessageState.SENT)
    twice = [receipt(job), receipt(job)]

    assert take(db.engine, job.provider_id, twice) == {"applied": 1, "duplicate": 1}
    assert take(db.engine, job.provider_id, twice) == {"duplicate": 2}
    assert counted(job) == {"delivered": 1}


def test_a_late_receipt_moves_nothing_back(app: Flask) -> None:
    job = run_of(MessageState.SENT)
    take(db.engine, job.provider_id, [receipt(job, kind=ReceiptKind.BOUNCED, code="5.1.1", detail="no such user")])

    assert take(db.engine, job.provider_id, [receipt(job)]) == {"late": 1}
    db.session.rollback()
    row = db.session.get_one(Message, job.first_message_id)
    assert (row.state, row.code, row.detail) == ("bounced", "5.1.1", "no such user")


def test_one_batch_is_taken_in_the_order_in_which_it_happened(app: Flask) -> None:
    job, now = run_of(MessageState.SENT), utc_now()
    complained = receipt(job, kind=ReceiptKind.COMPLAINED, occurred_at=now)
    delivered = receipt(job, occurred_at=now - timedelta(minutes=1))

    assert take(db.engine, job.provider_id, [complained, delivered]) == {"applied": 2}
    assert (states(job), counted(job)) == (["complained"], {"complained": 1})


def test_unknown_codes_are_kept_and_change_nothing(app: Flask) -> None:
    job = run_of(MessageState.SENT)

    assert take(db.engine, job.provider_id, [receipt(job, kind=ReceiptKind.UNKNOWN, code="777")]) == {"unknown_code": 1}
    assert states(job) == ["sent"]


def test_another_provider_cannot_move_our_message(app: Flask) -> None:
    job, stranger = run_of(MessageState.SENT), new_provider()

    assert take(db.engine, stranger.id, [receipt(job)]) == {"waiting": 1}
    assert states(job) == ["sent"]


def test_a_receipt_that_is_too_early_is_taken_later(app: Flask) -> None:
    job = run_of(MessageState.SENDING)
    assert take(db.engine, job.provider_id, [receipt(job)]) == {"waiting": 1}
    with transaction() as session:
        session.get_one(Message, job.first_message_id).state = MessageState.SENT
        chunk = session.get_one(Chunk, (job.id, 0))
        chunk.sending, chunk.sent = 0, 1

    assert retry_waiting(db.engine, utc_now() + timedelta(seconds=10)) == 1
    assert (states(job), counted(job), outcomes()) == (["delivered"], {"delivered": 1}, ["applied"])


def test_a_receipt_without_a_message_is_given_up_in_the_end(app: Flask) -> None:
    take(db.engine, 7, [Receipt(ReceiptKind.DELIVERED, "e", provider_message_id="nobody's")])
    assert retry_waiting(db.engine) == 0
    retry_waiting(db.engine, utc_now() + timedelta(minutes=1))
    assert outcomes() == [ReceiptOutcome.WAITING]

    retry_waiting(db.engine, utc_now() + GIVE_UP + timedelta(hours=2))
    assert outcomes() == [ReceiptOutcome.UNMATCHED]


def test_messages_are_found_by_the_vendors_id_and_the_recipient(app: Flask) -> None:
    job = run_of(*[MessageState.SENT] * 3)
    with transaction() as session:
        session.add_all(
            ProviderReference(
                provider_id=job.provider_id, reference=reference, message_id=job.first_message_id + number
            )
            for number, reference in enumerate(["batch", "batch", "single"])
        )
    told = [
        Receipt(ReceiptKind.DELIVERED, "1", provider_message_id="batch", recipient="Person1@example.com"),
        Receipt(ReceiptKind.BOUNCED, "2", provider_message_id="single"),
        Receipt(ReceiptKind.DELIVERED, "3", provider_message_id="batch"),  # whose of the two? nobody can say
    ]

    assert take(db.engine, job.provider_id, told) == {"applied": 2, "waiting": 1}
    assert states(job) == ["sent", "delivered", "bounced"]


def test_what_recipients_told_the_vendor_holds_for_us(app: Flask) -> None:
    job = run_of(*[MessageState.SENT] * 4)
    kinds = [ReceiptKind.COMPLAINED, ReceiptKind.UNSUBSCRIBED, ReceiptKind.BOUNCED, ReceiptKind.EXPIRED]
    take(db.engine, job.provider_id, [receipt(job, number, kind) for number, kind in enumerate(kinds)])

    db.session.rollback()
    rows = db.session.scalars(select(Suppression).order_by(Suppression.address))
    assert [(row.address, row.scope, row.reason) for row in rows] == [
        ("person0@example.com", "promotional", "complained"),
        ("person1@example.com", "promotional", "unsubscribed"),
        ("person2@example.com", "all", "bounced"),
    ]


def test_long_event_ids_stay_apart(app: Flask) -> None:
    job = run_of(MessageState.SENT, MessageState.SENT)
    told = [receipt(job, number, event_id="x" * 300 + str(number)) for number in range(2)]

    assert take(db.engine, job.provider_id, told) == {"applied": 2}
    assert len(event_key("x" * 300)) == 64


def test_two_workers_apply_each_receipt_once(app: Flask) -> None:
    job = run_of(*[MessageState.SENT] * 200)
    told, provider_id = [receipt(job, number) for number in range(200)], job.provider_id
    done: Counter[str] = Counter()

    def work(receipts: list[Receipt]) -> None:
        with app.app_context():
            done.update(take(db.engine, provider_id, receipts))

    db.session.rollback()
    threads = [threading.Thread(target=work, args=(order,)) for order in (told, told[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert done == {"applied": 200, "duplicate": 200}
    assert counted(job) == {"delivered": 200}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(list(ReceiptKind)), st.integers(0, 9)), max_size=40))
def test_counters_always_add_up_to_the_rows(app: Flask, told: list[tuple[int, ReceiptKind, int]]) -> None:
    with transaction() as session:
        session.execute(delete(StoredReceipt))
        session.execute(delete(Suppression))
    job = run_of(MessageState.SENT, MessageState.SENT, MessageState.UNKNOWN, MessageState.SENDING, MessageState.FAILED)
    take(db.engine, job.provider_id, [receipt(job, n, kind, event_id=f"{n}{kind}{e}") for n, kind, e in told])

    assert counted(job) == Counter(states(job))


def test_many_receipts_are_taken_in_turns_that_are_short_on_sqlite(app: Flask) -> None:
    job = run_of(*[MessageState.SENT] * 250)
    receipts, provider_id = [receipt(job, number) for number in range(250)], job.provider_id

    with transactions() as begun:
        assert take(db.engine, provider_id, receipts) == {"applied": 250}
    assert len(begun) == (3 if db.engine.dialect.name == "sqlite" else 1)
    assert counted(job) == {"delivered": 250}
