"""Sending within the request: what is booked when, and what a slow or failing provider leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.api_keys.services import Caller
from dashboard.extensions import db
from dashboard.jobs.models import Chunk, Job
from dashboard.messages.models import Message
from dashboard.problems import DomainError
from dashboard.providers.models import Provider
from dashboard.sends.at_once import Answer, send_at_once
from dashboard.sends.orders import Addressee, Order, Part
from tests.factories.api_keys import new_key, new_route, new_slug
from tests.installations import until
from tests.worker.engine.slices import Answer as Script
from tests.worker.engine.slices import ScriptedSession, expire_leases, script, sent
from worker.engine.deliver import work
from worker.providers.base import ConfigurationProblem, Outcome, OutgoingEmail, Result

ADA = Addressee(email="ada@example.com", variables={"name": "Ada"})


@pytest.fixture
def send(app: Flask) -> Callable[..., Answer]:
    """Send to some recipients with a provider that answers by a script."""
    provider, slug, key = new_route(), new_slug(), new_key()[0]
    caller = Caller(key.id, key.name, frozenset(key.scopes), frozenset(), 0, None)

    def ask(answer: Script = sent, *addressees: Addressee, seconds: float = 20) -> Answer:
        script(db.session.get_one(Provider, provider.id), ScriptedSession(answer))
        order = Order(caller, (Part("", slug),), addressees or (ADA,))
        done = send_at_once(order, seconds=seconds)
        assert done is not None
        db.session.rollback()
        return done

    return ask


def states() -> list[tuple[str, str | None]]:
    db.session.rollback()
    rows = db.session.scalars(select(Message).order_by(Message.record_no))
    return [(row.state, row.code) for row in rows]


def outcome(result: Result, code: str) -> Script:
    return lambda message: Outcome(message.reference, result, "", code, f"words for {code}")


def test_rows_stand_as_sending_before_the_provider_has_them(send: Callable[..., Answer]) -> None:
    seen: list[str] = []
    engine = db.engine

    def look(message: OutgoingEmail) -> Outcome:
        with engine.connect() as connection:
            seen.append(connection.execute(select(Message.state)).scalar_one())
        return sent(message)

    send(look)
    assert seen == ["sending"]
    assert states() == [("sent", "250 2.0.0")]


@pytest.mark.parametrize(
    ("result", "state", "retryable"),
    [
        (Result.FAILED, "failed", False),
        (Result.RETRY, "failed", True),
        (Result.UNKNOWN, "unknown", False),
        (Result.BOUNCED, "bounced", False),
    ],
)
def test_the_providers_answer_is_the_answer(
    send: Callable[..., Answer], result: Result, state: str, retryable: bool
) -> None:
    (job,) = send(outcome(result, "451 4.7.1")).jobs
    (verdict,) = job.verdicts.values()
    assert (verdict.state, verdict.code, verdict.retryable) == (state, "451 4.7.1", retryable)
    assert verdict.detail == "words for 451 4.7.1"
    assert states() == [(state, "451 4.7.1")]


def test_the_provider_id_is_kept(send: Callable[..., Answer]) -> None:
    (job,) = send().jobs
    message = db.session.scalars(select(Message)).one()
    assert message.provider_message_id == job.verdicts[message.id].provider_message_id == f"taken-{message.id}"
    assert (message.attempts, message.handed_over_at is not None) == (1, True)


def test_who_does_not_wait_any_longer_can_ask_later(send: Callable[..., Answer]) -> None:
    release = threading.Event()

    def slow(message: OutgoingEmail) -> Outcome:
        release.wait(30)
        return sent(message)

    (job,) = send(slow, ADA, ADA, seconds=0.3).jobs
    assert job.verdicts == {}
    assert states() == [("sending", None), ("sending", None)]
    release.set()
    until(lambda: "sending" not in {state for state, _ in states()}, 20, "the outcomes are not booked")
    assert states() == [("sent", "250 2.0.0"), ("failed", "deadline")]  # the second was never handed over
    assert db.session.scalars(select(Job.state)).one() == "finished"


def test_a_provider_with_wrong_settings_says_so(send: Callable[..., Answer]) -> None:
    def refuse(message: OutgoingEmail) -> Outcome:
        raise ConfigurationProblem("auth_failed", "535 no")

    (job,) = send(refuse).jobs
    (verdict,) = job.verdicts.values()
    assert (verdict.code, verdict.detail) == ("auth_failed", "535 no")
    assert states()[0][1] == "auth_failed"


def test_what_a_dead_process_leaves_becomes_unknown_and_is_not_sent_again(
    send: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.engine.immediate.Handover._settle", lambda self: None)  # it dies before the books
    send()
    assert states() == [("sending", None)]
    job_id = db.session.scalars(select(Job.id)).one()
    expire_leases(job_id)
    work(job_id)
    assert states() == [("unknown", "worker_lost")]
    chunk = db.session.scalars(select(Chunk)).one()
    assert (chunk.unknown, chunk.sending, chunk.state) == (1, 0, "done")


def test_a_hundred_and_one_are_refused(send: Callable[..., Answer]) -> None:
    with pytest.raises(DomainError):
        send(sent, *([ADA] * 101))
    assert states() == []
