"""Recipients' own time zones: who sleeps is held, and gets it when the window opens there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import update

from dashboard.extensions import transaction, utc_now
from dashboard.jobs.models import Chunk, ChunkState, JobState
from dashboard.jobs.queries import job_totals
from dashboard.jobs.services import cancel_job, settle_job
from dashboard.messages.models import Message
from dashboard.settings import Settings
from dashboard.suppressions.models import Suppression
from tests.factories.sending import new_job
from tests.worker.engine.slices import chunk, counters, deliver, messages, scripted, states
from worker.engine.cancelling import cancel_some

# Never the same hour: one of them is five and a half hours ahead of UTC, the others eleven away on both sides.
HERE, EAST, WEST = "UTC", "Pacific/Noumea", "Pacific/Pago_Pago"


def _hours(zone: str = HERE) -> dict[str, Any]:
    """Open now in UTC for an hour each way, so closed in the others."""
    now = utc_now()
    opens, closes = now - timedelta(hours=1), now + timedelta(hours=1)
    return {
        "opens": f"{opens:%H:%M}",
        "closes": f"{closes:%H:%M}",
        "days": list(range(7)),
        "zone": zone,
        "column": "zone",
    }


def _people(*zones: str) -> list[dict[str, str]]:
    return [
        {"email": f"p{number}@example.com", "name": f"P{number}", "zone": zone} for number, zone in enumerate(zones)
    ]


def _morning(job_id: int) -> None:
    """Their hours have come: what is held is due, and the window is open everywhere."""
    past = utc_now() - timedelta(seconds=1)
    with transaction() as session:
        session.execute(
            update(Message).where(Message.job_id == job_id, Message.state == "held").values(not_before=past)
        )
        session.execute(update(Chunk).where(Chunk.job_id == job_id, Chunk.state == "waiting").values(not_before=past))


def _open_everywhere(job_id: int) -> None:
    from dashboard.jobs.models import Job

    with transaction() as session:
        job = session.get_one(Job, job_id)
        job.send_window = job.send_window | {"opens": "00:00", "closes": "00:00"}


def test_who_sleeps_is_held_and_the_others_get_it(app: Flask) -> None:
    job = new_job(_people(HERE, EAST, WEST, ""), send_window=_hours())
    session = scripted(job)

    deliver(job.id)

    assert [message.to for message in session.taken] == ["p0@example.com", "p3@example.com"]
    assert counters(job.id) == states(job.id) == {"sent": 2, "held": 2}
    assert (job_totals(job.id).held, job_totals(job.id).queued) == (2, 0)
    held = [row for row in messages(job.id) if row.state == "held"]
    assert all(row.not_before and timedelta(hours=6) < row.not_before - utc_now() < timedelta(hours=16) for row in held)
    assert {row.attempts for row in held} == {0}
    assert chunk(job.id).state == ChunkState.WAITING
    assert chunk(job.id).not_before is not None
    assert settle_job(job_id=job.id) is JobState.RUNNING


def test_an_unknown_zone_counts_as_the_campaign_s(app: Flask) -> None:
    job = new_job(_people("Mars/Olympus", "Europe", "../etc"), send_window=_hours())
    deliver(job.id)
    assert counters(job.id) == {"sent": 3}
    closed = new_job(_people("Mars/Olympus"), send_window=_hours(EAST))
    deliver(closed.id)
    assert counters(closed.id) == {"held": 1}


def test_held_ones_go_when_their_hours_come(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=2)
    job = new_job(_people(*[EAST] * 5), send_window=_hours())
    deliver(job.id)
    assert counters(job.id) == {"held": 5}
    with transaction() as session:
        session.add(Suppression(channel="email", address="p1@example.com", scope="all", reason="manual"))
    _open_everywhere(job.id)
    _morning(job.id)

    deliver(job.id)

    assert counters(job.id) == states(job.id) == {"sent": 4, "suppressed": 1}
    assert {row.attempts for row in messages(job.id) if row.state == "sent"} == {1}
    assert settle_job(job_id=job.id) is JobState.FINISHED


def test_a_worker_that_comes_too_late_holds_them_for_the_next_day(app: Flask) -> None:
    job = new_job(_people(EAST, EAST), send_window=_hours())
    deliver(job.id)
    _morning(job.id)

    deliver(job.id)

    assert counters(job.id) == states(job.id) == {"held": 2}
    assert all(row.not_before and row.not_before > utc_now() for row in messages(job.id))


def test_held_ones_are_cancelled_with_the_run(app: Flask) -> None:
    job = new_job(_people(HERE, EAST, WEST), send_window=_hours())
    deliver(job.id)
    cancel_job(job_id=job.id)
    cancel_some(job.id)
    assert counters(job.id) == states(job.id) == {"sent": 1, "cancelled": 2}
    assert settle_job(job_id=job.id) is JobState.CANCELLED


def test_who_cannot_get_it_in_time_expires(app: Flask) -> None:
    from dashboard.jobs.models import Job

    job = new_job(_people(EAST), send_window=_hours(), expires_at=utc_now() + timedelta(hours=1))
    deliver(job.id)
    (held,) = messages(job.id)
    assert held.not_before == job.expires_at
    with transaction() as session:
        session.get_one(Job, job.id).expires_at = utc_now() - timedelta(seconds=1)
    _morning(job.id)
    deliver(job.id)
    assert counters(job.id) == states(job.id) == {"expired": 1}
