"""Logs go when their days are over, and what is still at work stays (both databases)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from dashboard.current import current_settings
from dashboard.events.models import EventReceipt, EventSend, SendState
from dashboard.events.receiving import receive
from dashboard.extensions import db, read_connection, transaction, utc_now
from dashboard.ids import id_at, new_id
from dashboard.messages.models import MessageState
from dashboard.otp.models import OtpEvent, OtpRequest
from dashboard.webhooks.models import Callback, CallbackState, ProviderReference, ReceiptOutcome, StoredReceipt
from tests.brokers import waiting
from tests.conftest import settings_for
from tests.dashboard.otp.test_verifying import sent
from tests.factories.events import incoming, new_event
from tests.worker.receipts.test_applying import run_of, states
from worker import keeping
from worker.actors.retention import apply_retention
from worker.keeping import anything_old, forget_logs
from worker.providers.receipts import Receipt, ReceiptKind
from worker.receipts.applying import take
from worker.scheduler import Scheduler


def after(**span: int) -> datetime:
    return utc_now() + timedelta(**span)


def forget(now: datetime) -> None:
    db.session.rollback()
    while forget_logs(db.engine, now):
        pass
    db.session.rollback()


def count(*models: Any) -> list[int]:
    db.session.rollback()
    return [db.session.scalar(select(func.count()).select_from(model)) or 0 for model in models]


def old_news(now: datetime) -> bool:
    db.session.rollback()
    with read_connection() as connection:
        return anything_old(connection, now)


def change(monkeypatch: pytest.MonkeyPatch, app: Flask, **values: int) -> None:
    settings = current_settings()
    changed = settings_for(settings.var_dir, settings.database_url, **values)
    monkeypatch.setitem(app.extensions, "carillon_settings", changed)


def add_callback(state: CallbackState) -> None:
    with transaction() as session:
        session.add(Callback(provider_id=1, state=state.value, method="POST", body=b"{}"))


def add_receipt(outcome: ReceiptOutcome, message_id: int | None = None) -> None:
    with transaction() as session:
        values = {"kind": "delivered", "outcome": outcome.value, "message_id": message_id}
        session.add(StoredReceipt(provider_id=1, event_id=f"event-{new_id()}", **values))


def test_codes_go_with_their_histories(app: Flask) -> None:
    sent(app)
    assert not old_news(after(days=89))
    forget(after(days=89))
    assert count(OtpRequest, OtpEvent) == [1, 1]
    assert old_news(after(days=91))
    forget(after(days=91))
    assert count(OtpRequest, OtpEvent) == [0, 0]


def test_a_code_that_still_works_is_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    change(monkeypatch, app, otp_days=1)
    sent(app)
    with transaction() as session:
        session.execute(update(OtpRequest).values(expires_at=after(days=3)))
    forget(after(days=2))
    assert count(OtpRequest) == [1]
    forget(after(days=4))
    assert count(OtpRequest) == [0]


def test_received_events_go_with_what_they_sent(app: Flask) -> None:
    event = new_event("email")
    receive(event.slug, incoming())
    forget(after(days=89))
    assert count(EventReceipt, EventSend) == [1, 1]
    forget(after(days=91))
    assert count(EventReceipt, EventSend) == [0, 0]


def test_an_event_whose_message_waits_is_kept(app: Flask) -> None:
    event = new_event("email", "sms", deliveries={"sms": {"fallback_of": "email"}})
    receive(event.slug, incoming())
    forget(after(days=91))
    assert count(EventReceipt, EventSend) == [1, 2]
    with transaction() as session:
        session.execute(update(EventSend).values(state=SendState.SKIPPED.value))
    forget(after(days=91))
    assert count(EventReceipt, EventSend) == [0, 0]


def test_what_counts_for_a_window_is_kept_for_as_long(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a customer would get more than the cap, and a repetition would be taken for new."""
    change(monkeypatch, app, event_log_days=1)
    receive(new_event("email", dedup_seconds=5 * 86_400).slug, incoming())
    receive(new_event("sms", cap_count=1, cap_seconds=5 * 86_400).slug, incoming())
    forget(after(days=4))
    assert count(EventReceipt) == [2]
    forget(after(days=6))
    assert count(EventReceipt) == [0]


def test_callbacks_go_unless_nobody_has_read_them(app: Flask) -> None:
    for state in CallbackState:
        add_callback(state)
    forget(after(days=29))
    assert count(Callback) == [len(CallbackState)]
    forget(after(days=31))
    assert list(db.session.scalars(select(Callback.state))) == [CallbackState.NEW]


def test_receipts_of_messages_stay_with_them(app: Flask) -> None:
    add_receipt(ReceiptOutcome.UNMATCHED)
    add_receipt(ReceiptOutcome.WAITING)
    add_receipt(ReceiptOutcome.APPLIED, new_id())
    forget(after(days=31))
    assert sorted(db.session.scalars(select(StoredReceipt.outcome))) == ["applied", "waiting"]


def test_a_late_receipt_finds_its_message_after_all_logs_are_gone(app: Flask) -> None:
    job = run_of(MessageState.SENT)
    with transaction() as session:
        values = {"provider_id": job.provider_id, "message_id": job.first_message_id}
        session.add(ProviderReference(reference="theirs", **values))
    add_callback(CallbackState.READ)
    forget(after(days=3650))
    assert count(Callback) == [0]
    assert take(db.engine, job.provider_id, [Receipt(ReceiptKind.DELIVERED, "1", provider_message_id="theirs")]) == {
        "applied": 1
    }
    assert states(job) == ["delivered"]


def test_for_ever_is_for_ever(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    change(monkeypatch, app, otp_days=0, event_log_days=0, callback_days=0, message_values_days=0)
    sent(app)
    receive(new_event("email").slug, incoming())
    add_callback(CallbackState.READ)
    assert not old_news(after(days=9999))
    forget(after(days=9999))
    assert count(OtpRequest, EventReceipt, Callback) == [1, 1, 1]


def test_deleting_goes_on_where_it_stopped(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "BATCH", 2)
    for _ in range(5):
        add_callback(CallbackState.READ)
    db.session.rollback()
    assert forget_logs(db.engine, after(days=31), seconds=0)
    assert count(Callback) == [3]
    forget(after(days=31))
    assert count(Callback) == [0]


def test_the_scheduler_asks_and_a_worker_deletes(app: Flask) -> None:
    Scheduler().run_once()
    assert waiting("periodic") == []
    with transaction() as session:
        old = {"id": id_at(after(days=-40)), "state": CallbackState.READ.value}
        session.add(Callback(provider_id=1, method="POST", body=b"{}", **old))
    Scheduler().run_once()
    assert waiting("periodic") == [("apply_retention", ())]
    apply_retention()
    assert count(Callback) == [0]
