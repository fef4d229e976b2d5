"""Messages that are of no use after a while: what was not handed over by then ends as expired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Flask

from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Job, JobState
from dashboard.jobs.queries import job_totals
from dashboard.jobs.services import settle_job
from dashboard.settings import Settings
from tests.factories.sending import new_job, people
from tests.worker.engine.slices import (
    chunk,
    counters,
    deliver,
    dying_slice,
    make_due,
    messages,
    recipients_in_inbox,
    scripted,
    states,
)
from worker.engine.outages import outages
from worker.providers.base import Outcome, OutgoingEmail, Result


def _in(seconds: float) -> datetime:
    return utc_now() + timedelta(seconds=seconds)


def _expire(job_id: int) -> None:
    with transaction() as session:
        session.get_one(Job, job_id).expires_at = _in(-1)


def _busy(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.RETRY, code="451 4.7.1", detail="Later.", retry_after=60)


def test_nothing_is_handed_over_after_the_time_is_over(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=10)
    job = new_job([*people(30), {"email": "", "name": "Nobody"}], expires_at=_in(-1))
    session = scripted(job)

    deliver(job.id)

    assert session.taken == []
    assert counters(job.id) == states(job.id) == {"expired": 31}
    first = messages(job.id)[0]
    assert (first.code, first.attempts, first.handed_over_at) == ("expired", 0, None)
    assert settle_job(job_id=job.id) is JobState.FINISHED
    assert (job_totals(job.id).queued, job_totals(job.id).errors) == (0, 31)


def test_before_it_everything_is_sent(app: Flask) -> None:
    job = new_job(people(3), expires_at=_in(600))

    deliver(job.id)

    assert counters(job.id) == {"sent": 3}


def test_a_message_is_not_put_off_beyond_its_time(app: Flask) -> None:
    job = new_job(people(2), expires_at=_in(30))
    scripted(job, _busy)

    deliver(job.id)

    first = messages(job.id)[0]
    assert (first.state, first.code, first.detail, first.attempts) == ("expired", "451 4.7.1", "Later.", 1)
    assert counters(job.id) == {"expired": 2}


def test_what_was_put_off_expires_with_the_last_words_of_the_provider(app: Flask) -> None:
    job = new_job(people(2), expires_at=_in(3600))
    scripted(job, _busy)
    deliver(job.id)
    assert counters(job.id) == {"queued": 2}

    _expire(job.id)
    make_due(job.id)
    deliver(job.id)

    assert counters(job.id) == states(job.id) == {"expired": 2}
    assert {(row.code, row.not_before) for row in messages(job.id)} == {("451 4.7.1", None)}
    assert chunk(job.id).state == "done"


def test_it_expires_while_the_provider_is_away(app: Flask) -> None:
    job = new_job(people(2), expires_at=_in(-1))
    outages.began(job.provider_id)

    deliver(job.id)

    assert counters(job.id) == {"expired": 2}


def test_what_a_dead_worker_left_in_doubt_is_not_sent_again(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=2)
    job = new_job(people(4), expires_at=_in(3600))
    dying_slice(job.id, handed_over=2, outcomes=1)

    _expire(job.id)
    deliver(job.id)

    db.session.rollback()
    assert counters(job.id) == states(job.id)
    assert states(job.id) == {"sent": 1, "unknown": 1, "expired": 2}
    assert not recipients_in_inbox()
