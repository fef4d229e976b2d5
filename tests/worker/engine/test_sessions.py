from __future__ import annotations

import pytest

from tests.worker.engine.slices import ScriptedSession
from worker.engine.outages import Outages
from worker.engine.providers import lowest_rate
from worker.engine.sessions import WarmSessions


def test_a_session_is_used_again() -> None:
    warm = WarmSessions()
    with warm.borrow(1, 1, ScriptedSession) as first:
        pass
    with warm.borrow(1, 1, ScriptedSession) as second:
        assert second is first


def test_two_borrowers_never_share_one() -> None:
    warm = WarmSessions()
    with warm.borrow(1, 1, ScriptedSession) as first, warm.borrow(1, 1, ScriptedSession) as second:
        assert first is not second
    with warm.borrow(1, 1, ScriptedSession) as third, warm.borrow(1, 1, ScriptedSession) as fourth:
        assert {id(third), id(fourth)} == {id(first), id(second)}


def test_changed_settings_close_the_old_sessions() -> None:
    warm = WarmSessions()
    old, other = ScriptedSession(), ScriptedSession()
    warm.keep(1, 1, old)
    warm.keep(2, 1, other)

    with warm.borrow(1, 2, ScriptedSession) as new:
        assert new is not old
    assert old.closed
    assert not other.closed


def test_a_session_that_failed_is_not_lent_again() -> None:
    warm = WarmSessions()
    failed = ScriptedSession()
    warm.keep(1, 1, failed)
    with pytest.raises(KeyError), warm.borrow(1, 1, ScriptedSession):
        raise KeyError
    assert failed.closed
    with warm.borrow(1, 1, ScriptedSession) as next_one:
        assert next_one is not failed


def test_idle_sessions_are_closed() -> None:
    warm = WarmSessions()
    idle = ScriptedSession()
    warm.keep(1, 1, idle)
    assert warm.close_idle() == 0
    assert warm.close_idle(0.0) == 1
    assert idle.closed


def test_a_session_that_will_not_close_is_let_go() -> None:
    class Stubborn(ScriptedSession):
        def close(self) -> None:
            raise OSError("no")

    warm = WarmSessions()
    warm.keep(1, 1, Stubborn())
    assert warm.close_idle(0.0) == 1


def test_pauses_of_an_outage_grow_and_end() -> None:
    now = 1000.0
    outages = Outages(clock=lambda: now)
    pauses = []
    for _ in range(6):
        pauses.append(outages.began(1))
        assert outages.resting(1)
        assert outages.began(1) == pauses[-1]
        now += pauses[-1]
        assert not outages.resting(1)
    assert pauses == [5, 10, 20, 40, 60, 60]
    outages.over(1)
    assert outages.began(1, asked_for=30) == 30
    assert not outages.resting(2)


def test_the_strictest_limit_counts() -> None:
    assert lowest_rate(0, None) == 0
    assert lowest_rate(10.0, "5") == 5
    assert lowest_rate(0, "", 7) == 7
    assert lowest_rate("fast", 3) == 3
