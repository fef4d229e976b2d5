"""Rates: tokens from several limits at once, shared through Redis, and what a slice does with them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.brokers import redis_server
from worker.engine.buckets import Buckets, Limit, LocalBuckets, SharedBuckets, buckets_at
from worker.engine.pacing import Pacer, limits_of


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


def _slow(key: str, rate: float) -> list[Limit]:
    return [Limit(key, rate)]


def _grants(buckets: Buckets, limits: list[Limit], wanted: int, calls: int) -> list[int]:
    return [buckets.take(limits, wanted).tokens for _ in range(calls)]


@pytest.fixture(params=["local", "shared"])
def buckets(request: pytest.FixtureRequest, redis_url: str) -> Buckets:
    """Both kinds, empty."""
    return LocalBuckets() if request.param == "local" else SharedBuckets(redis_url)


def _key(name: str) -> str:
    return f"{name}-{time.monotonic_ns()}"


def test_shared_tokens_are_granted_once(redis_url: str) -> None:
    """Two workers, a rate of a tenth a second: one of them gets the only token."""
    first, second = SharedBuckets(redis_url), SharedBuckets(redis_url)
    limits = _slow(_key("shared"), 0.1)

    assert first.take(limits, 1) == (1, 0.0, None)
    refused, wait, limit = second.take(limits, 1)
    assert (refused, limit) == (0, limits[0])
    assert 7 < wait <= 10


def test_a_bucket_never_holds_more_than_its_burst(buckets: Buckets) -> None:
    assert sum(_grants(buckets, _slow(_key("a"), 0.5), 100, 5)) == 2
    assert _grants(buckets, _slow(_key("b"), 100), 1000, 1) == [20]
    assert (Limit("", 100).burst, Limit("", 0.1).burst) == (20, 1.2)
    assert (Limit("", 100).share, Limit("", 0.5).share, Limit("", 50_000, 86_400).share) == (10, 1, 50)


def test_tokens_come_back_with_time(buckets: Buckets) -> None:
    limits, granted = _slow(_key("c"), 1000), 0
    while buckets.take(limits, 1000).tokens:
        pass
    until = time.monotonic() + 20
    while not granted and time.monotonic() < until:
        granted, wait, _ = buckets.take(limits, 10)
        time.sleep(wait)
    assert granted > 0


def test_each_key_has_its_own_bucket(buckets: Buckets) -> None:
    first, second = _slow(_key("d"), 0.1), _slow(_key("e"), 0.1)
    assert [buckets.take(limits, 1).tokens for limits in (first, second, first)] == [1, 1, 0]


def test_a_changed_rate_counts_at_once(buckets: Buckets) -> None:
    key = _key("f")
    assert _grants(buckets, _slow(key, 0.001), 1, 2) == [1, 0]
    time.sleep(0.02)
    assert _grants(buckets, _slow(key, 1000), 1, 1) == [1]


def test_a_count_lets_no_more_through_within_its_time(buckets: Buckets) -> None:
    limits = [Limit(_key("g"), 25, 86_400, "day")]

    assert _grants(buckets, limits, 10, 4) == [10, 10, 5, 0]
    _, wait, limit = buckets.take(limits, 1)
    assert limit == limits[0]
    assert 86_000 < wait <= 86_400 + 3_600


def test_a_count_runs_out_and_begins_again(buckets: Buckets) -> None:
    """One second stands in for a minute."""
    limits = [Limit(_key("h"), 3, 1)]
    assert _grants(buckets, limits, 5, 2) == [3, 0]
    wait = buckets.take(limits, 1).wait
    assert 0 < wait <= 1.1
    time.sleep(wait + 0.05)
    assert buckets.take(limits, 5).tokens > 0


def test_the_strictest_limit_decides_and_no_other_is_spent(buckets: Buckets) -> None:
    wide, narrow = Limit(_key("i"), 50, 86_400, "day"), Limit(_key("j"), 2, 86_400, "throttle")

    assert buckets.take([wide, narrow], 10).tokens == 2
    assert buckets.take([wide, narrow], 10).limit == narrow
    assert buckets.take([wide], 100).tokens == 48


def test_tokens_can_be_given_back(buckets: Buckets) -> None:
    limits = [Limit(_key("k"), 10, 86_400), Limit(_key("l"), 100)]
    assert buckets.take(limits, 10).tokens == 10
    buckets.take(limits, -4)
    assert buckets.take(limits, 10).tokens == 4


def test_without_redis_each_process_keeps_the_rate() -> None:
    away = SharedBuckets("unix:///tmp/nobody-listens-here.sock")

    assert _grants(away, _slow("m", 0.1), 1, 3) == [1, 0, 0]


def test_limits_that_are_not_set_are_left_out() -> None:
    assert limits_of(1, 2) == ()
    every = limits_of(1, 2, per_second=5, per_minute=60, per_day=1000, throttle_per_minute=120)
    assert [(limit.key, limit.most, limit.seconds) for limit in every] == [
        ("carillon:rate:1", 5, 0),
        ("carillon:minute:1", 60, 60),
        ("carillon:day:1", 1000, 86_400),
        ("carillon:throttle:2", 2, 0),
    ]


def test_a_pacer_without_a_limit_never_waits() -> None:
    pacer = Pacer(LocalBuckets())

    assert [pacer.wait() for _ in range(1000)] == [0.0] * 1000
    assert pacer.window(100) == 100


def test_a_pacer_spends_a_share_before_it_asks_again() -> None:
    pacer = Pacer(LocalBuckets(), _slow("n", 0.2))

    assert pacer.room() == pacer.room() == 0.0
    assert pacer.wait() == 0.0
    assert 2 < pacer.wait() <= 5
    assert pacer.obstacle == Limit("n", 0.2)
    pacer.limits = ()
    assert pacer.wait() == 0.0


def test_a_pacer_gives_back_what_it_did_not_use() -> None:
    buckets, limits = LocalBuckets(), [Limit("o", 20_000, 86_400)]
    pacer = Pacer(buckets, limits)
    pacer.wait()
    pacer.give_back()
    assert buckets.take(limits, 30_000).tokens == 19_999


def test_a_slow_provider_gets_small_windows() -> None:
    assert Pacer(LocalBuckets(), _slow("p", 0.5)).window(100) == 1
    assert Pacer(LocalBuckets(), _slow("p", 30)).window(100) == 30
    assert Pacer(LocalBuckets(), _slow("p", 5000)).window(100) == 100
    assert Pacer(LocalBuckets(), [Limit("q", 5, 60)]).window(100) == 100


def test_addresses_decide_where_the_buckets_are(redis_url: str) -> None:
    assert isinstance(buckets_at("memory://"), LocalBuckets)
    assert isinstance(buckets_at(redis_url), SharedBuckets)
