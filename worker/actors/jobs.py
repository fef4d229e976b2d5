"""Sending a job, and ending one that was cancelled.

Both are hints: what is to be done stands in the database, so one that comes twice, or late, finds nothing to do.
Failed calls are not repeated by the broker; the scheduler's sweep hands the work out again when its lease has run out.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import dramatiq
from sqlalchemy.exc import InterfaceError, OperationalError

from dashboard.jobs.services import lane_of, pause_job, settle_job
from dashboard.problems import DomainError
from worker.engine.cancelling import cancel_some
from worker.engine.deliver import work
from worker.queues import Queue, enqueue

logger = logging.getLogger(__name__)

#: A provider may take five minutes for the reply to a message; then the slice still has to write its books.
_TIME_LIMIT = 20 * 60 * 1000


@dramatiq.actor(queue_name=Queue.BULK.value, max_retries=0, time_limit=_TIME_LIMIT)
def send_chunks(job_id: int) -> None:
    """One slice of work on a job, on whatever lane the call came by; then the next one gets in line."""
    with _left_to_the_sweep(job_id):
        report = work(job_id)
        if report.problem:
            _pause(job_id, report.problem)
        settle_job(job_id=job_id)
        if report.more:
            enqueue("send_chunks", job_id, queue=lane_of(job_id))


@dramatiq.actor(queue_name=Queue.PERIODIC.value, max_retries=0, time_limit=_TIME_LIMIT)
def cancel_remaining(job_id: int) -> None:
    """Write cancelled rows for what a cancelled job has not reached, for a while; then get in line again."""
    with _left_to_the_sweep(job_id):
        more = cancel_some(job_id)
        settle_job(job_id=job_id)
        if more:
            enqueue("cancel_remaining", job_id, queue=Queue.PERIODIC)


@contextlib.contextmanager
def _left_to_the_sweep(job_id: int) -> Iterator[None]:
    """A database that is away, at whatever step, is no failure of the call: the scheduler makes it again."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        logger.warning("the database is away", extra={"job_id": job_id, "error": type(error).__name__})


def _pause(job_id: int, reason: str) -> None:
    try:
        pause_job(job_id=job_id, reason=reason)
    except DomainError:
        logger.info("the job ended meanwhile", extra={"job_id": job_id})
