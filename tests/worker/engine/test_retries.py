from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flask import Flask

from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import ChunkState
from dashboard.message_templates.models import Category
from dashboard.providers.models import Provider
from dashboard.settings import Settings
from dashboard.suppressions.models import Suppression
from tests.factories.sending import new_job, people
from tests.worker.engine.slices import (
    chunk,
    counters,
    deliver,
    events,
    inbox,
    make_due,
    messages,
    scripted,
    sent,
    states,
)
from worker.engine.feeding import Stop
from worker.engine.outages import outages
from worker.providers.base import Outcome, OutgoingEmail, Result


def _busy(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.RETRY, code="450 4.7.0", detail="Try later.", retry_after=60)


def _lost(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.UNKNOWN, code="connection_lost_after_data", detail="Gone.")


def _unreachable(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.RETRY, code="connect_failed", detail="Refused.", retry_after=5)


def test_a_message_put_off_waits_for_its_time(app: Flask) -> None:
    job = new_job(people(2))
    scripted(job, _busy)
    before = utc_now()

    report = deliver(job.id)

    assert report.stop is Stop.EXHAUSTED
    first, second = messages(job.id)
    assert (first.state, first.attempts, first.code, first.detail) == ("queued", 1, "450 4.7.0", "Try later.")
    assert first.not_before is not None
    assert before + timedelta(seconds=59) <= first.not_before <= utc_now() + timedelta(seconds=60)
    assert events(second.id) == [("deferred", "450 4.7.0")]
    assert counters(job.id) == {"queued": 2}
    waiting = chunk(job.id)
    assert (waiting.state, waiting.lease_owner) == (ChunkState.WAITING, "")
    assert waiting.not_before is not None
    assert waiting.not_before >= first.not_before


def test_before_its_time_nobody_takes_it_up(app: Flask) -> None:
    job = new_job(people(1))
    session = scripted(job, _busy)
    deliver(job.id)

    deliver(job.id)

    assert len(session.taken) == 1


def test_in_time_it_is_sent_as_the_same_message(app: Flask) -> None:
    job = new_job(people(2))
    session = scripted(job, _busy)
    deliver(job.id)
    make_due(job.id)
    session.answer = sent

    deliver(job.id)

    assert [row.state for row in messages(job.id)] == ["sent", "sent"]
    assert {row.attempts for row in messages(job.id)} == {2}
    assert session.taken[0].message_id == session.taken[2].message_id
    assert not any(row.maybe_twice for row in messages(job.id))
    assert counters(job.id) == {"sent": 2}
    assert chunk(job.id).state == ChunkState.DONE


def test_tries_are_bounded_and_the_last_words_are_kept(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(max_attempts=3)
    job = new_job(people(1))
    session = scripted(job, _busy)

    for _ in range(5):
        deliver(job.id)
        make_due(job.id)

    assert len(session.taken) == 3
    [row] = messages(job.id)
    assert (row.state, row.attempts, row.code, row.detail) == ("failed", 3, "450 4.7.0", "Try later.")
    assert events(row.id) == [("deferred", "450 4.7.0")] * 2
    assert chunk(job.id).state == ChunkState.DONE


def test_a_throttling_sandbox_takes_it_on_the_second_try(app: Flask) -> None:
    job = new_job([{"email": "throttle@example.com", "name": "x"}])
    deliver(job.id)
    assert states(job.id) == {"queued": 1}
    make_due(job.id)

    deliver(job.id)

    assert states(job.id) == {"sent": 1}
    assert len(inbox()) == 1


def test_whoever_unsubscribed_meanwhile_is_spared(app: Flask) -> None:
    job = new_job(people(1))
    scripted(job, _busy)
    deliver(job.id)
    with transaction() as session:
        session.add(Suppression(channel="email", address="person0@example.com", scope="all", reason="manual"))
    make_due(job.id)

    deliver(job.id)

    assert [(row.state, row.code) for row in messages(job.id)] == [("suppressed", "manual")]
    assert counters(job.id) == {"suppressed": 1}
    assert chunk(job.id).state == ChunkState.DONE


def test_a_lost_answer_is_tried_once_more_and_marked(app: Flask) -> None:
    job = new_job(people(1))
    session = scripted(job, _lost)
    deliver(job.id)
    [row] = messages(job.id)
    assert (row.state, row.maybe_twice) == ("queued", True)
    assert events(row.id) == [("resent", "connection_lost_after_data")]
    make_due(job.id)

    deliver(job.id)

    assert len(session.taken) == 2
    assert session.taken[0].message_id == session.taken[1].message_id
    assert [(row.state, row.attempts) for row in messages(job.id)] == [("unknown", 2)]


def test_a_lost_answer_stays_unknown_where_the_job_wants_that(app: Flask) -> None:
    job = new_job(people(1), resend_unknown=False)
    scripted(job, _lost)

    deliver(job.id)

    [row] = messages(job.id)
    assert (row.state, row.code, row.maybe_twice) == ("unknown", "connection_lost_after_data", False)


def test_transactional_mail_is_never_doubled(app: Flask) -> None:
    job = new_job(people(1), category=Category.TRANSACTIONAL, resend_unknown=True)
    scripted(job, _lost)

    deliver(job.id)

    assert states(job.id) == {"unknown": 1}


def test_an_outage_stops_the_slice_and_spends_no_try(app: Flask) -> None:
    job = new_job(people(50))
    session = scripted(job, _unreachable)

    report = deliver(job.id)

    assert (report.stop, report.more, report.problem) == (Stop.OUTAGE, False, "")
    assert len(session.taken) == 1
    assert {row.attempts for row in messages(job.id)} == {0}
    assert set(states(job.id)) == {"queued"}
    assert counters(job.id) == states(job.id)
    provider = db.session.get_one(Provider, job.provider_id)
    assert provider.last_error == "Refused."


def test_the_provider_is_left_alone_for_a_while_then_the_job_goes_on(app: Flask) -> None:
    job = new_job(people(3))
    session = scripted(job, _unreachable)
    deliver(job.id)
    assert deliver(job.id).stop is None
    assert len(session.taken) == 1

    outages.over(job.provider_id)  # the pause is over
    session.answer = sent
    make_due(job.id)
    deliver(job.id)

    assert counters(job.id) == {"sent": 3}
    assert {row.attempts for row in messages(job.id)} == {1}
    assert db.session.get_one(Provider, job.provider_id).last_error == ""


def test_an_outage_fails_a_code_that_nobody_waits_for(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(max_attempts=2)
    job = new_job(people(1), category=Category.OTP)
    scripted(job, _unreachable)

    for _ in range(2):
        deliver(job.id)
        make_due(job.id)
        outages.over(job.provider_id)

    assert [(row.state, row.code) for row in messages(job.id)] == [("failed", "connect_failed")]


def test_what_the_session_gives_back_costs_no_try(app: Flask) -> None:
    job = new_job(people(1))
    session = scripted(job, lambda message: Outcome(message.reference, Result.RETRY, code="not_attempted"))
    session.answer = _once_not_attempted()

    deliver(job.id)
    make_due(job.id)
    deliver(job.id)

    [row] = messages(job.id)
    assert (row.state, row.attempts) == ("sent", 1)
    assert events(row.id) == []


def _once_not_attempted() -> Callable[[OutgoingEmail], Outcome]:
    seen: list[int] = []

    def answer(message: OutgoingEmail) -> Outcome:
        seen.append(message.reference)
        if len(seen) > 1:
            return sent(message)
        return Outcome(message.reference, Result.RETRY, code="not_attempted", detail="Session ends.")

    return answer


def test_words_that_a_database_refuses_are_trimmed(app: Flask) -> None:
    job = new_job(people(1))
    scripted(
        job, lambda message: Outcome(message.reference, Result.FAILED, "i" * 500, "c" * 100, "a\x00b" + "d" * 5000)
    )

    deliver(job.id)

    [row] = messages(job.id)
    assert row.code == "c" * 60
    assert row.detail is not None
    assert row.detail.startswith("abd")
    assert len(row.detail) == 2000
