"""Warm sessions to providers: opened once, lent to one slice at a time, closed when nobody wants them for a minute.

Opening one costs a TLS handshake and a login (some 100 ms), lending one costs a lock.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from worker.providers.base import Session

logger = logging.getLogger(__name__)

IDLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Idle:
    provider_id: int
    version: int
    session: Session
    since: float


class WarmSessions:
    """The idle sessions of this process."""

    def __init__(self) -> None:
        self._idle: list[_Idle] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def borrow(self, provider_id: int, version: int, open_session: Callable[[], Session]) -> Iterator[Session]:
        """A session of that version of the provider's settings; older ones are closed.

        A session whose user failed is closed and not lent again.
        """
        session = self._take(provider_id, version) or open_session()
        try:
            yield session
        except BaseException:
            _close(session)
            raise
        self.keep(provider_id, version, session)

    def keep(self, provider_id: int, version: int, session: Session) -> None:
        """Hold a session ready for the next one who borrows."""
        with self._lock:
            self._idle.append(_Idle(provider_id, version, session, time.monotonic()))

    def close_idle(self, seconds: float = IDLE_SECONDS) -> int:
        """Close what nobody has used for so long; how many there were."""
        until = time.monotonic() - seconds
        with self._lock:
            old = [idle for idle in self._idle if idle.since <= until]
            self._idle = [idle for idle in self._idle if idle.since > until]
        for idle in old:
            _close(idle.session)
        return len(old)

    def _take(self, provider_id: int, version: int) -> Session | None:
        found: Session | None = None
        with self._lock:
            of_provider = [idle for idle in self._idle if idle.provider_id == provider_id]
            outdated = [idle for idle in of_provider if idle.version != version]
            current = [idle for idle in of_provider if idle.version == version]
            self._idle = [idle for idle in self._idle if idle.provider_id != provider_id] + current[:-1]
            if current:
                found = current[-1].session
        for idle in outdated:
            _close(idle.session)
        return found


warm_sessions = WarmSessions()


def _close(session: Session) -> None:
    try:
        session.close()
    except Exception as error:
        logger.warning("a provider's session would not close", extra={"error": type(error).__name__})
