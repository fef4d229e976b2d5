from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
from flask import Flask

from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job, JobState
from dashboard.jobs.services import cancel_job
from dashboard.providers.models import Provider
from tests.brokers import use_broker_of, waiting
from tests.factories.sending import new_job, new_provider, people
from tests.worker.engine.slices import counters, recipients_in_inbox, scripted, sent, states
from worker.actors import declare_all
from worker.actors.jobs import cancel_remaining, send_chunks
from worker.broker import AppContext
from worker.engine import stopping
from worker.engine.deliver import work
from worker.heartbeat import WorkerLife
from worker.providers.base import Outcome, OutgoingEmail
from worker.queues import Queue


@pytest.fixture
def broker(app: Flask) -> Iterator[dramatiq.Broker]:
    """The broker of the test's application with the real actors and middleware."""
    broker = use_broker_of(app)
    if not any(isinstance(middleware, AppContext) for middleware in broker.middleware):
        broker.add_middleware(AppContext(app))
        broker.add_middleware(WorkerLife(app))
    for name in declare_all():
        module = __import__(f"worker.actors.{name}", fromlist=["*"])
        for actor in vars(module).values():
            if isinstance(actor, dramatiq.Actor):
                actor.broker = broker
                broker.actors[actor.actor_name] = actor
    yield broker
    stopping.forget()


def _run(broker: dramatiq.Broker, *queues: str) -> None:
    """Let a real worker empty the lanes."""
    db.session.rollback()
    worker = dramatiq.Worker(broker, queues=set(queues), worker_timeout=50, worker_threads=2)
    worker.start()
    try:
        for queue in queues:
            broker.join(queue, timeout=30_000)
        worker.join()
    finally:
        worker.stop()
        db.session.rollback()


def _state(job_id: int) -> str:
    db.session.rollback()
    return db.session.get_one(Job, job_id).state


@pytest.mark.parametrize("queue", [Queue.OTP, Queue.TRANSACTIONAL, Queue.BULK])
def test_a_job_is_sent_on_its_lane(broker: dramatiq.Broker, queue: Queue) -> None:
    job = new_job(people(25), queue=queue)
    job_id = job.id
    assert waiting(queue.value) == [("send_chunks", (job_id,))]

    _run(broker, queue.value)

    assert _state(job_id) == JobState.FINISHED
    assert sum(recipients_in_inbox().values()) == 25


def test_a_call_that_comes_twice_sends_once(broker: dramatiq.Broker, app: Flask) -> None:
    job = new_job(people(25))
    job_id = job.id
    for _ in range(3):
        broker.enqueue(dramatiq.Message("bulk", "send_chunks", (job_id,), {}, {}))

    _run(broker, "bulk")

    assert sum(recipients_in_inbox().values()) == 25
    assert counters(job_id) == {"sent": 25}


def test_a_call_for_no_job_is_no_problem(broker: dramatiq.Broker) -> None:
    broker.enqueue(dramatiq.Message("bulk", "send_chunks", (12345,), {}, {}))
    broker.enqueue(dramatiq.Message("periodic", "cancel_remaining", (12345,), {}, {}))

    _run(broker, "bulk", "periodic")


def test_a_problem_pauses_the_job_with_its_words(broker: dramatiq.Broker) -> None:
    provider = new_provider()
    job = new_job(people(5), provider=provider)
    job_id = job.id
    with transaction() as session:
        session.get_one(Provider, provider.id).enabled = False

    _run(broker, "bulk")

    assert _state(job_id) == JobState.PAUSED
    assert "disabled" in db.session.get_one(Job, job_id).pause_reason


def test_a_cancelled_job_ends_cancelled(broker: dramatiq.Broker, app: Flask) -> None:
    job = new_job(people(50))
    job_id = job.id
    cancel_job(job_id=job_id)

    _run(broker, "bulk", "periodic")

    assert _state(job_id) == JobState.CANCELLED
    assert states(job_id) == {"cancelled": 50}


def test_work_that_is_left_gets_in_line_again(
    broker: dramatiq.Broker, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slice whose time is up makes room for the next job and comes back."""
    monkeypatch.setitem(work.__kwdefaults__, "seconds", 0.02)  # type: ignore[arg-type]
    before = app.extensions["carillon_settings"]
    app.extensions["carillon_settings"] = before.model_copy(update={"window_size": 5, "chunk_size": 10})
    try:
        job = new_job(people(60))
        job_id = job.id
        _run(broker, "bulk")
    finally:
        app.extensions["carillon_settings"] = before

    assert _state(job_id) == JobState.FINISHED
    assert counters(job_id) == {"sent": 60}


def test_the_end_of_the_process_hands_the_job_on(broker: dramatiq.Broker) -> None:
    job = new_job(people(60))
    job_id = job.id

    def answer(message: OutgoingEmail) -> Outcome:
        stopping.ask_to_stop()
        return sent(message)

    scripted(job, answer)
    broker.flush_all()
    db.session.rollback()
    send_chunks.fn(job_id)

    assert counters(job_id)["sent"] == 1
    assert waiting("bulk") == [("send_chunks", (job_id,))]


@pytest.mark.parametrize("call", [send_chunks, cancel_remaining], ids=lambda call: call.actor_name)
def test_a_database_that_is_away_is_waited_for(
    broker: dramatiq.Broker, call: dramatiq.Actor[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = new_job(people(5)).id
    broker.flush_all()
    db.session.rollback()
    db.session.remove()
    db.engine.dispose()
    driver: Any = db.engine.dialect.dbapi
    refused = []

    def refuse(*_: object, **__: object) -> None:
        refused.append(1)
        raise driver.OperationalError("the server is away")

    with monkeypatch.context() as away:
        away.setattr(driver.Connection if driver.__name__ == "psycopg" else driver, "connect", refuse)
        call.fn(job_id)

    assert refused
    assert waiting("bulk") == []
    assert _state(job_id) == JobState.RUNNING
