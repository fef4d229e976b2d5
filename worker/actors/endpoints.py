"""Telling webhook endpoints what happened. Hints: what is to be told stands in the database."""

from __future__ import annotations

import logging

import dramatiq
from sqlalchemy.exc import InterfaceError, OperationalError

from dashboard.current import current_settings
from dashboard.extensions import db, utc_now
from worker.endpoints.delivering import deliver_due
from worker.endpoints.keeping import forget_deliveries
from worker.endpoints.telling import forget_old, tell_states
from worker.queues import Queue, enqueue

logger = logging.getLogger(__name__)

_TIME_LIMIT = 5 * 60 * 1000


@dramatiq.actor(queue_name=Queue.PERIODIC.value, max_retries=0, time_limit=_TIME_LIMIT)
def deliver_webhooks() -> None:
    """Deliver what is due; then get in line again where there was something."""
    try:
        tried = deliver_due(db.engine, current_settings())
    except (OperationalError, InterfaceError) as error:
        _away(error)
        return
    if tried:
        enqueue("deliver_webhooks", queue=Queue.PERIODIC)


@dramatiq.actor(queue_name=Queue.PERIODIC.value, max_retries=0, time_limit=_TIME_LIMIT)
def tell_message_states(late: bool) -> None:
    """Write deliveries about messages whose state changed; `late`: also those of runs that ended long ago."""
    try:
        written = tell_states(db.engine, utc_now(), late=late)
    except (OperationalError, InterfaceError) as error:
        _away(error)
        return
    if written:
        enqueue("deliver_webhooks", queue=Queue.PERIODIC)


@dramatiq.actor(queue_name=Queue.PERIODIC.value, max_retries=0, time_limit=_TIME_LIMIT)
def forget_webhooks() -> None:
    """Delete deliveries whose time is over."""
    try:
        forget_deliveries(db.engine, utc_now())
        forget_old(db.engine, utc_now())
    except (OperationalError, InterfaceError) as error:
        _away(error)


def _away(error: Exception) -> None:
    logger.warning("the database is away, the sweep tries again", extra={"error": type(error).__name__})
