"""The pace of a run under way, and calling back runs that rest because of a limit that was changed."""

from __future__ import annotations

from sqlalchemy import ColumnElement, update

from dashboard.audit.services import record
from dashboard.extensions import db, transaction
from dashboard.figures import number
from dashboard.jobs.models import ENDED_JOB_STATES, Job, Rest
from dashboard.problems import DomainError, NotFound

MOST_PER_MINUTE = 6_000_000


def check_throttle(rate_per_minute: float) -> None:
    """DomainError at `rate_per_minute` for what is no pace; 0 is none."""
    if not 0 <= rate_per_minute <= MOST_PER_MINUTE:
        words = f"Use a number from 0 to {number(MOST_PER_MINUTE)}; 0 is as fast as the provider takes it."
        raise DomainError(words, field="rate_per_minute", code="out_of_range")


def throttle_words(rate_per_minute: float) -> str:
    """ "at most 600 a minute", "as fast as its provider takes it"."""
    return f"at most {number(rate_per_minute)} a minute" if rate_per_minute else "as fast as its provider takes it"


def set_throttle(*, job_id: int, rate_per_minute: float) -> Job:
    """Let a run go at most so fast, 0 for no throttle; workers follow within a second.

    Raises NotFound, or DomainError where the run has ended or the number is none.
    """
    check_throttle(rate_per_minute)
    with transaction():
        job = db.session.get(Job, job_id, with_for_update=True)
        if job is None:
            raise NotFound("There is no such run.")
        if job.state in ENDED_JOB_STATES:
            raise DomainError(f"This run is {job.state}: its pace cannot change any more.", code="wrong_state")
        before, job.rate_per_minute = job.rate_per_minute, rate_per_minute
        record(
            "job.throttle",
            job,
            summary=f"Sends {throttle_words(rate_per_minute)}",
            before={"rate_per_minute": before},
            after={"rate_per_minute": rate_per_minute},
        )
        wake_limited(Job.id == job_id)
    return job


def wake_limited(which: ColumnElement[bool]) -> None:
    """Let these runs look anew at the limits that made them rest; call it inside `transaction()`."""
    limited = (Rest.RATE, Rest.MINUTE, Rest.DAY, Rest.SLOWED, Rest.THROTTLE)
    db.session.execute(update(Job).where(which, Job.waiting_for.in_(limited)).values(not_before=None, waiting_for=""))
