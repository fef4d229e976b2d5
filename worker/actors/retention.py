"""Deleting what its time is over for; the scheduler asks for it every ten minutes.

By the clock of the database, where machines share one: a clock that is years ahead must not delete years.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import dramatiq
from sqlalchemy.exc import InterfaceError, OperationalError

from dashboard.extensions import db
from dashboard.messages.retention import apply_rule
from worker.engine.clock import Clock
from worker.keeping import forget_logs
from worker.queues import Queue, enqueue

logger = logging.getLogger(__name__)

_TIME_LIMIT = 10 * 60 * 1000


@dramatiq.actor(queue_name=Queue.PERIODIC.value, max_retries=0, time_limit=_TIME_LIMIT)
def apply_retention() -> None:
    """Delete some messages and some of the logs that are too old; then get in line again where there is more."""
    messages = _more(lambda: apply_rule(db.engine, Clock.of(db.engine).now()))
    logs = _more(lambda: forget_logs(db.engine, Clock.of(db.engine).now()))
    if messages or logs:
        enqueue("apply_retention", queue=Queue.PERIODIC)


def _more(step: Callable[[], bool]) -> bool:
    """One of the two; that one cannot delete at the moment does not keep the other from it."""
    try:
        return step()
    except (OperationalError, InterfaceError) as error:
        logger.warning("nothing was deleted, the next call tries again", extra={"error": type(error).__name__})
        return False
