"""Limits of single recipients' domains: they slow nobody else, spend no try and lose nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask

from dashboard.extensions import utc_now
from dashboard.settings import Settings
from tests.brokers import redis_server
from tests.factories.sending import new_job, new_provider, people
from tests.worker.engine.slices import chunk, counters, deliver, make_due, messages, scripted, sent, states
from worker.engine import domains as lanes
from worker.engine.buckets import Buckets, LocalBuckets, SharedBuckets
from worker.engine.chunks import Hold
from worker.engine.domains import SlowDomains
from worker.engine.rows import RecordRow, Row
from worker.providers.base import Outcome, OutgoingEmail


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture(params=["local", "shared"])
def buckets(request: pytest.FixtureRequest, redis_url: str) -> Buckets:
    return LocalBuckets() if request.param == "local" else SharedBuckets(redis_url)


def _entry(number: int, domain: str) -> tuple[Hold, Row]:
    hold = Hold(1, 0, "me", 0, 9, 0, 0, 0.0)
    return hold, Row(number, 0, RecordRow(number, None, None, None, ""), f"p{number}@{domain}")


def _mixed(count: int, slow: str = "slow.example") -> list[dict[str, str]]:
    """Every other one is at the slow domain."""
    return [
        {"email": f"p{number}@{slow if number % 2 else 'fast.example'}", "name": f"P{number}"}
        for number in range(count)
    ]


def test_places_in_a_line_are_given_once_and_not_too_far_off(buckets: Buckets) -> None:
    waits = [buckets.reserve("line", 10, 0.5) for _ in range(9)]
    assert waits[0] < 0.05
    assert waits == sorted(waits)
    assert 0.25 < waits[3] <= 0.31
    assert waits[-1] == 0.5
    assert buckets.reserve("other", 10, 0.5) < 0.05


def test_other_domains_pass(buckets: Buckets) -> None:
    line = SlowDomains(buckets, 1, {"slow.example": 0.1}, 10)
    assert line.admit(_entry(0, "SLOW.example")) is None
    assert line.admit(_entry(1, "slow.example")) == 0.0
    assert [line.admit(_entry(number, "fast.example")) for number in range(5)] == [None] * 5
    first, second = line.admit(_entry(2, "slow.example")), line.admit(_entry(3, "slow.example"))
    assert first is not None
    assert second is not None
    assert 2 <= first < second <= 13
    assert len(line) == 1
    assert not line.ready()
    assert [row.id for _, row in line.drain()] == [1]
    assert len(line) == 0


def test_those_that_wait_go_when_there_is_a_token(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_LOOK_SECONDS", 0.0)
    line = SlowDomains(buckets, 2, {"slow.example": 20}, 10)
    admitted = [line.admit(_entry(number, "slow.example")) for number in range(9)]
    assert set(admitted) == {None, 0.0}
    waiting = [number for number, answer in enumerate(admitted) if answer == 0.0]
    gone: list[int] = []
    while len(line):
        while line.ready():
            entry = line.pop()
            assert entry is not None
            gone.append(entry[1].id)
    assert gone == waiting
    assert line.pop() is None


def test_a_limit_that_is_lifted_frees_those_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    line = SlowDomains(LocalBuckets(), 3, {"slow.example": 1}, 10)
    for number in range(3):
        line.admit(_entry(number, "slow.example"))
    assert len(line) == 2
    line.rates = {}
    assert line.ready()
    assert len(line) == 2


def test_a_slow_domain_does_not_hold_up_the_others(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=20, chunk_size=100)
    provider = new_provider(domain_rates={"slow.example": 0.2})
    job = new_job(_mixed(100), provider=provider)
    session = scripted(job)

    deliver(job.id, seconds=2.0)  # a busy machine needs more than half of one for 50

    taken = Counter(message.to.rpartition("@")[2] for message in session.taken)
    assert taken == {"fast.example": 50, "slow.example": 1}
    assert counters(job.id) == states(job.id) == {"sent": 51, "queued": 49}
    put_off = [row for row in messages(job.id) if row.state == "queued"]
    assert {(row.attempts, row.code) for row in put_off} == {(0, None)}
    latest = max(row.not_before for row in put_off if row.not_before)
    assert timedelta(seconds=60) < latest - utc_now() <= timedelta(seconds=902)
    assert chunk(job.id).state == "waiting"


def test_what_was_put_off_goes_later_with_its_first_try(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=20)
    provider = new_provider(domain_rates={"slow.example": 500})
    job = new_job(_mixed(40), provider=provider)
    for _ in range(10):
        deliver(job.id)
        make_due(job.id)
        if counters(job.id) == {"sent": 40}:
            break
    assert counters(job.id) == {"sent": 40}
    assert {row.attempts for row in messages(job.id)} == {1}


def test_lifting_the_limit_takes_hold_while_it_is_sent(
    app: Flask, settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard.providers.services import set_rate

    monkeypatch.setattr("worker.engine.feeding._LOOK_SECONDS", 0.0)
    settings(window_size=10)
    provider = new_provider(domain_rates={"slow.example": 0.2})
    job = new_job(_mixed(20), provider=provider)
    seen: list[int] = []

    def answer(message: OutgoingEmail) -> Outcome:
        seen.append(message.reference)
        if len(seen) == 2:
            set_rate(provider_id=provider.id, domain_rates={})
        return sent(message)

    scripted(job, answer)

    deliver(job.id, seconds=2)
    make_due(job.id)
    deliver(job.id, seconds=2)

    assert counters(job.id) == {"sent": 20}


def test_without_limits_nothing_is_looked_up(app: Flask) -> None:
    job = new_job(people(5))
    deliver(job.id)
    assert counters(job.id) == {"sent": 5}
