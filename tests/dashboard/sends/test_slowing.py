"""A provider that asks a waiting request for less is slowed for everybody, and asked no more than it wants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from dashboard.current import current_settings
from tests.dashboard.sends.routed import PEOPLE, Routed, nothing_happened, rows, verdicts
from tests.worker.engine.slices import sent
from worker.engine.slowing import Slow, slowdowns_at
from worker.providers.base import Outcome, OutgoingEmail, Result


@pytest.fixture(autouse=True)
def _nothing_happened(app: Flask) -> Iterator[None]:
    with nothing_happened():
        yield


def too_fast(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.RETRY, code="429", detail="Too many requests.", retry_after=50)


def slow(route: Routed) -> Slow | None:
    """As workers see the first provider."""
    return slowdowns_at(current_settings().broker_url).look(route.first.id)


def test_workers_hear_what_a_request_was_told() -> None:
    route = Routed(0, 0)
    route.script(too_fast, sent)
    route.send(people=PEOPLE[:1])

    assert [(row.state, row.code, row.provider_id) for row in rows()] == [("failed", "429", route.first.id)]
    told = slow(route)
    assert told is not None
    assert (told.factor < 1, told.hold > 0, told.words) == (True, True, "429 Too many requests.")


def test_the_next_request_goes_by_another_provider_meanwhile() -> None:
    route = Routed(0, 0)
    route.script(too_fast, sent)
    route.send(people=PEOPLE[:1])
    answer = route.send()

    assert verdicts(answer) == {"sent"}
    assert route.taken() == [1, 3]
    assert route.fresh(route.first).breaker_opened_at is None


def test_without_another_one_it_is_told_at_once_that_it_would_wait_in_vain() -> None:
    route = Routed(0, 0)
    route.script(too_fast, sent)
    route.send(people=PEOPLE[:1], provider=route.first)
    answer = route.send(people=PEOPLE[:1], provider=route.first, seconds=5)

    ((verdict,),) = (job.verdicts.values() for job in answer.jobs)
    assert (verdict.state, verdict.code, verdict.retryable) == ("failed", "deadline", True)
    assert "The provider asked for less, which lets nothing more pass for " in verdict.detail
    assert route.taken() == [1, 0]


def test_what_is_left_of_the_request_that_was_told_goes_by_another() -> None:
    answers = iter([sent, too_fast])
    route = Routed(0, 0)
    route.script(lambda message: next(answers)(message), sent)
    route.send()

    first, second = route.first.id, route.second.id
    assert [(row.state, row.provider_id) for row in rows()] == [("sent", first), ("failed", first), ("sent", second)]


def test_an_answer_that_asks_for_nothing_slows_nobody() -> None:
    route = Routed(0, 0)
    route.script(sent, sent)
    route.send()
    assert slow(route) is None
