from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from dashboard.extensions import db, transaction
from dashboard.jobs.models import ChunkState, Job, JobState
from dashboard.jobs.services import cancel_job, pause_job, resume_job, settle_job
from dashboard.providers.models import Provider
from dashboard.settings import Settings
from tests.factories.sending import new_job, new_provider, people
from tests.worker.engine.slices import (
    chunk,
    counters,
    deliver,
    dying_slice,
    messages,
    recipients_in_inbox,
    scripted,
    sent,
    states,
)
from worker.engine import stopping
from worker.engine.cancelling import cancel_some
from worker.engine.feeding import Stop
from worker.providers.base import Outcome, OutgoingEmail, Result


def _at(number: int, act: Callable[[], object]) -> Callable[[OutgoingEmail], Outcome]:
    """Answers `sent`, and does something when it has the n-th message."""
    seen: list[int] = []

    def answer(message: OutgoingEmail) -> Outcome:
        seen.append(message.reference)
        if len(seen) == number:
            act()
        return sent(message)

    return answer


def _state(job_id: int) -> JobState:
    db.session.rollback()
    return JobState(db.session.get_one(Job, job_id).state)


def test_a_pause_takes_hold_within_a_window(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=10)
    job = new_job(people(100))
    session = scripted(job, _at(15, lambda: pause_job(job_id=job.id)))

    report = deliver(job.id)

    assert report.stop is Stop.JOB
    assert len(session.taken) == 20
    assert counters(job.id) == {"sent": 20}
    assert chunk(job.id).state == ChunkState.READY
    assert settle_job(job_id=job.id) is JobState.PAUSED


def test_a_pause_takes_hold_under_a_rate_limit(app: Flask, settings: Callable[..., Settings]) -> None:
    """At two messages a second a window of a hundred would take 50 s: windows hold what a second can carry."""
    settings(window_size=100)
    provider = new_provider(rate_per_second=2)
    job = new_job(people(100), provider=provider)
    session = scripted(job, _at(3, lambda: pause_job(job_id=job.id)))

    deliver(job.id)

    assert len(session.taken) <= 6
    assert session.waits
    assert max(session.waits) <= 0.5
    assert counters(job.id).get("sending") is None
    assert sum(counters(job.id).values()) <= 8


def test_nothing_is_done_for_a_paused_job(app: Flask) -> None:
    job = new_job(people(10))
    pause_job(job_id=job.id)

    report = deliver(job.id)

    assert (report.stop, report.sent) == (None, 0)
    assert _state(job.id) is JobState.PAUSED


def test_a_resumed_job_goes_on_where_it_was(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=10)
    job = new_job(people(50))
    session = scripted(job, _at(5, lambda: pause_job(job_id=job.id)))
    deliver(job.id)
    settle_job(job_id=job.id)

    resume_job(job_id=job.id)
    deliver(job.id)

    assert settle_job(job_id=job.id) is JobState.FINISHED
    assert counters(job.id) == {"sent": 50}
    assert len(session.taken) == 50


def test_a_cancelled_job_has_a_row_for_every_record(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=10, chunk_size=20)
    job = new_job(people(100))
    scripted(job, _at(15, lambda: cancel_job(job_id=job.id)))
    deliver(job.id)
    assert settle_job(job_id=job.id) is JobState.CANCELLING

    assert cancel_some(job.id) is False

    assert settle_job(job_id=job.id) is JobState.CANCELLED
    assert states(job.id) == counters(job.id) == {"sent": 20, "cancelled": 80}
    assert messages(job.id)[99].recipient == "person99@example.com"
    assert messages(job.id)[99].attempts == 0


def test_cancelling_takes_messages_that_were_put_off(app: Flask) -> None:
    job = new_job(people(3))
    scripted(job, lambda message: Outcome(message.reference, Result.RETRY, code="450", retry_after=600))
    deliver(job.id)
    cancel_job(job_id=job.id)

    cancel_some(job.id)

    assert states(job.id) == counters(job.id) == {"cancelled": 3}
    assert settle_job(job_id=job.id) is JobState.CANCELLED


def test_cancelling_after_a_crash_leaves_what_is_in_doubt_unknown(
    app: Flask, settings: Callable[..., Settings]
) -> None:
    settings(window_size=10)
    job = new_job(people(20))
    dying_slice(job.id, handed_over=3, outcomes=1)
    cancel_job(job_id=job.id)

    cancel_some(job.id)

    assert states(job.id) == counters(job.id) == {"sent": 1, "unknown": 2, "cancelled": 17}


def test_cancelling_waits_for_a_worker_that_is_still_at_it(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=10, chunk_size=20)
    job = new_job(people(40))

    def cancel_meanwhile() -> None:
        cancel_job(job_id=job.id)
        cancel_some(job.id)

    scripted(job, _at(5, cancel_meanwhile))
    deliver(job.id)

    assert counters(job.id) == {"sent": 10, "cancelled": 20}
    assert chunk(job.id, 0).state == ChunkState.READY
    cancel_some(job.id)
    assert counters(job.id) == {"sent": 10, "cancelled": 30}


def test_cancelling_twice_writes_nothing_twice(app: Flask) -> None:
    job = new_job(people(30))
    cancel_job(job_id=job.id)
    cancel_some(job.id)

    assert cancel_some(job.id) is False
    assert states(job.id) == {"cancelled": 30}


def test_a_slice_ends_after_its_time_with_its_window(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=10)
    job = new_job(people(50))
    session = scripted(job)

    report = deliver(job.id, seconds=0.0)

    assert (report.stop, report.more) == (Stop.SLICE_OVER, True)
    assert session.taken == []
    assert chunk(job.id).state == ChunkState.READY


def test_the_end_of_the_process_puts_back_what_was_not_handed_over(
    app: Flask, settings: Callable[..., Settings]
) -> None:
    settings(window_size=10)
    job = new_job(people(50))
    session = scripted(job, _at(3, stopping.ask_to_stop))

    report = deliver(job.id)

    assert (report.stop, report.more) == (Stop.TOLD, True)
    assert len(session.taken) == 3
    assert counters(job.id) == {"sent": 3, "queued": 7}
    stopping.forget()
    deliver(job.id)
    assert counters(job.id) == {"sent": 50}
    assert {row.attempts for row in messages(job.id)} == {1}


def test_changed_settings_of_the_provider_are_used_at_once(
    app: Flask, settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(window_size=5)
    monkeypatch.setattr("worker.engine.feeding._LOOK_SECONDS", 0.0)
    provider = new_provider()
    job = new_job(people(20), provider=provider)

    def change() -> None:
        with transaction() as session:
            session.get_one(Provider, provider.id).version += 1

    old = scripted(job, _at(3, change))
    report = deliver(job.id)

    assert (report.stop, report.more) == (Stop.PROVIDER_CHANGED, True)
    deliver(job.id)
    assert counters(job.id) == {"sent": 20}
    assert old.closed
    assert 0 < len(old.taken) < 20
    assert sum(recipients_in_inbox().values()) == 20 - len(old.taken)


def test_messages_under_way_never_exceed_the_window(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=8)
    job = new_job(people(60))
    most = 0

    def answer(message: OutgoingEmail) -> Outcome:
        nonlocal most
        most = max(most, states(job.id).get("sending", 0))
        return sent(message)

    scripted(job, answer, at_once=6)
    deliver(job.id)

    assert counters(job.id) == {"sent": 60}
    assert most == 8


def test_a_session_that_collects_more_than_a_window_is_asked_to_hurry(
    app: Flask, settings: Callable[..., Settings]
) -> None:
    settings(window_size=5)
    job = new_job(people(23))
    session = scripted(job, at_once=1000)

    deliver(job.id)

    assert counters(job.id) == {"sent": 23}
    assert session.waits
