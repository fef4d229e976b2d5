from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from dashboard.extensions import db
from dashboard.jobs.services import settle_job
from dashboard.settings import Settings
from tests.factories.sending import new_job, people
from tests.worker.engine.slices import chunk, counters, deliver, messages, recipients_in_inbox, scripted, sent
from worker.engine.deliver import Report, work
from worker.providers.base import Outcome, OutgoingEmail


def _worker(app: Flask, job_id: int, start: threading.Barrier) -> Report:
    with app.app_context():
        start.wait(150)
        return work(job_id)


def test_workers_share_a_job_and_send_nothing_twice(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(chunk_size=20, window_size=7)
    job = new_job(people(300))
    job_id, start = job.id, threading.Barrier(4)
    db.session.rollback()

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: _worker(app, job_id, start), range(4)))

    assert sum(report.sent for report in reports) == 300
    assert recipients_in_inbox() == {f"person{number}@example.com": 1 for number in range(300)}
    assert counters(job_id) == {"sent": 300}
    assert not any(row.maybe_twice for row in messages(job_id))
    assert settle_job(job_id=job_id) == "finished"


def test_a_chunk_is_held_by_one_worker(app: Flask) -> None:
    job = new_job(people(10))
    seen: list[tuple[Report, str]] = []

    def answer(message: OutgoingEmail) -> Outcome:
        if not seen:
            seen.append((deliver(job.id), chunk(job.id).lease_owner))
        return sent(message)

    scripted(job, answer)
    deliver(job.id)

    [(other, owner)] = seen
    assert other.stop is None  # there was no chunk for it
    assert owner != ""
    assert counters(job.id) == {"sent": 10}
