from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.broker_server import answers, command, find_binary
from worker.engine.pacing import LocalBuckets, Pacer, SharedBuckets, buckets_at, burst_of, share_of


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server of the kind that we ship."""
    folder = tmp_path_factory.mktemp("redis")
    socket = Path(f"/tmp/carillon-test-{folder.parent.name}-{time.time_ns()}.sock")
    binary = find_binary()
    assert binary is not None
    server = subprocess.Popen(command(binary, socket, folder), stdout=subprocess.DEVNULL)
    url = f"unix://{socket}"
    try:
        while not answers(url):
            time.sleep(0.02)
        yield url
    finally:
        server.terminate()
        server.wait()


def _grants(buckets: LocalBuckets | SharedBuckets, provider_id: int, rate: float, wanted: int, calls: int) -> list[int]:
    return [buckets.take(provider_id, rate, wanted)[0] for _ in range(calls)]


def test_shared_tokens_are_granted_once(redis_url: str) -> None:
    """Two workers, a rate of a tenth a second: one of them gets the only token."""
    first, second = SharedBuckets(redis_url), SharedBuckets(redis_url)

    granted, wait = first.take(1, 0.1, 1)
    refused, longer = second.take(1, 0.1, 1)

    assert (granted, wait) == (1, 0.0)
    assert refused == 0
    assert 9 < longer <= 10


def test_a_bucket_never_holds_more_than_its_burst(redis_url: str) -> None:
    for buckets in (LocalBuckets(), SharedBuckets(redis_url)):
        assert sum(_grants(buckets, 2, 0.5, 100, 5)) == 1
        assert _grants(buckets, 3, 100, 1000, 1) == [20]
    assert burst_of(100) == 20
    assert share_of(100) == 10
    assert share_of(0.5) == 1


def test_tokens_come_back_with_time(redis_url: str) -> None:
    for buckets in (LocalBuckets(), SharedBuckets(redis_url)):
        while buckets.take(4, 1000, 1000)[0]:
            pass
        granted = 0
        until = time.monotonic() + 20
        while not granted and time.monotonic() < until:
            granted, wait = buckets.take(4, 1000, 10)
            time.sleep(wait)
        assert granted == 10 or granted > 0


def test_each_provider_has_its_own_bucket(redis_url: str) -> None:
    for buckets in (LocalBuckets(), SharedBuckets(redis_url)):
        assert [buckets.take(provider, 0.1, 1)[0] for provider in (10, 11, 10)] == [1, 1, 0]


def test_a_changed_rate_counts_at_once(redis_url: str) -> None:
    for buckets in (LocalBuckets(), SharedBuckets(redis_url)):
        assert _grants(buckets, 20, 0.001, 1, 2) == [1, 0]
        time.sleep(0.02)
        assert _grants(buckets, 20, 1000, 1, 1) == [1]


def test_without_redis_each_process_keeps_the_rate() -> None:
    away = SharedBuckets("unix:///tmp/nobody-listens-here.sock")

    assert _grants(away, 1, 0.1, 1, 3) == [1, 0, 0]


def test_a_pacer_without_a_rate_never_waits() -> None:
    pacer = Pacer(LocalBuckets(), 1)

    assert [pacer.wait() for _ in range(1000)] == [0.0] * 1000
    assert pacer.window(100) == 100


def test_a_pacer_spends_a_share_before_it_asks_again() -> None:
    pacer = Pacer(LocalBuckets(), 1, rate=0.2)

    assert pacer.wait() == 0.0
    assert 4 < pacer.wait() <= 5
    pacer.rate = 0.0
    assert pacer.wait() == 0.0


def test_a_slow_provider_gets_small_windows() -> None:
    assert Pacer(LocalBuckets(), 1, rate=0.5).window(100) == 1
    assert Pacer(LocalBuckets(), 1, rate=30).window(100) == 30
    assert Pacer(LocalBuckets(), 1, rate=5000).window(100) == 100


def test_addresses_decide_where_the_buckets_are(redis_url: str) -> None:
    assert isinstance(buckets_at("memory://"), LocalBuckets)
    assert isinstance(buckets_at(redis_url), SharedBuckets)
