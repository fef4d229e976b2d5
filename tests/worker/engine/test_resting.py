"""Jobs whose hours have not come: they wait without a worker and go on by themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import dramatiq
import pytest
from flask import Flask

from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import ChunkState, Job, JobState, Rest
from dashboard.jobs.services import pause_job, resume_job
from dashboard.jobs.throttling import set_throttle
from dashboard.providers.services import set_rate
from dashboard.settings import Settings
from tests.brokers import waiting
from tests.factories.sending import new_job, new_provider, people
from tests.worker.engine.slices import chunk, counters, deliver, messages, scripted, sent
from worker.engine import deliver as delivering
from worker.engine.feeding import Stop
from worker.providers.base import Outcome, OutgoingEmail
from worker.scheduler import Scheduler, run_once


def _window(opens: timedelta, closes: timedelta) -> dict[str, Any]:
    """A window relative to now, on every day."""
    now = utc_now()
    return {
        "opens": f"{now + opens:%H:%M}",
        "closes": f"{now + closes:%H:%M}",
        "days": list(range(7)),
        "zone": "UTC",
        "column": "",
    }


LATER = (timedelta(hours=2), timedelta(hours=3))
NOW = (timedelta(hours=-1), timedelta(hours=1))


def _job(job_id: int) -> Job:
    db.session.rollback()
    return db.session.get_one(Job, job_id)


def _set_window(job_id: int, window: dict[str, Any], not_before: datetime | None) -> None:
    with transaction() as session:
        job = session.get_one(Job, job_id)
        job.send_window, job.not_before = window, not_before


def test_a_run_launched_outside_its_hours_waits_for_them(app: Flask) -> None:
    job = new_job(people(3), send_window=_window(*LATER))

    assert job.not_before is not None
    assert timedelta(hours=1, minutes=58) < job.not_before - utc_now() <= timedelta(hours=2)
    assert job.waiting_for == Rest.WINDOW
    assert deliver(job.id).stop is None
    assert counters(job.id) == {}


def test_within_its_hours_it_is_sent(app: Flask) -> None:
    job = new_job(people(3), send_window=_window(*NOW))

    deliver(job.id)

    assert counters(job.id) == {"sent": 3}


def test_no_worker_is_called_to_a_job_that_rests(app: Flask) -> None:
    job = new_job(people(3), send_window=_window(*LATER))
    dramatiq.get_broker().flush_all()

    assert run_once()["hints"] == 0
    assert run_once(utc_now() + timedelta(hours=2, minutes=1))["hints"] == 1
    assert waiting("bulk") == [("send_chunks", (job.id,))]


def test_its_hours_end_while_it_is_sent(
    app: Flask, settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing more goes out, and what was in hand is put back with no try spent."""
    settings(window_size=10)
    monkeypatch.setattr("worker.engine.feeding._LOOK_SECONDS", 0.0)
    job = new_job(people(40), send_window=_window(*NOW))
    monkeypatch.setattr(delivering, "_closes_at", lambda facts, now: now)
    session = scripted(job)

    report = deliver(job.id)

    assert (report.stop, report.more) == (Stop.WINDOW, False)
    assert session.taken == []
    assert chunk(job.id).state == ChunkState.READY
    assert sum(counters(job.id).values()) == counters(job.id).get("queued", 0)


def test_a_changed_window_is_seen_by_the_next_slice(app: Flask) -> None:
    job = new_job(people(3), send_window=_window(*NOW))
    _set_window(job.id, _window(*LATER), None)

    deliver(job.id)

    resting = _job(job.id)
    assert resting.not_before is not None
    assert resting.waiting_for == Rest.WINDOW
    assert counters(job.id) == {}


def test_resuming_outside_the_hours_waits_again(app: Flask) -> None:
    job = new_job(people(3), send_window=_window(*NOW))
    pause_job(job_id=job.id)
    _set_window(job.id, _window(*LATER), None)

    assert resume_job(job_id=job.id).state == JobState.RUNNING

    assert _job(job.id).waiting_for == Rest.WINDOW
    assert deliver(job.id).stop is None


def test_what_expires_before_the_window_opens_is_not_kept_waiting(app: Flask) -> None:
    expires_at = utc_now() + timedelta(minutes=30)
    job = new_job(people(3), send_window=_window(*LATER), expires_at=expires_at)
    _set_window(job.id, job.send_window, None)

    deliver(job.id)
    assert _job(job.id).not_before == expires_at

    with transaction() as session:
        session.get_one(Job, job.id).expires_at = utc_now() - timedelta(seconds=1)
    deliver(job.id)
    assert counters(job.id) == {"expired": 3}


def test_a_limit_that_is_used_up_lets_the_job_rest(app: Flask) -> None:
    """No try is spent, the records stay with their chunk, and no worker is held."""
    provider = new_provider(rate_per_day=5)
    job = new_job(people(20), provider=provider)

    report = deliver(job.id)

    assert (report.stop, report.more, report.sent) == (Stop.LIMITED, False, 5)
    resting = _job(job.id)
    assert resting.waiting_for == Rest.DAY
    assert resting.not_before is not None
    assert timedelta(hours=23) < resting.not_before - utc_now() <= timedelta(hours=25)
    assert counters(job.id).get("sent") == 5
    assert all(row.attempts <= 1 for row in messages(job.id))
    assert deliver(job.id).stop is None


def test_what_was_booked_when_a_limit_ran_out_is_sent_first_afterwards(app: Flask) -> None:
    provider = new_provider(rate_per_minute=5)
    job = new_job(people(12), provider=provider)
    deliver(job.id)
    assert counters(job.id)["sent"] == 5

    db.session.rollback()
    set_rate(provider_id=provider.id, rate_per_minute=0)
    deliver(job.id)

    assert counters(job.id) == {"sent": 12}
    assert {row.attempts for row in messages(job.id)} == {1}


def test_a_limit_that_is_lifted_calls_the_job_back(app: Flask) -> None:
    provider = new_provider(rate_per_day=1)
    job = new_job(people(3), provider=provider)
    deliver(job.id)
    dramatiq.get_broker().flush_all()
    scheduler = Scheduler()
    assert scheduler.run_once()["hints"] == 0

    set_rate(provider_id=provider.id, rate_per_day=100)

    assert scheduler.run_once()["hints"] == 1


def test_a_throttled_run_rests_between_its_messages(app: Flask) -> None:
    """Six a minute: the thread serves other jobs for the ten seconds in between."""
    job = new_job(people(5), rate_per_minute=6)

    report = deliver(job.id)

    assert report.stop is Stop.LIMITED
    assert counters(job.id) == {"sent": 1}
    resting = _job(job.id)
    assert resting.waiting_for == Rest.THROTTLE
    assert resting.not_before is not None
    assert timedelta(seconds=5) < resting.not_before - utc_now() <= timedelta(seconds=10)


def test_each_rest_is_ended_by_a_call_at_once(app: Flask) -> None:
    """Calls to a job that nobody takes come with growing pauses; one that has rested anew is called at once."""
    job = new_job(people(5), rate_per_minute=6)
    dramatiq.get_broker().flush_all()
    scheduler = Scheduler()
    for number in range(3):
        _set_window(job.id, {}, utc_now() - timedelta(seconds=1) + timedelta(milliseconds=number))
        assert scheduler.run_once()["hints"] == 1


def test_a_throttle_can_be_changed_while_it_is_sent(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.engine.feeding._LOOK_SECONDS", 0.0)
    job = new_job(people(20), rate_per_minute=30)
    seen: list[int] = []

    def answer(message: OutgoingEmail) -> Outcome:
        seen.append(message.reference)
        if len(seen) == 1:
            set_throttle(job_id=job.id, rate_per_minute=0)
        return sent(message)

    scripted(job, answer)

    deliver(job.id)

    assert counters(job.id) == {"sent": 20}


def test_two_jobs_share_what_their_provider_takes(app: Flask) -> None:
    provider = new_provider(rate_per_day=6)
    first, second = new_job(people(4), provider=provider), new_job(people(4), provider=provider)

    deliver(first.id)
    deliver(second.id)

    assert (counters(first.id)["sent"], counters(second.id)["sent"]) == (4, 2)
    assert _job(second.id).waiting_for == Rest.DAY
