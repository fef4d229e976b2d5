"""Reading callbacks of providers. A hint: what is to be read stands in the database, and is read once."""

from __future__ import annotations

import logging

import dramatiq
from sqlalchemy.exc import InterfaceError, OperationalError

from dashboard.current import current_settings
from dashboard.extensions import db, utc_now
from worker.queues import Queue
from worker.receipts.applying import retry_waiting
from worker.receipts.mailboxes import read_mailbox
from worker.receipts.reading import run_receipts

logger = logging.getLogger(__name__)


@dramatiq.actor(queue_name=Queue.RECEIPTS.value, max_retries=0, time_limit=10 * 60 * 1000)
def process_receipts() -> None:
    """Read new callbacks, then look again for the messages of receipts that came too early."""
    try:
        run_receipts(current_settings())
        now = utc_now()
        while retry_waiting(db.engine, now):  # each one looked at is due later than now, so this ends
            pass
    except (OperationalError, InterfaceError) as error:
        logger.warning("the database is away", extra={"error": type(error).__name__})


@dramatiq.actor(queue_name=Queue.RECEIPTS.value, max_retries=0, time_limit=10 * 60 * 1000)
def read_bounce_mailbox(provider_id: int) -> None:
    """Take the mails out of a provider's bounce mailbox, then read them as callbacks."""
    try:
        if read_mailbox(db.engine, current_settings(), provider_id):
            run_receipts(current_settings())
    except (OperationalError, InterfaceError) as error:
        logger.warning("the database is away", extra={"error": type(error).__name__})
