"""One brake for all requests of a process: what they meet is counted together, what others met is learnt."""

from __future__ import annotations

import pytest

from worker.engine import brakes
from worker.engine.brakes import CommonBrake, common_brake
from worker.engine.buckets import Limit, LocalBuckets
from worker.engine.pacing import Pacer
from worker.engine.slowing import LocalSlowdowns
from worker.providers.base import Outcome, Result

ROW = Limit("carillon:rate:7", 50.0, 0, "rate")


def answer(code: str, result: Result = Result.RETRY, retry_after: float | None = None) -> Outcome:
    return Outcome(1, result, code=code, detail="Later.", retry_after=retry_after)


def pacer_of(brake: CommonBrake) -> Pacer:
    pacer = Pacer(LocalBuckets())
    brake.apply(pacer, (ROW,))
    return pacer


def test_the_limits_of_the_row_hold_until_it_asks_for_less() -> None:
    brake = CommonBrake(LocalSlowdowns(), 7)
    assert pacer_of(brake).limits == (ROW,)

    brake.met(answer("421 4.7.0"))

    slowed = pacer_of(brake).limits
    assert [limit.key for limit in slowed] == ["carillon:rate:7", "carillon:slowed:7"]


def test_a_pause_is_kept_by_whoever_comes_next() -> None:
    brake = CommonBrake(LocalSlowdowns(), 7)
    brake.met(answer("http_503", retry_after=50))
    pacer = pacer_of(brake)
    assert 0 < pacer.wait() <= 50
    assert pacer.obstacle is not None
    assert pacer.obstacle.why == "slowed"


def test_codes_that_count_in_numbers_are_counted_over_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brakes, "_LOOK_SECONDS", 1000.0)
    slowdowns = LocalSlowdowns()
    brake = CommonBrake(slowdowns, 7)
    for _ in range(3):
        pacer_of(brake)
        brake.met(answer("451 4.7.1"))
    assert slowdowns.look(7) is not None


def test_what_another_process_met_is_learnt_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brakes, "_LOOK_SECONDS", 0.0)
    slowdowns = LocalSlowdowns()
    mine, other = CommonBrake(slowdowns, 7), CommonBrake(slowdowns, 7)
    other.met(answer("429"))
    assert len(pacer_of(mine).limits) == 2


def test_there_is_one_a_provider() -> None:
    assert common_brake("memory://", 7) is common_brake("memory://", 7)
    assert common_brake("memory://", 7) is not common_brake("memory://", 8)
