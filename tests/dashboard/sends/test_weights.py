"""Requests that wait go by the weights of their route, as the workers do, and so do orders that do not wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Job
from dashboard.providers.models import Provider, Route
from dashboard.sends.queries import status_of
from dashboard.sends.services import accept
from tests.dashboard.sends.routed import PEOPLE, Routed, nothing_happened, rows, unreachable, verdicts
from tests.installations import until
from tests.worker.engine.slices import deliver, sent


@pytest.fixture(autouse=True)
def _nothing_happened(app: Flask) -> Iterator[None]:
    with nothing_happened():
        yield


def open_since_long(route: Routed, *providers: Provider) -> None:
    """Their breakers are open, and the pauses are over."""
    past = utc_now() - timedelta(seconds=1)
    for provider in providers:
        route.change(provider, breaker_opened_at=past, breaker_until=past, breaker_pause=30, breaker_reason="down")


def test_those_with_a_weight_share_the_requests() -> None:
    route = Routed(50, 50, 0)
    route.script(sent, sent, sent)
    for _ in range(60):  # that one of them gets none happens once in 10^17 runs
        route.send(people=PEOPLE[:1])

    first, second, standby = route.taken()
    assert (first > 0, second > 0, standby, first + second) == (True, True, 0, 60)
    assert Counter(row.provider_id for row in rows()) == {route.first.id: first, route.second.id: second}
    assert Counter(db.session.scalars(db.select(Job.provider_id))) == {route.first.id: first, route.second.id: second}


def test_a_request_goes_by_one_of_them_as_a_whole() -> None:
    route = Routed(50, 50)
    route.script(sent, sent)
    route.send()
    assert sorted(route.taken()) == [0, 3]


def test_changed_weights_count_from_the_next_request_on() -> None:
    route = Routed(100, 0)
    route.script(sent, sent)
    route.send()
    with transaction() as session:
        for provider, weight in ((route.first, 0), (route.second, 100)):
            session.execute(update(Route).where(Route.provider_id == provider.id).values(weight=weight))
    route.send()
    assert route.taken() == [3, 3]


def test_who_shares_takes_over_before_who_stands_by() -> None:
    route = Routed(100, 0, 1)
    route.script(unreachable, sent, sent)

    assert verdicts(route.send()) == {"sent"}
    assert {row.provider_id for row in rows()} == {route.providers[2].id}
    assert route.taken()[1] == 0


def test_a_failing_share_is_left_and_comes_back_by_a_request() -> None:
    route = Routed(1, 100)
    route.change(route.second, breaker_opened_at=utc_now(), breaker_until=utc_now() + timedelta(minutes=5))
    route.script(sent, sent)
    route.send()
    assert route.taken() == [3, 0]

    open_since_long(route, route.second)
    route.script(sent, sent)
    route.send()
    assert route.taken() == [0, 3]
    until(lambda: route.fresh(route.second).breaker_opened_at is None, 20, "its breaker stays open")


def test_where_all_fail_a_request_is_the_trial_of_one() -> None:
    route = Routed(0, 0)
    open_since_long(route, route.first, route.second)
    route.script(sent, sent)

    assert verdicts(route.send()) == {"sent"}
    assert route.taken() == [3, 0]
    until(lambda: route.fresh(route.first).breaker_opened_at is None, 20, "its breaker stays open")


def test_an_order_for_the_workers_has_the_route() -> None:
    route = Routed(0, 0)
    route.script(unreachable, sent)
    ((job, _),) = accept(route.order()).jobs
    number, first_message_id = job.id, job.first_message_id
    while deliver(number).more:
        pass

    assert {(row.state, row.provider_id) for row in rows()} == {("sent", route.second.id)}
    told = status_of(first_message_id)
    assert told is not None
    assert told.provider_id == route.second.id


def test_an_order_that_names_its_provider_has_no_other() -> None:
    route = Routed(0, 0)
    ((job, _),) = accept(route.order(provider=route.second)).jobs
    assert (job.provider_id, job.route) == (route.second.id, [])
