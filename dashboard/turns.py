"""Who writes next on SQLite, where one writes at a time and nobody stands in line: whoever asks in the right moment.

Workers of campaigns ask again and again, so a one-time code could lose to them many times over. Whoever runs at normal
priority therefore holds a shared lock on a file while it asks; the others, which are niced (worker.processes), look for
such locks before they ask themselves. They wait for a while only, so that they get on whatever happens.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LONGEST: Final = 0.05
_STEP: Final = 0.001


class Turns:
    """The turns of one process at one database file.

    `path` is the file of the lock; `gives_way` lets others go first, for `longest` seconds.
    """

    def __init__(self, path: str, *, gives_way: bool, longest: float = _LONGEST) -> None:
        self._path = path
        self._gives_way = gives_way
        self._longest = longest
        self._guard = threading.Lock()
        self._asking = 0
        self._file = -1
        self._opened_by = 0

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around the statement that asks for the right to write."""
        if self._gives_way:
            self._let_others_go()
            yield
            return
        self._begin()
        try:
            yield
        finally:
            self._end()

    def _begin(self) -> None:
        with self._guard:
            file = self._open()
            if self._asking == 0:
                fcntl.flock(file, fcntl.LOCK_SH)
            self._asking += 1

    def _end(self) -> None:
        with self._guard:
            self._asking -= 1
            if self._asking == 0:
                fcntl.flock(self._open(), fcntl.LOCK_UN)

    def _let_others_go(self) -> None:
        ends = time.monotonic() + self._longest
        while not self._nobody_asks() and time.monotonic() < ends:
            time.sleep(_STEP)

    def _nobody_asks(self) -> bool:
        with self._guard:
            file = self._open()
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            fcntl.flock(file, fcntl.LOCK_UN)
            return True

    def _open(self) -> int:
        """A file of this process: one that came over from its parent would share the parent's lock."""
        if self._opened_by != os.getpid():
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._opened_by, self._asking = os.getpid(), 0
        return self._file


def is_niced() -> bool:
    """Whether this process runs at a low priority."""
    return os.getpriority(os.PRIO_PROCESS, 0) > 0
