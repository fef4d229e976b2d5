"""Deleting messages whose time is over; the scheduler asks for it every ten minutes.

By the clock of the database, where machines share one: a clock that is years ahead must not delete years.
"""

from __future__ import annotations

import logging

import dramatiq
from sqlalchemy.exc import InterfaceError, OperationalError

from dashboard.extensions import db
from dashboard.messages.retention import apply_rule
from worker.engine.clock import Clock
from worker.queues import Queue, enqueue

logger = logging.getLogger(__name__)

_TIME_LIMIT = 10 * 60 * 1000


@dramatiq.actor(queue_name=Queue.PERIODIC.value, max_retries=0, time_limit=_TIME_LIMIT)
def apply_retention() -> None:
    """Delete some of what is too old; then get in line again where there is more."""
    try:
        more = apply_rule(db.engine, Clock.of(db.engine).now())
    except (OperationalError, InterfaceError) as error:
        logger.warning("nothing was deleted, the next call tries again", extra={"error": type(error).__name__})
        return
    if more:
        enqueue("apply_retention", queue=Queue.PERIODIC)
