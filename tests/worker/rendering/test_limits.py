"""Time and memory of one rendering."""

from __future__ import annotations

import os
import threading

import pytest

from worker.rendering import limits
from worker.rendering.limits import ALLOWANCE, LimitExceeded, RenderTimeout, limited, spend


@pytest.fixture(autouse=True)
def short_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CPU_SECONDS", 0.1)


def endless() -> None:
    while True:
        pass


def test_an_endless_step_is_ended() -> None:
    with pytest.raises(RenderTimeout):
        limited(endless)


def test_the_thread_works_on_after_it_was_stopped() -> None:
    for _ in range(2):
        with pytest.raises(RenderTimeout):
            limited(endless)
        assert limited(lambda: sum(range(100_000))) == 4_999_950_000


def test_a_construct_that_eats_exceptions_does_not_eat_the_end_of_time() -> None:
    def stubborn() -> None:
        while True:
            try:
                endless()
            except Exception:  # noqa: BLE001
                continue

    with pytest.raises(RenderTimeout):
        limited(stubborn)


def test_waiting_is_not_counted() -> None:
    """On a busy machine a rendering waits for its turn; only what it computes itself may count."""
    ready, go = threading.Event(), threading.Event()
    results: list[str] = []

    def waiting() -> str:
        ready.set()
        go.wait()
        return "done"

    waiter = threading.Thread(target=lambda: results.append(limited(waiting)))
    waiter.start()
    ready.wait()
    with pytest.raises(RenderTimeout):  # the processor time of one rendering passes meanwhile
        limited(endless)
    go.set()
    waiter.join()
    assert results == ["done"]


def test_every_thread_has_its_own_time() -> None:
    ended: list[int] = []

    def run(number: int) -> None:
        try:
            limited(endless)
        except RenderTimeout:
            ended.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == [0, 1, 2]


def test_memory_is_charged_to_the_running_rendering_only() -> None:
    spend(10 * ALLOWANCE)  # nothing runs: compiling a template may fold constants

    def greedy() -> None:
        spend(ALLOWANCE)
        spend(1)

    with pytest.raises(LimitExceeded):
        limited(greedy)
    limited(lambda: spend(ALLOWANCE))  # the next one starts afresh


def test_a_limited_call_within_a_limited_call_shares_its_limits() -> None:
    def outer() -> None:
        limited(lambda: spend(ALLOWANCE))
        spend(1)

    with pytest.raises(LimitExceeded):
        limited(outer)


def test_results_and_errors_pass_through() -> None:
    assert limited(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        limited(lambda: 1 // 0)


def test_a_forked_worker_has_a_watchdog_of_its_own() -> None:
    limited(lambda: None)
    child = os.fork()
    if child == 0:
        try:
            limited(endless)
        except RenderTimeout:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_thread_that_ended_is_forgotten() -> None:
    thread = threading.Thread(target=lambda: limited(lambda: None))
    thread.start()
    thread.join()
    assert all(slot.thread_id != thread.ident or slot is limits._state.slot for slot in limits._watchdog._slots)
