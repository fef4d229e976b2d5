from __future__ import annotations

from flask import Flask

from dashboard.extensions import db
from dashboard.jobs.queries import job_totals
from tests.factories.sending import new_job, people
from worker.engine.deliver import Report, work


def deliver(job_id: int, **options: float) -> Report:
    """One slice, with what the session had read let go first and afterwards."""
    db.session.rollback()
    report = work(job_id, **options)
    db.session.rollback()
    return report


def test_every_record_is_sent_once(app: Flask) -> None:
    job = new_job(people(250))

    report = deliver(job.id)

    assert (report.sent, report.problem, report.more) == (250, "", False)
    assert job_totals(job.id).sent == 250
