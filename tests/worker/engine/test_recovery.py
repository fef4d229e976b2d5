from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flask import Flask

from dashboard.current import current_settings
from dashboard.extensions import db, transaction
from dashboard.jobs.models import Chunk, ChunkState
from dashboard.message_templates.models import Category
from dashboard.settings import Settings
from tests.factories.sending import new_job, people
from tests.worker.engine.slices import (
    ScriptedSession,
    chunk,
    counters,
    deliver,
    dying_slice,
    events,
    expire_leases,
    make_due,
    messages,
    scripted,
    sent,
    states,
)
from worker.engine.deliver import new_slice
from worker.engine.journal import journal_folder
from worker.engine.plan import load_plan
from worker.providers.base import OutgoingEmail


def _journals() -> list[Path]:
    return sorted(journal_folder(current_settings()).glob("*.journal"))


def _lose_journals() -> None:
    for path in _journals():
        path.unlink()


def test_a_window_is_marked_before_anything_is_handed_over(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=10)
    job = new_job(people(50))

    dying_slice(job.id, handed_over=1, outcomes=0)

    assert states(job.id) == counters(job.id) == {"sending": 10}


def test_with_the_journal_only_what_was_under_way_is_sent_again(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=10)
    job = new_job(people(30))
    dead = dying_slice(job.id, handed_over=7, outcomes=4)
    session = scripted(job)

    report = deliver(job.id)

    assert report.sent == 26  # all but the four with an outcome
    assert states(job.id) == counters(job.id) == {"sent": 30}
    doubled = [row.record_no for row in messages(job.id) if row.maybe_twice]
    assert doubled == [4, 5, 6]
    assert {row.attempts for row in messages(job.id) if not row.maybe_twice} == {1}
    assert events(messages(job.id)[4].id) == [("resent", "worker_lost")]
    assert chunk(job.id).takeovers == 1
    assert chunk(job.id).state == ChunkState.DONE
    assert len({message.message_id for message in session.taken}) == 26
    assert dead.feeder.sent == 4


def test_without_the_journal_the_whole_window_is_sent_again(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=10)
    job = new_job(people(30))
    dying_slice(job.id, handed_over=7, outcomes=4)
    _lose_journals()

    deliver(job.id)

    assert states(job.id) == {"sent": 30}
    assert [row.record_no for row in messages(job.id) if row.maybe_twice] == list(range(10))


def test_codes_in_doubt_stay_unknown_but_those_never_handed_over_are_sent(
    app: Flask, settings: Callable[..., Settings]
) -> None:
    settings(window_size=10)
    job = new_job(people(10), category=Category.OTP)
    dying_slice(job.id, handed_over=3, outcomes=1)

    deliver(job.id)

    assert [(row.state, row.code) for row in messages(job.id)][:3] == [
        ("sent", "250 2.0.0"),
        ("unknown", "worker_lost"),
        ("unknown", "worker_lost"),
    ]
    assert counters(job.id) == {"sent": 8, "unknown": 2}


def test_a_job_may_leave_what_is_in_doubt(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=5)
    job = new_job(people(10), resend_unknown=False)
    dying_slice(job.id, handed_over=2, outcomes=0)
    _lose_journals()

    deliver(job.id)

    assert counters(job.id) == {"unknown": 5, "sent": 5}


def test_outcomes_of_a_full_window_survive(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=8)
    job = new_job(people(8))
    dying_slice(job.id, handed_over=8, outcomes=8)

    report = deliver(job.id)

    assert report.sent == 0
    assert counters(job.id) == {"sent": 8}
    assert {row.provider_message_id for row in messages(job.id)} == {
        f"taken-{job.first_message_id + number}" for number in range(8)
    }


def test_a_worker_that_comes_back_late_changes_nothing(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=10)
    job = new_job(people(30))
    late = dying_slice(job.id, handed_over=3, outcomes=0)
    deliver(job.id)

    for row in messages(job.id)[:3]:
        late.feeder.on_outcome(sent(_named(row.id)))
    late.feeder.finish()

    assert states(job.id) == counters(job.id) == {"sent": 30}
    assert late.books.holds == []


def _named(reference: int) -> OutgoingEmail:
    return OutgoingEmail(reference, "", (), "", "", "", None, lambda _: b"")  # type: ignore[arg-type]


def test_a_slice_that_lost_its_lease_hands_over_nothing_more(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=10)
    job = new_job(people(30))
    sleeper = dying_slice(job.id, handed_over=1, outcomes=0)
    deliver(job.id)
    for hold in sleeper.books.holds:
        hold.valid_until = 0.0  # the machine slept for longer than its lease

    more = list(sleeper.feeder.messages())

    assert more == []
    assert states(job.id) == {"sent": 30}


def test_an_expired_lease_that_nobody_took_is_simply_renewed(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=5)
    job = new_job(people(20))
    slice_ = dying_slice(job.id, handed_over=1, outcomes=1)
    for hold in slice_.books.holds:
        hold.valid_until = 0.0

    session = ScriptedSession()
    session.send(slice_.feeder.messages(), slice_.feeder.on_outcome)
    slice_.feeder.finish()

    assert len(session.taken) == 19
    assert counters(job.id) == {"sent": 20}
    assert chunk(job.id).takeovers == 0


def test_workers_that_die_one_after_another_pause_the_job(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=5)
    job = new_job(people(10))
    dying_slice(job.id, handed_over=1, outcomes=0)
    with transaction() as session:
        session.get_one(Chunk, (job.id, 0)).takeovers = 19
    expire_leases(job.id)

    report = deliver(job.id)

    assert "20 workers in a row" in report.problem
    assert "1 to 10" in report.problem
    assert counters(job.id) == {"queued": 5}
    make_due(job.id)
    assert deliver(job.id).sent == 10


def test_the_journal_of_a_finished_slice_is_removed(app: Flask) -> None:
    _lose_journals()
    job = new_job(people(20))

    deliver(job.id)

    assert _journals() == []


def test_a_retry_has_a_journal_of_its_own_attempt(app: Flask, settings: Callable[..., Settings]) -> None:
    """A line about the first try says nothing about the second."""
    settings(window_size=4)
    job = new_job(people(4))
    dying_slice(job.id, handed_over=4, outcomes=0)
    dying_slice(job.id, handed_over=4, outcomes=2)  # took over, sent again, died again

    deliver(job.id)

    assert counters(job.id) == {"sent": 4}
    assert [row.attempts for row in messages(job.id)] == [2, 2, 3, 3]
    assert chunk(job.id).takeovers == 2


def test_one_who_only_looks_dead_leaves_its_window_in_doubt(app: Flask, settings: Callable[..., Settings]) -> None:
    """A clock that was set, a process that stood still: it may hand over the rest of its window meanwhile."""
    settings(window_size=10)
    job = new_job(people(10))
    plan = load_plan(db.engine, current_settings(), job.id)
    assert plan is not None
    alive = new_slice(db.engine, current_settings(), plan)
    assert alive.feeder.begin()
    handing_over = alive.feeder.messages()
    next(handing_over)
    expire_leases(job.id)

    scripted(job)
    deliver(job.id)

    next(handing_over)  # the second message, now from two sides
    assert states(job.id) == counters(job.id) == {"sent": 10}
    assert all(row.maybe_twice for row in messages(job.id))
    alive.feeder.abandon()
    assert states(job.id) == counters(job.id) == {"sent": 10}
