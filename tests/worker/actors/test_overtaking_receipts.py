from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import func, select, update

from dashboard.extensions import db, transaction, utc_now
from dashboard.webhooks.models import StoredReceipt
from tests.factories.sending import new_provider
from worker.actors.receipts import process_receipts
from worker.providers.receipts import Receipt, ReceiptKind
from worker.receipts.applying import BATCH, take


def test_all_receipts_that_are_due_are_looked_at_in_one_go(app: Flask) -> None:
    count = 2 * BATCH + 1
    early = [Receipt(ReceiptKind.DELIVERED, f"e{n}", provider_message_id=f"m{n}") for n in range(count)]
    take(db.engine, new_provider("sandbox_sms").id, early)
    now = utc_now()
    with transaction() as session:
        session.execute(update(StoredReceipt).values(retry_at=now - timedelta(seconds=1)))

    process_receipts.fn()

    db.session.rollback()
    assert db.session.scalar(select(func.count()).where(StoredReceipt.retry_at < now)) == 0
