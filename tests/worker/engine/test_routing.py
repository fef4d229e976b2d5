from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Job
from dashboard.message_templates.models import Category
from dashboard.providers.models import ChannelSwitch, Provider, ProviderIncident
from tests.factories.sending import new_job, new_provider, people
from tests.worker.engine.slices import ScriptedSession, counters, deliver, messages, script, scripted
from worker.engine.breaker import LEAST_ANSWERS
from worker.engine.outages import outages
from worker.engine.provider_figures import store_at
from worker.engine.routing import choose
from worker.providers.base import ConfigurationProblem, Outcome, OutgoingEmail, Result


@pytest.fixture(autouse=True)
def _nothing_happened(app: Flask) -> Iterator[None]:
    store_at.cache_clear()
    yield
    outages._pauses.clear()
    store_at.cache_clear()


def routed_job(*providers: Provider, records: int = 30, weights: tuple[int, ...] = (), **values: Any) -> Job:
    """A job that any of the providers may send, the first one first."""
    route = [
        {
            "provider_id": provider.id,
            "weight": weights[number] if weights else 0,
            "from_address": f"desk{number}@shop.example",
            "from_name": "",
        }
        for number, provider in enumerate(providers)
    ]
    return new_job(people(records), provider=providers[0], route=route, **values)


def change(provider: Provider, **values: Any) -> None:
    with transaction() as session:
        session.execute(update(Provider).where(Provider.id == provider.id).values(**values))
    db.session.expire_all()


def fresh(provider: Provider) -> Provider:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Provider, provider.id)


def senders(job: Job) -> Counter[int]:
    return Counter(message.provider_id for message in messages(job.id))


def unreachable(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.RETRY, code="connect_failed", detail="Refused.", retry_after=5)


def broken(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.RETRY, code="500", detail="Server error.")


def lost(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.UNKNOWN, code="timeout", detail="No answer.")


def refused(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.FAILED, code="550 5.1.1", detail="No such user.")


def test_the_first_of_the_route_carries_everything(app: Flask) -> None:
    first, second = new_provider(), new_provider()
    job = routed_job(first, second)
    session = scripted(job)
    deliver(job.id)

    assert senders(job) == {first.id: 30}
    assert {message.from_address for message in session.taken} == {"desk0@shop.example"}


def test_weights_share_the_traffic(app: Flask) -> None:
    first, second, standby = new_provider(), new_provider(), new_provider()
    job = routed_job(first, second, standby, weights=(90, 10, 0))
    db.session.rollback()
    row = db.session.get_one(Job, job.id)
    chosen = Counter(choose(db.session(), db.engine, row, utc_now()).stop.provider.id for _ in range(1000))

    assert 850 < chosen[first.id] < 950
    assert chosen[standby.id] == 0


@pytest.mark.parametrize(
    ("weights", "opened", "tried"),
    [
        ((90, 10, 0), (1,), 1),  # it has a share, which the first carries meanwhile
        ((90, 10, 0), (2,), None),  # nobody misses it
        ((90, 10, 0), (0, 1, 2), 0),
        ((90, 0, 0), (0, 1), 0),
        ((0, 0, 0), (1,), None),
        ((0, 0, 0), (0, 1), 0),
    ],
)
def test_who_would_get_messages_is_tried_when_its_pause_is_over(
    app: Flask, weights: tuple[int, ...], opened: tuple[int, ...], tried: int | None
) -> None:
    providers = [new_provider() for _ in weights]
    job = routed_job(*providers, weights=weights)
    past = utc_now() - timedelta(seconds=1)
    for number in opened:
        change(providers[number], breaker_opened_at=past, breaker_until=past, breaker_pause=30)
    db.session.rollback()
    choice = choose(db.session(), db.engine, db.session.get_one(Job, job.id), utc_now())

    assert choice.trial is (tried is not None)
    assert tried is None or choice.stop.provider.id == providers[tried].id


def test_an_unreachable_provider_hands_over_to_the_next_at_once(app: Flask) -> None:
    first, second = new_provider(), new_provider()
    job = routed_job(first, second)
    scripted(job, unreachable)
    other = script(second, ScriptedSession())

    report = deliver(job.id)
    assert report.more
    assert "cannot be reached: Refused." in fresh(first).breaker_reason
    while deliver(job.id).more or counters(job.id).get("queued"):
        pass

    assert counters(job.id) == {"sent": 30}
    assert senders(job) == {second.id: 30}
    assert all(message.attempts == 1 for message in messages(job.id))
    assert {message.from_address for message in other.taken} == {"desk1@shop.example"}


def test_many_bad_answers_open_the_breaker(app: Flask) -> None:
    first, second = new_provider(), new_provider()
    job = routed_job(first, second, records=LEAST_ANSWERS)
    scripted(job, broken)

    assert deliver(job.id).more
    assert fresh(first).breaker_reason == "100% of its last 20 answers were errors or no answers"
    incident = db.session.scalars(select(ProviderIncident)).one()
    assert (incident.provider_id, incident.closed_at) == (first.id, None)


def test_a_few_bad_answers_and_dead_mailboxes_open_nothing(app: Flask) -> None:
    first, second = new_provider(), new_provider()
    few = routed_job(first, second, records=LEAST_ANSWERS - 1)
    scripted(few, broken)
    deliver(few.id)
    dead = routed_job(first, second, records=200)
    scripted(dead, refused)
    deliver(dead.id)

    assert fresh(first).breaker_opened_at is None


def test_what_may_have_arrived_is_not_sent_by_another(app: Flask) -> None:
    first, second = new_provider(), new_provider()
    job = routed_job(first, second, records=LEAST_ANSWERS, category=Category.TRANSACTIONAL)
    scripted(job, lost)
    other = script(second, ScriptedSession())
    deliver(job.id)
    deliver(job.id)

    assert counters(job.id) == {"unknown": LEAST_ANSWERS}
    assert other.taken == []


def test_wrong_settings_move_the_traffic_instead_of_pausing(app: Flask) -> None:
    class Wrong(ScriptedSession):
        def send(self, outgoing: Any, on_outcome: Any) -> None:
            raise ConfigurationProblem("535", "The password is wrong.")

    first, second = new_provider(), new_provider()
    job = routed_job(first, second)
    script(first, Wrong())
    script(second, ScriptedSession())

    report = deliver(job.id)
    assert (report.problem, report.more) == ("", True)
    assert "The password is wrong." in fresh(first).breaker_reason
    deliver(job.id)
    assert senders(job) == {second.id: 30}


def test_after_its_pause_the_first_is_tried_and_takes_over_again(app: Flask) -> None:
    first, second = new_provider(), new_provider()
    past = utc_now() - timedelta(seconds=1)
    change(first, breaker_opened_at=past, breaker_until=past, breaker_pause=30, breaker_reason="it was down")
    job = routed_job(first, second)
    scripted(job)
    deliver(job.id)

    assert senders(job) == {first.id: 30}
    assert fresh(first).breaker_opened_at is None


def test_a_trial_that_fails_doubles_the_pause(app: Flask) -> None:
    first, second = new_provider(), new_provider()
    past = utc_now() - timedelta(seconds=1)
    change(first, breaker_opened_at=past, breaker_until=past, breaker_pause=30, breaker_reason="it was down")
    job = routed_job(first, second)
    scripted(job, broken)

    assert deliver(job.id).more
    row = fresh(first)
    assert row.breaker_pause == 60
    assert row.breaker_until is not None
    assert row.breaker_until > utc_now() + timedelta(seconds=50)


def test_one_worker_tries_at_a_time(app: Flask) -> None:
    first, second = new_provider(), new_provider()
    past = utc_now() - timedelta(seconds=1)
    change(first, breaker_opened_at=past, breaker_until=past, breaker_pause=30)
    job = routed_job(first, second)
    choices = []
    for _ in range(2):
        db.session.rollback()
        db.session.expire_all()
        choices.append(choose(db.session(), db.engine, db.session.get_one(Job, job.id), utc_now()))

    assert [(choice.stop.provider.id, choice.trial) for choice in choices] == [(first.id, True), (second.id, False)]


def test_a_disabled_provider_is_passed_over(app: Flask) -> None:
    first, second = new_provider(), new_provider()
    job = routed_job(first, second)
    change(first, enabled=False)
    script(second, ScriptedSession())
    deliver(job.id)

    assert senders(job) == {second.id: 30}


def test_without_another_the_run_waits_for_the_one_it_has(app: Flask) -> None:
    only = new_provider()
    job = routed_job(only)
    scripted(job, broken)
    report = deliver(job.id)

    assert not report.problem
    assert fresh(only).breaker_opened_at is None
    change(only, enabled=False)
    assert "is disabled" in deliver(job.id).problem


@pytest.mark.parametrize(("category", "goes_out"), [(Category.PROMOTIONAL, False), (Category.OTP, True)])
def test_a_channel_that_is_off_sends_codes_alone(app: Flask, category: Category, goes_out: bool) -> None:
    job = new_job(people(1), category=category)
    with transaction() as session:
        session.add(ChannelSwitch(channel="email", off=True, reason="incident"))
    report = deliver(job.id)

    assert ("switched off" in report.problem) is not goes_out
    assert counters(job.id) == ({"sent": 1} if goes_out else {})
