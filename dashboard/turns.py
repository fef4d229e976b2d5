"""Who writes next on SQLite, where one writes at a time and nobody stands in line by itself.

Left alone, SQLite looks for the right to write after 1, 2, 5, 10 … 100 ms, and whoever looks in the right moment has
it: among short transactions alone, one that kept coming second waited for 1.8 s (traced on a busy machine). So whoever
wants to write stands in a line, first come, first served: a file beside the database, in which each process has a place
with the moment from which it waits. All look at the file every half millisecond, and the first of them tries. The
niced, which are campaigns and what nobody waits for (worker.processes), stand in it as if they had come a while later,
so that they give way and get on whatever happens.

The line is a courtesy: what counts is SQLite's own lock, and who finds no place in the file waits without one.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable
from typing import Final

_PLACES: Final = 64
_PLACE: Final = struct.Struct("=qdd")  # process, since when it waits (0: it does not), when it was last seen
_LINE: Final = struct.Struct("=" + "qdd" * _PLACES)
_WAITS: Final = struct.Struct("=dd")

#: Seconds by which the niced come later.
COURTESY: Final = 0.05
_LEFT: Final = 0.25  # who was not seen for so long has died, or stands still: nobody waits for it
_STEP: Final = 0.0005
_LONGEST: Final = 10.0


class Turns:
    """The turns of one process at one database file.

    `path` is the file of the line. Others who come within `later` seconds go first; nobody waits for longer than
    `longest` seconds.
    """

    def __init__(self, path: str, *, later: float = 0.0, longest: float = _LONGEST) -> None:
        self._path = path
        self._later = later
        self._longest = longest
        self._opening = threading.Lock()
        self._opened_by = 0

    def take(self, attempt: Callable[[], bool]) -> bool:
        """Try it whenever it is our turn, until it is True; False where that takes too long.

        What it raises is raised.
        """
        with self._opening:
            if self._opened_by != os.getpid():
                self._open()
        came = time.monotonic()
        if not self._gate.acquire(timeout=self._longest):
            return False
        try:
            return self._wait(attempt, came + self._later, came + self._longest)
        finally:
            self._wait_since(0.0, 0.0)
            self._gate.release()

    def _wait(self, attempt: Callable[[], bool], since: float, ends: float) -> bool:
        while (now := time.monotonic()) < ends:
            if self._is_first(since, now) and attempt():
                return True
            self._wait_since(since, now)
            time.sleep(_STEP)
        return False

    def _is_first(self, since: float, now: float) -> bool:
        places = _LINE.unpack_from(self._line)
        return not any(
            0 < other < since and seen > now - _LEFT for other, seen in zip(places[1::3], places[2::3], strict=True)
        )

    def _wait_since(self, since: float, now: float) -> None:
        if self._place is not None:
            _WAITS.pack_into(self._line, self._place * _PLACE.size + 8, since, now)

    def _open(self) -> None:
        """The file, and a place of this process's own: one that came over from its parent would be the parent's."""
        self._gate = threading.Lock()  # one thread of a process stands in the line at a time
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)  # while we look for a place
            if os.fstat(file).st_size < _LINE.size:
                os.pwrite(file, bytes(_LINE.size), 0)  # a hole would kill whoever writes to it on a full disk
            self._line = mmap.mmap(file, _LINE.size)
            self._place = self._free_place()
            if self._place is not None:
                _PLACE.pack_into(self._line, self._place * _PLACE.size, os.getpid(), 0.0, 0.0)
            self._opened_by = os.getpid()
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # closing alone would not: the map keeps the file open
            os.close(file)

    def _free_place(self) -> int | None:
        owners = _LINE.unpack_from(self._line)[::3]
        return next((place for place, owner in enumerate(owners) if not _lives(int(owner))), None)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process > 0


def is_niced() -> bool:
    """Whether this process runs at a low priority."""
    return os.getpriority(os.PRIO_PROCESS, 0) > 0
