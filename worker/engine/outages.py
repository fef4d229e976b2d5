"""Which providers this process could not reach a moment ago, and when to try again: 5 s, doubling up to a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 60.0


class Outages:
    """Each process finds out by itself; a provider that is down costs one attempt a minute and process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pauses: dict[int, tuple[float, float]] = {}  # provider -> (rests until, pause)

    def began(self, provider_id: int, asked_for: float | None = None) -> float:
        """The provider cannot be reached: the seconds to leave it alone. Told again during the pause: the rest."""
        now = self._clock()
        with self._lock:
            until, pause = self._pauses.get(provider_id, (0.0, 0.0))
            if until <= now:
                pause = min(_LONGEST_PAUSE, pause * 2 or _FIRST_PAUSE)
                until = now + max(pause, min(asked_for or 0.0, _LONGEST_PAUSE))
                self._pauses[provider_id] = (until, pause)
            return until - now

    def over(self, provider_id: int) -> None:
        """The provider took a message."""
        with self._lock:
            self._pauses.pop(provider_id, None)

    def resting(self, provider_id: int) -> bool:
        """Is the provider to be left alone now?"""
        with self._lock:
            until, _ = self._pauses.get(provider_id, (0.0, 0.0))
        return self._clock() < until


outages = Outages()
