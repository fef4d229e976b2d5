"""A request that waits, and a route whose first provider is down: who sends, who is asked again, what is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Chunk, Job
from dashboard.providers.models import Provider, ProviderIncident
from tests.dashboard.sends.routed import PEOPLE, Routed, nothing_happened, rows, unreachable, verdicts
from tests.installations import until
from tests.worker.engine.slices import ScriptedSession, script, sent
from worker.engine.breaker import LEAST_ANSWERS
from worker.providers.base import ConfigurationProblem, Outcome, OutgoingEmail, Result


@pytest.fixture
def two(app: Flask) -> Iterator[Routed]:
    with nothing_happened():
        yield Routed(0, 0)


def lost(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.UNKNOWN, code="timeout", detail="No answer.")


def later(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.RETRY, code="451", detail="Later.")


def test_the_next_provider_takes_what_the_first_cannot_be_reached_for(two: Routed) -> None:
    two.script(unreachable, sent)
    answer = two.send()

    assert verdicts(answer) == {"sent"}
    assert {(row.state, row.provider_id, row.attempts) for row in rows()} == {("sent", two.second.id, 1)}
    assert {message.to for message in two.sessions[1].taken} == {person.email for person in PEOPLE}
    chunk = db.session.scalars(select(Chunk)).one()
    assert (chunk.sent, chunk.sending, chunk.failed) == (3, 0, 0)
    until(lambda: two.fresh(two.first).breaker_opened_at, 20, "its breaker stays closed")
    assert db.session.scalars(select(ProviderIncident)).one().reason == "it cannot be reached: Refused."
    two.script(sent, sent)
    two.send()
    assert two.sessions[0].taken == []  # its breaker is open


def test_what_may_have_arrived_is_never_given_to_another(two: Routed) -> None:
    two.script(lost, sent)
    answer = two.send()

    assert verdicts(answer) == {"unknown"}
    assert {(row.state, row.provider_id) for row in rows()} == {("unknown", two.first.id)}
    assert two.sessions[1].taken == []


def test_only_what_was_not_handed_over_moves(two: Routed) -> None:
    """The connection breaks in the middle: one is sent, one is in doubt, one was not handed over."""
    answers = iter([sent, lost, unreachable])
    two.script(lambda message: next(answers)(message), sent)
    two.send()

    first, second = two.first.id, two.second.id
    assert [(row.state, row.provider_id) for row in rows()] == [("sent", first), ("unknown", first), ("sent", second)]
    assert [message.to for message in two.sessions[1].taken] == ["person2@example.com"]


def test_a_refusal_of_the_message_is_the_answer(two: Routed) -> None:
    two.script(later, sent)
    assert verdicts(two.send()) == {"failed"}
    assert two.sessions[1].taken == []


def test_wrong_settings_move_the_request(two: Routed) -> None:
    class Wrong(ScriptedSession):
        def send(self, outgoing: Any, on_outcome: Any) -> None:
            raise ConfigurationProblem("535", "The password is wrong.")

    script(two.fresh(two.first), Wrong())
    script(two.fresh(two.second), ScriptedSession(sent))
    assert verdicts(two.send()) == {"sent"}
    assert {row.provider_id for row in rows()} == {two.second.id}


def test_a_provider_that_is_named_has_no_stand_in(two: Routed) -> None:
    two.script(unreachable, sent)
    answer = two.send(provider=two.first)
    (verdict, *_) = answer.jobs[0].verdicts.values()
    assert (verdict.state, verdict.code, verdict.retryable) == ("failed", "connect_failed", True)
    assert two.sessions[1].taken == []


def test_nobody_can_be_reached(two: Routed) -> None:
    two.script(unreachable, unreachable)
    answer = two.send()
    assert {(one.code, one.retryable) for one in answer.jobs[0].verdicts.values()} == {("connect_failed", True)}
    assert {(row.state, row.code) for row in rows()} == {("failed", "connect_failed")}
    assert db.session.scalars(select(Job.state)).one() == "finished"


def test_many_bad_answers_open_the_breaker_and_stand_in_the_figures(two: Routed) -> None:
    two.script(later, sent)
    two.send(people=tuple(PEOPLE[:1] * LEAST_ANSWERS))

    until(lambda: two.fresh(two.first).breaker_opened_at, 20, "its breaker stays closed")
    assert two.fresh(two.first).breaker_reason == "100% of its last 20 answers were errors or no answers"


@pytest.mark.parametrize(("answer", "closes"), [(sent, True), (unreachable, False)])
def test_a_request_tries_the_first_again_when_its_pause_is_over(
    two: Routed, answer: Callable[[OutgoingEmail], Outcome], closes: bool
) -> None:
    past = utc_now() - timedelta(seconds=1)
    values = {"breaker_opened_at": past, "breaker_until": past, "breaker_pause": 30, "breaker_reason": "it was down"}
    with transaction() as session:
        session.execute(update(Provider).where(Provider.id == two.first.id).values(values))
    two.script(answer, sent)

    assert verdicts(two.send()) == {"sent"}
    assert {row.provider_id for row in rows()} == {two.first.id if closes else two.second.id}
    if closes:
        until(lambda: two.fresh(two.first).breaker_opened_at is None, 20, "its breaker stays open")
    else:
        until(lambda: two.fresh(two.first).breaker_pause == 60, 20, "its pause stays as it was")
