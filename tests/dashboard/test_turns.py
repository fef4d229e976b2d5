from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from dashboard.turns import Turns


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "turns")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


class Writer:
    """What can be held by one at a time, and who has had it, in order."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self._lock = threading.Lock()
        self._lock.acquire()

    def attempt(self, name: str) -> Callable[[], bool]:
        def attempt() -> bool:
            if not self._lock.acquire(blocking=False):
                return False
            self.order.append(name)
            return True

        return attempt

    def let_go_until(self, futures: list[Future[bool]]) -> None:
        """The holder lets go; whoever has it then does the same, until all have had it."""
        for count in range(1, len(futures) + 1):
            self._lock.release()
            _until(lambda count=count: len(self.order) == count)  # type: ignore[misc]
        assert all(future.result(30) for future in futures)


def _until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.001)


def _waiting(path: str) -> list[int]:
    """Processes that stand in the line."""
    if not Path(path).exists():
        return []
    return [process for process, since, _ in struct.iter_unpack("=qdd", Path(path).read_bytes()) if since]


def _stand(pool: ThreadPoolExecutor, path: str, turns: Turns, attempt: Callable[[], bool]) -> Future[bool]:
    """Let somebody come, and wait until they stand in the line."""
    before = len(_waiting(path))
    future = pool.submit(turns.take, attempt)
    _until(lambda: len(_waiting(path)) > before)
    return future


def test_who_comes_first_is_served_first(path: str, pool: ThreadPoolExecutor) -> None:
    writer, names = Writer(), ["first", "second", "third", "fourth"]
    waiting = [_stand(pool, path, Turns(path, longest=60), writer.attempt(name)) for name in names]
    writer.let_go_until(waiting)
    assert writer.order == names
    assert _waiting(path) == []


def test_who_gives_way_lets_those_go_first_who_come_later(path: str, pool: ThreadPoolExecutor) -> None:
    writer = Writer()
    campaign = _stand(pool, path, Turns(path, later=60, longest=120), writer.attempt("campaign"))
    code = _stand(pool, path, Turns(path, longest=120), writer.attempt("code"))
    writer.let_go_until([campaign, code])
    assert writer.order == ["code", "campaign"]


def test_who_gives_way_gets_on_in_the_end(path: str, pool: ThreadPoolExecutor) -> None:
    writer = Writer()
    campaign = _stand(pool, path, Turns(path, later=0.05, longest=120), writer.attempt("campaign"))
    came = time.monotonic()
    _until(lambda: time.monotonic() > came + 0.05)
    code = _stand(pool, path, Turns(path, longest=120), writer.attempt("code"))
    writer.let_go_until([campaign, code])
    assert writer.order == ["campaign", "code"]


def test_only_the_first_tries(path: str, pool: ThreadPoolExecutor) -> None:
    writer, tries = Writer(), []
    first = _stand(pool, path, Turns(path, longest=60), writer.attempt("first"))
    second = _stand(pool, path, Turns(path, longest=60), lambda: not tries.append(1))
    assert tries == []
    writer.let_go_until([first])
    assert second.result(30)


def test_nobody_waits_for_who_died_in_the_line(path: str) -> None:
    Turns(path).take(lambda: True)
    with Path(path).open("r+b") as file:
        file.write(struct.pack("=qdd", os.getpid(), 1.0, 1.0))
    assert Turns(path).take(lambda: True)


def test_threads_of_one_process_take_turns(path: str, pool: ThreadPoolExecutor) -> None:
    turns, writer = Turns(path, longest=60), Writer()
    waiting = [pool.submit(turns.take, writer.attempt(str(number))) for number in range(4)]
    writer.let_go_until(waiting)
    assert sorted(writer.order) == ["0", "1", "2", "3"]


def test_who_has_waited_long_enough_goes(path: str) -> None:
    assert not Turns(path, longest=0.01).take(lambda: False)
    assert _waiting(path) == []


def test_an_error_ends_the_waiting(path: str) -> None:
    turns = Turns(path)

    def fail() -> bool:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        turns.take(fail)
    assert _waiting(path) == []
    assert turns.take(lambda: True)


def test_a_forked_process_has_a_place_of_its_own(path: str) -> None:
    turns = Turns(path)
    turns.take(lambda: True)
    child = os.fork()
    if child == 0:
        seen: list[list[int]] = []
        answers = iter((False, True))

        def attempt() -> bool:
            seen.append(_waiting(path))
            return next(answers)

        took = turns.take(attempt)
        os._exit(0 if took and seen == [[], [os.getpid()]] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_who_finds_no_place_waits_without_one(path: str, pool: ThreadPoolExecutor) -> None:
    Path(path).write_bytes(struct.pack("=qdd", os.getpid(), 0.0, 0.0) * 64)
    answers = iter((False, True))
    assert Turns(path).take(lambda: next(answers))
    assert _waiting(path) == []
