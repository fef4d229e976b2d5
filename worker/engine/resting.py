"""Jobs that nothing can be done for until a moment: their window is closed, or a limit is used up.

They hold no worker meanwhile: the scheduler calls one when the moment has come.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, update

from dashboard.extensions import write_connection
from dashboard.jobs.models import Job, Rest
from worker.engine.plan import JobFacts


def closed_until(facts: JobFacts, now: datetime) -> datetime | None:
    """When a job goes on whose window is closed now (or when it expires); None where it may send."""
    if facts.window is None or facts.window.column or facts.is_expired(now):
        return None
    opening = facts.window.opening(now)
    return opening if opening is None or facts.expires_at is None else min(opening, facts.expires_at)


def put_to_rest(engine: Engine, job_id: int, until: datetime, why: Rest) -> None:
    """Let a job rest until then."""
    with write_connection(engine) as connection:
        connection.execute(update(Job).where(Job.id == job_id).values(not_before=until, waiting_for=why.value))
