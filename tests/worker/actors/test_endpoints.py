"""From the scheduler's round to the request at the application's door."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from dashboard.endpoints.announcing import announce
from dashboard.endpoints.models import WebhookDelivery
from dashboard.extensions import db, transaction
from dashboard.messages.models import MessageState
from tests.brokers import waiting
from tests.factories.endpoints import listener, new_endpoint
from tests.worker.endpoints.test_telling import run_of
from worker.actors.endpoints import deliver_webhooks, forget_webhooks, tell_message_states
from worker.scheduler import Scheduler


def _flush() -> None:
    import dramatiq

    dramatiq.get_broker().flush_all()
    db.session.rollback()


def test_a_round_hands_out_what_was_left(app: Flask) -> None:
    new_endpoint()
    with transaction():
        announce("event.received", {})
    _flush()
    scheduler = Scheduler()
    scheduler.run_once()
    calls = waiting("periodic")
    assert ("deliver_webhooks", ()) in calls
    assert ("tell_message_states", (True,)) in calls
    assert ("forget_webhooks", ()) in calls
    _flush()
    scheduler.run_once()
    assert waiting("periodic") == []


def test_without_endpoints_nobody_is_called(app: Flask) -> None:
    Scheduler().run_once()
    assert waiting("periodic") == []


def test_a_message_state_reaches_the_application(app: Flask) -> None:
    with listener() as server:
        new_endpoint(server.url)
        run_of(MessageState.SENT)
        db.session.rollback()
        tell_message_states.fn(False)
        assert ("deliver_webhooks", ()) in waiting("periodic")
        deliver_webhooks.fn()
        forget_webhooks.fn()
    assert server.bodies()[0]["data"]["messages"][0]["type"] == "message.sent"
    db.session.rollback()
    assert db.session.scalars(select(WebhookDelivery.state)).all() == ["delivered"]
