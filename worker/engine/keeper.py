"""One thread per process that keeps leases alive while their slices wait for a slow provider.

A busy slice renews its leases with every window; the keeper steps in where more than a third of the lease has gone by.
It also closes sessions that nobody uses any more.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from dashboard.extensions import write_connection
from worker.engine.chunks import Hold, renew
from worker.engine.clock import Clock
from worker.engine.sessions import warm_sessions

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.5


class Watched:
    """The holds of one slice, as the keeper sees them. The slice adds and removes; the keeper renews."""

    def __init__(self, engine: Engine, clock: Clock, lease_seconds: float) -> None:
        self.engine = engine
        self.clock = clock
        self.lease_seconds = lease_seconds
        self.holds: list[Hold] = []

    def renew_old(self) -> None:
        """Renew what has used up a third of its lease; what cannot be renewed is marked as lost."""
        started = time.monotonic()
        due = [
            hold
            for hold in tuple(self.holds)
            if not hold.lost and hold.valid_until - started < self.lease_seconds * 2 / 3
        ]
        if not due:
            return
        with write_connection(self.engine) as connection:
            kept = [(hold, renew(connection, hold, self.clock.after(self.lease_seconds))) for hold in due]
        for hold, ours in kept:
            if ours:
                hold.valid_until = max(hold.valid_until, started + self.lease_seconds)
            elif hold in self.holds:  # given back meanwhile is not lost
                hold.lost = True


class Keeper:
    """Starts its thread with the first slice of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: set[Watched] = set()
        self._started = False

    @contextlib.contextmanager
    def watching(self, watched: Watched) -> Iterator[None]:
        """Keep the holds of a slice alive while the block runs."""
        with self._lock:
            self._watched.add(watched)
            if not self._started:
                self._started = True
                threading.Thread(target=self._run, name="lease-keeper", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._watched.discard(watched)

    def _run(self) -> None:
        while True:
            time.sleep(_TICK_SECONDS)
            self.tick()

    def tick(self) -> None:
        """One round: renew leases, close idle sessions. A database that is away is asked again in the next round."""
        with self._lock:
            watched = tuple(self._watched)
        for slice_ in watched:
            try:
                slice_.renew_old()
            except SQLAlchemyError as error:
                logger.warning("a lease could not be renewed", extra={"error": type(error).__name__})
        warm_sessions.close_idle()


keeper = Keeper()
