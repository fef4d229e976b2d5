"""Whatever happens, after every transaction the counters of a job are what its rows say."""

from __future__ import annotations

from typing import Any

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job
from dashboard.jobs.services import pause_job, resume_job, settle_job
from dashboard.suppressions.models import Suppression
from tests.factories.sending import new_job
from tests.worker.engine.slices import counters, deliver, dying_slice, make_due, scripted, sent, states
from worker.engine.outages import outages
from worker.providers.base import Outcome, OutgoingEmail, Result

_FATES = st.sampled_from(["sent", "failed", "bounced", "retry", "unknown", "not_attempted", "outage"])
_RECORDS = st.lists(
    st.sampled_from(["fine", "no_address", "bad_address", "no_name", "suppressed"]), min_size=1, max_size=40
)
_STEPS = st.lists(st.sampled_from(["slice", "crash", "pause", "due"]), min_size=1, max_size=6)


def _record(kind: str, number: int) -> dict[str, str]:
    email = {"no_address": "", "bad_address": "nobody at home", "suppressed": "spare-me@example.com"}.get(
        kind, f"person{number}@example.com"
    )
    return {"email": email} if kind == "no_name" else {"email": email, "name": "x"}


def _outcome(fate: str, message: OutgoingEmail) -> Outcome:
    if fate == "sent":
        return sent(message)
    if fate in ("not_attempted", "outage"):
        code = "connect_failed" if fate == "outage" else fate
        return Outcome(message.reference, Result.RETRY, code=code, retry_after=1.0)
    return Outcome(message.reference, Result(fate), code="4xx", detail="words")


class _Watcher:
    """Compares counters and rows after every commit."""

    def __init__(self, job: Job) -> None:
        self.job_id = job.id
        self.records = job.record_count
        self.looked = 0

    def look(self) -> None:
        counted, rows = counters(self.job_id), states(self.job_id)
        assert counted == rows
        assert sum(counted.values()) <= self.records
        self.looked += 1


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(records=_RECORDS, fates=st.lists(_FATES, min_size=1, max_size=12), steps=_STEPS, window=st.integers(1, 7))
def test_counters_add_up_after_every_transaction(
    app: Flask, records: list[str], fates: list[str], steps: list[str], window: int
) -> None:
    before = app.extensions["carillon_settings"]
    app.extensions["carillon_settings"] = before.model_copy(
        update={"window_size": window, "chunk_size": 11, "max_attempts": 3}
    )
    try:
        _run(records, fates, steps)
    finally:
        app.extensions["carillon_settings"] = before


def _run(records: list[str], fates: list[str], steps: list[str]) -> None:
    with transaction() as session:
        session.query(Suppression).delete()
        session.add(Suppression(channel="email", address="spare-me@example.com", scope="all", reason="manual"))
    job = new_job([_record(kind, number) for number, kind in enumerate(records)])
    watcher, answered = _Watcher(job), iter(range(10**9))

    def answer(message: OutgoingEmail) -> Outcome:
        watcher.look()
        return _outcome(fates[next(answered) % len(fates)], message)

    for step in [*steps, "slice"]:
        scripted(job, answer, at_once=3)
        outages.over(job.provider_id)
        if step == "due":
            make_due(job.id)
        elif step == "pause":
            pause_job(job_id=job.id)
            resume_job(job_id=job.id)
        elif step == "crash":
            _crash(job)
        else:
            deliver(job.id)
        watcher.look()
    _finish(job, watcher)


def _crash(job: Job) -> None:
    try:
        dying_slice(job.id, handed_over=4, outcomes=2)
    except AssertionError:  # there was no chunk to die on
        return


def _finish(job: Job, watcher: _Watcher) -> None:
    """Three tries at most, twice over for those that may have arrived: after some rounds every record is final."""
    for _ in range(12):
        scripted(job, lambda message: Outcome(message.reference, Result.FAILED, code="end"))
        outages.over(job.provider_id)
        make_due(job.id)
        deliver(job.id)
        watcher.look()
    assert settle_job(job_id=job.id) == "finished"
    assert sum(states(job.id).values()) == watcher.records


def test_a_row_changed_behind_our_back_is_counted_again(app: Flask) -> None:
    job = new_job([_record("fine", number) for number in range(3)])

    def meddle(message: OutgoingEmail) -> Outcome:
        with transaction() as session:
            session.connection().exec_driver_sql(f"UPDATE messages SET state = 'failed' WHERE id = {message.reference}")
        return sent(message)

    scripted(job, meddle)
    deliver(job.id)

    assert counters(job.id) == states(job.id) == {"failed": 3}


def test_no_transaction_is_open_while_the_provider_has_a_message(app: Flask) -> None:
    job = new_job([_record("fine", number) for number in range(5)])
    open_now: list[Any] = []
    engine: Engine = db.engine
    seen: list[int] = []

    def began(connection: Any) -> None:
        open_now.append(connection)

    def ended(connection: Any) -> None:
        open_now.clear()

    def answer(message: OutgoingEmail) -> Outcome:
        seen.append(len(open_now))
        return sent(message)

    scripted(job, answer)
    event.listen(engine, "begin", began)
    event.listen(engine, "commit", ended)
    event.listen(engine, "rollback", ended)
    try:
        deliver(job.id)
    finally:
        event.remove(engine, "begin", began)
        event.remove(engine, "commit", ended)
        event.remove(engine, "rollback", ended)

    assert seen == [0] * 5
