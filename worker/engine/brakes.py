"""One brake a provider for all requests of a process that wait: what a slice of a worker has for itself.

A request is over before a second has passed, so what it met is counted with what its neighbours met, and the others
are asked and told once a second, on the way of whichever request comes next.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from threading import Lock

from worker.engine.buckets import Limit
from worker.engine.pacing import Pacer
from worker.engine.slowing import Brake, Slowdowns, slowdowns_at
from worker.providers.base import Outcome

_LOOK_SECONDS = 1.0


class CommonBrake:
    """See the module's text; any thread may call it at any time."""

    def __init__(self, slowdowns: Slowdowns, provider_id: int) -> None:
        self._lock = Lock()
        self._brake = Brake(slowdowns, provider_id)
        self._seen()

    def apply(self, pacer: Pacer, limits: Sequence[Limit]) -> None:
        """Hold a pacer to the limits of the provider's row and to what the provider asked for."""
        with self._lock:
            if time.monotonic() - self._seen_at >= _LOOK_SECONDS:
                self._brake.look()
                self._seen()
            pacer.limits = self._brake.limits(tuple(limits))
            held = self._held_until - time.monotonic()
        if held > 0:
            pacer.hold(held, pacer.limits[-1])

    def met(self, outcome: Outcome) -> None:
        """Count an answer."""
        with self._lock:
            if self._brake.met(outcome):
                self._seen()

    def _seen(self) -> None:
        slow = self._brake.slow
        self._seen_at = time.monotonic()
        self._held_until = self._seen_at + (slow.hold if slow is not None else 0.0)


@cache
def common_brake(url: str, provider_id: int) -> CommonBrake:
    """The one of this process for a provider, shared with the others through the broker at that address."""
    return CommonBrake(slowdowns_at(url), provider_id)
