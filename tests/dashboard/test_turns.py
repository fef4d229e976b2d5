from __future__ import annotations

import fcntl
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest

from dashboard.turns import Turns


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "turns")


def _is_free(path: str) -> bool:
    with Path(path).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_who_gives_way_waits_until_nobody_asks(path: str) -> None:
    first, second = Turns(path, gives_way=False), Turns(path, gives_way=True, longest=60)
    order, begun = [], Event()

    def follow() -> None:
        begun.set()
        with second.asking():
            order.append("second")

    with ThreadPoolExecutor(1) as pool:
        with first.asking():
            following = pool.submit(follow)
            begun.wait(10)
            order.append("first")
        following.result(30)
    assert order == ["first", "second"]


def test_who_gives_way_gets_on_in_the_end(path: str) -> None:
    with Turns(path, gives_way=False).asking(), Turns(path, gives_way=True, longest=0.01).asking():
        assert not _is_free(path)
    assert _is_free(path)


def test_those_who_do_not_give_way_ask_together(path: str) -> None:
    turns, other = Turns(path, gives_way=False), Turns(path, gives_way=False)
    with ExitStack() as last, other.asking():
        last.enter_context(turns.asking())
        with turns.asking():
            pass
        assert not _is_free(path)
    assert _is_free(path)


def test_an_error_ends_the_asking(path: str) -> None:
    turns = Turns(path, gives_way=False)
    with pytest.raises(OSError, match="busy"), turns.asking():
        raise OSError("busy")
    assert _is_free(path)
