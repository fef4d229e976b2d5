"""Slowing down where a provider asks for less, recovering by itself, shared by all workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from flask import Flask

from dashboard.extensions import db
from dashboard.jobs.models import Job, Rest
from dashboard.settings import Settings
from tests.brokers import redis_server
from tests.factories.sending import new_job, people
from tests.worker.engine.slices import counters, deliver, messages, scripted, sent
from worker.engine import slowing
from worker.engine.feeding import Stop
from worker.engine.slowing import LEAST, Brake, Handed, LocalSlowdowns, SharedSlowdowns, Slowdowns, slowdowns_at
from worker.providers.base import Outcome, OutgoingEmail, Result

_ids = count(time.time_ns())


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture(params=["local", "shared"])
def slowdowns(request: pytest.FixtureRequest, redis_url: str) -> Slowdowns:
    return LocalSlowdowns() if request.param == "local" else SharedSlowdowns(redis_url)


@pytest.fixture
def provider_id() -> int:
    return next(_ids)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of peace and of recovery become hundredths."""
    monkeypatch.setattr(slowing, "_PEACE_SECONDS", 0.05)
    monkeypatch.setattr(slowing, "_STEP", 2.0)
    monkeypatch.setattr(slowing, "_NOT_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(slowing, "_NUMBERS", (5.0, 0.05, 2.0, 0.0, LEAST))


def _answer(code: str, result: Result = Result.RETRY, retry_after: float | None = None) -> Outcome:
    return Outcome(1, result, code=code, detail="Too fast.", retry_after=retry_after)


def test_a_provider_is_not_slowed_at_first(slowdowns: Slowdowns, provider_id: int) -> None:
    assert slowdowns.look(provider_id) is None
    assert slowdowns.look(provider_id, Handed(100, 1.0)) is None


def test_it_gets_half_of_what_it_got(slowdowns: Slowdowns, provider_id: int) -> None:
    slowdowns.look(provider_id, Handed(500, 5.0))

    slow = slowdowns.slow_down(provider_id, "421 4.7.0 Too fast.")

    assert slow is not None
    assert (slow.factor, slow.words, slow.hold) == (0.5, "421 4.7.0 Too fast.", 0)
    assert 90 < slow.base <= 101
    assert abs(slow.since - time.time()) < 60
    assert slow.limit(7).key == "carillon:slowed:7"
    assert 45 < slow.limit(7).most <= 50


def test_what_it_got_in_its_first_moments_counts(slowdowns: Slowdowns, provider_id: int) -> None:
    """As a mean over five seconds, 20 messages in the first tenth of one would look like four a second."""
    slow = slowdowns.slow_down(provider_id, "421", handed=Handed(20, 0.1))

    assert slow is not None
    assert 190 < slow.base <= 201


def test_several_workers_add_up(slowdowns: Slowdowns, provider_id: int) -> None:
    slowdowns.look(provider_id, Handed(100, 1.0))

    slow = slowdowns.slow_down(provider_id, "421", handed=Handed(50, 1.0))

    assert slow is not None
    assert 140 < slow.base <= 151


def test_a_slice_tells_what_it_handed_over() -> None:
    brake = Brake(LocalSlowdowns(), 1)
    for _ in range(200):
        brake.met(_answer("250", Result.SENT))

    brake.met(_answer("421"))

    assert brake.slow is not None
    assert brake.slow.base > 200  # in far less than a second


def test_many_answers_at_once_slow_it_once(slowdowns: Slowdowns, provider_id: int) -> None:
    for _ in range(5):
        slow = slowdowns.slow_down(provider_id, "421")
    assert slow is not None
    assert slow.factor == 0.5


@pytest.mark.usefixtures("fast")
def test_it_goes_down_by_halves_but_never_to_nothing(slowdowns: Slowdowns, provider_id: int) -> None:
    factors = []
    for _ in range(8):
        slow = slowdowns.slow_down(provider_id, "421")
        assert slow is not None
        factors.append(slow.factor)
    assert factors == sorted(factors, reverse=True)
    assert factors[-1] >= LEAST
    assert slow.limit(1).most >= 0.2


@pytest.mark.usefixtures("fast")
def test_left_in_peace_it_recovers_by_itself(slowdowns: Slowdowns, provider_id: int) -> None:
    slowdowns.slow_down(provider_id, "421")
    until = time.monotonic() + 20
    while slowdowns.look(provider_id) is not None and time.monotonic() < until:
        time.sleep(0.02)
    assert slowdowns.look(provider_id) is None
    again = slowdowns.slow_down(provider_id, "429 again")
    assert again is not None
    assert (again.factor, again.words) == (0.5, "429 again")


def test_a_pause_is_kept(slowdowns: Slowdowns, provider_id: int) -> None:
    slow = slowdowns.slow_down(provider_id, "429", hold=30)
    assert slow is not None
    assert 28 < slow.hold <= 30
    shorter = slowdowns.slow_down(provider_id, "429", hold=1)
    assert shorter is not None
    assert shorter.hold > 25


def test_all_workers_know(redis_url: str, provider_id: int) -> None:
    first, second = SharedSlowdowns(redis_url), SharedSlowdowns(redis_url)
    first.slow_down(provider_id, "454 4.7.0 Zu schnell: größer")
    slow = second.look(provider_id)
    assert slow is not None
    assert (slow.factor, slow.words) == (0.5, "454 4.7.0 Zu schnell: größer")
    assert second.look(provider_id + 1_000_000) is None


def test_without_redis_a_process_slows_down_by_itself(provider_id: int) -> None:
    away = SharedSlowdowns("unix:///tmp/nobody-listens-here.sock")
    assert away.look(provider_id) is None
    assert away.slow_down(provider_id, "421") is not None
    assert away.look(provider_id) is not None


def test_addresses_decide_where_it_is_known(redis_url: str) -> None:
    assert isinstance(slowdowns_at("memory://"), LocalSlowdowns)
    assert isinstance(slowdowns_at(redis_url), SharedSlowdowns)


@pytest.mark.parametrize(
    ("outcome", "slower"),
    [
        (_answer("421 4.7.0"), True),
        (_answer("454 4.7.0"), True),
        (_answer("429"), True),
        (_answer("http_429"), True),
        (_answer("http_503", retry_after=5), True),
        (_answer("http_503"), False),
        (_answer("450 4.2.0"), False),
        (_answer("connect_failed", retry_after=5), False),
        (_answer("not_attempted"), False),
        (_answer("0x58"), True),
        (_answer("0x14", Result.SENT), True),
        (_answer("0x14", Result.FAILED), False),
        (_answer("0x45"), False),
        (_answer("250", Result.SENT), False),
        (_answer("421 4.7.0", Result.FAILED), False),
    ],
)
def test_what_asks_for_less(outcome: Outcome, slower: bool) -> None:
    assert Brake(LocalSlowdowns(), 1).met(outcome) is slower


def test_single_mailboxes_that_are_busy_slow_nobody() -> None:
    """450 to 452 may be about the recipient alone: three of them, and a fifth of the answers, are about us."""
    brake = Brake(LocalSlowdowns(), 1)
    for _ in range(90):
        brake.met(_answer("250", Result.SENT))
    assert [brake.met(_answer("451 4.7.1")) for _ in range(10)] == [False] * 10
    fresh = Brake(LocalSlowdowns(), 1)
    assert [fresh.met(_answer("451 4.7.1")) for _ in range(3)] == [False, False, True]


def _after(number: int, code: str, retry_after: float | None = None) -> Callable[[OutgoingEmail], Outcome]:
    seen: list[int] = []

    def answer(message: OutgoingEmail) -> Outcome:
        seen.append(message.reference)
        if len(seen) == number:
            return Outcome(message.reference, Result.RETRY, code=code, detail="Slow down.", retry_after=retry_after)
        return sent(message)

    return answer


def test_a_slice_goes_on_more_slowly(
    app: Flask, settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """421 of a provider that took thirty in half a minute: the next ones come at half of that, so the job rests."""
    settings(window_size=10)
    monkeypatch.setattr(Brake, "_handed", lambda _: Handed(30, 30.0))
    job = new_job(people(60))
    scripted(job, _after(30, "421 4.7.0"))

    report = deliver(job.id)

    assert report.stop in (Stop.LIMITED, Stop.SLICE_OVER)
    assert 29 <= report.sent < 59
    assert {row.attempts for row in messages(job.id) if row.state == "queued" and row.code is None} <= {0}
    db.session.rollback()
    assert db.session.get_one(Job, job.id).waiting_for == Rest.SLOWED


def test_a_slice_keeps_a_pause_that_is_asked_for(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(window_size=10)
    job = new_job(people(60))
    session = scripted(job, _after(5, "429", retry_after=40))

    report = deliver(job.id)

    assert report.stop is Stop.LIMITED
    assert len(session.taken) == 5
    assert counters(job.id)["sent"] == 4
    db.session.rollback()
    resting = db.session.get_one(Job, job.id)
    assert resting.waiting_for == Rest.SLOWED
