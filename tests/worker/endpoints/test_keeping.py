from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import select, update

from dashboard.endpoints.announcing import announce
from dashboard.endpoints.models import WebhookDelivery
from dashboard.extensions import db, transaction, utc_now
from tests.factories.endpoints import new_endpoint
from worker.endpoints.keeping import forget_deliveries


def _states_after(days: int) -> list[str]:
    db.session.rollback()
    forget_deliveries(db.engine, utc_now() + timedelta(days=days))
    db.session.rollback()
    return sorted(db.session.scalars(select(WebhookDelivery.state)))


def test_each_state_has_its_time_and_what_waits_is_kept(app: Flask) -> None:
    new_endpoint()
    with transaction():
        for _ in range(3):
            announce("event.received", {})
    ids = list(db.session.scalars(select(WebhookDelivery.id)))
    with transaction() as session:
        for number, state in zip(ids, ("pending", "delivered", "failed"), strict=True):
            session.execute(update(WebhookDelivery).where(WebhookDelivery.id == number).values(state=state))

    assert _states_after(2) == ["delivered", "failed", "pending"]
    assert _states_after(4) == ["failed", "pending"]
    assert _states_after(31) == ["pending"]
