"""How fast a job may be sent: what its provider takes and what its campaign wants, shared by all workers.

A worker takes tokens for a tenth of a second at a time, so a limit costs ten round trips a second and not one a
message; a job without limits costs none.

Our keys in Redis, gone some seconds after their last use (counts: after twice their length):
`carillon:rate:<provider id>` (a hash: tokens, at), `carillon:minute:<provider id>` and `carillon:day:<provider id>`
(hashes: step -> messages), `carillon:throttle:<job id>` (as rate).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from dashboard.jobs.models import Rest
from worker.engine.buckets import Buckets, Limit

_MINUTE, _DAY = 60, 86_400
_LARGEST_SHARE = 200


def limits_of(
    provider_id: int,
    job_id: int,
    *,
    per_second: float = 0.0,
    per_minute: float = 0.0,
    per_day: float = 0.0,
    throttle_per_minute: float = 0.0,
) -> tuple[Limit, ...]:
    """The limits of a job at a provider; 0 is none."""
    every = (
        Limit(f"carillon:rate:{provider_id}", per_second, 0, Rest.RATE.value),
        Limit(f"carillon:minute:{provider_id}", per_minute, _MINUTE, Rest.MINUTE.value),
        Limit(f"carillon:day:{provider_id}", per_day, _DAY, Rest.DAY.value),
        Limit(f"carillon:throttle:{job_id}", throttle_per_minute / 60, 0, Rest.THROTTLE.value),
    )
    return tuple(limit for limit in every if limit.most > 0)


class Pacer:
    """The pace of one slice. `limits` may be changed at any time."""

    def __init__(self, buckets: Buckets, limits: Sequence[Limit] = ()) -> None:
        self.limits = limits
        self.obstacle: Limit | None = None  # the limit that made us wait last
        self._buckets = buckets
        self._granted = 0
        self._held_until = 0.0

    def hold(self, seconds: float, limit: Limit) -> None:
        """Let nothing pass for so long; `limit`, which is one of ours, says why."""
        self._held_until, self.obstacle, self._granted = time.monotonic() + seconds, limit, 0

    def wait(self) -> float:
        """Take leave for one message: 0.0 to hand it over now, else the seconds after which to ask again."""
        if not self.limits:
            return 0.0
        seconds = self.room()
        if not seconds:
            self._granted -= 1
        return seconds

    def room(self) -> float:
        """The seconds until leave can be had: 0.0 where the next `wait` gives it."""
        if not self.limits or self._granted:
            return 0.0
        held = self._held_until - time.monotonic()
        if held > 0:
            return held
        share = min(_LARGEST_SHARE, *(limit.share for limit in self.limits))
        self._granted, seconds, obstacle = self._buckets.take(self.limits, share)
        if self._granted:
            return 0.0
        self.obstacle = obstacle
        return max(0.001, seconds)

    def refund(self) -> None:
        """Take back the leave of the last `wait`: that message does not go now."""
        if self.limits:
            self._granted += 1

    def give_back(self) -> None:
        """Return what was granted and not used."""
        if self._granted and self.limits:
            self._buckets.take(self.limits, -self._granted)
        self._granted = 0

    def window(self, most: int) -> int:
        """How many messages to book at once: those of about a second, so that little is put back on a pause."""
        rates = [limit.most for limit in self.limits if not limit.seconds]
        return max(1, min(most, math.ceil(min(rates)))) if rates else most
