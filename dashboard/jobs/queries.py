"""Numbers of jobs: sums over their chunks, which always add up to the records of the job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select

from dashboard.extensions import db
from dashboard.jobs.models import Chunk, Job
from dashboard.problems import NotFound

COUNTED = (
    "held",
    "sending",
    "sent",
    "delivered",
    "bounced",
    "complained",
    "expired",
    "failed",
    "unknown",
    "suppressed",
    "cancelled",
)


@dataclass(frozen=True, slots=True)
class JobTotals:
    """Recipients of a job by message state. `queued` is what no other state holds: not reached yet, or put off."""

    records: int
    held: int = 0
    sending: int = 0
    sent: int = 0
    delivered: int = 0
    bounced: int = 0
    complained: int = 0
    expired: int = 0
    failed: int = 0
    unknown: int = 0
    suppressed: int = 0
    cancelled: int = 0

    @property
    def queued(self) -> int:
        return self.records - sum(int(getattr(self, name)) for name in COUNTED)

    @property
    def done(self) -> int:
        """Recipients with an outcome."""
        return self.records - self.queued - self.held - self.sending

    @property
    def success(self) -> int:
        return self.sent + self.delivered

    @property
    def errors(self) -> int:
        return self.failed + self.bounced + self.complained + self.expired + self.unknown

    @property
    def handed_over(self) -> int:
        """What a provider took: it cannot be called back."""
        return self.sent + self.delivered + self.bounced + self.complained

    def parts(self) -> list[tuple[str, int]]:
        """(state, count) of every state in the order of a message's life; the counts add up to `records`."""
        states = ("suppressed", "queued", "held", "sending", "sent", "delivered", "bounced", "complained", "expired")
        return [(state, getattr(self, state)) for state in (*states, "failed", "unknown", "cancelled")]


def job_totals(job_id: int) -> JobTotals:
    """The totals of one job; all zero for a job that does not exist."""
    return totals_of([job_id]).get(job_id, JobTotals(records=0))


def totals_of(job_ids: Iterable[int]) -> dict[int, JobTotals]:
    """The totals of several jobs with one statement."""
    ids = list(job_ids)
    if not ids:
        return {}
    sums = [func.coalesce(func.sum(getattr(Chunk, name)), 0).label(name) for name in COUNTED]
    rows = db.session.execute(
        select(Job.id, Job.record_count, *sums)
        .outerjoin(Chunk, Chunk.job_id == Job.id)
        .where(Job.id.in_(ids))
        .group_by(Job.id, Job.record_count)
    )
    return {
        row.id: JobTotals(records=row.record_count, **{name: int(getattr(row, name)) for name in COUNTED})
        for row in rows
    }


def job_of_id(job_id: int) -> Job:
    """The job; NotFound where there is none."""
    job = db.session.get(Job, job_id)
    if job is None:
        raise NotFound("There is no such run.")
    return job
