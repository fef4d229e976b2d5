"""How many requests a key may make in a minute, counted in Redis for all web processes.

Where Redis is away each process counts by itself: n processes then allow up to n times as many, which is better than
an API that stands still. Our keys: `carillon:api:<key id>:<minute>` (a number), gone two minutes later.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from functools import cache
from threading import Lock
from typing import Any

import redis
from redis.exceptions import RedisError

from dashboard.problems import RateLimited

logger = logging.getLogger(__name__)

_MINUTE = 60
_REDIS_PAUSE = 5.0


class LocalCounts:
    """Counts of this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._minute = 0
        self._counts: Counter[int] = Counter()

    def add(self, key_id: int, minute: int) -> int:
        """Count a request of a key; how many it made in that minute."""
        with self._lock:
            if minute != self._minute:
                self._minute, self._counts = minute, Counter()
            self._counts[key_id] += 1
            return self._counts[key_id]


class SharedCounts:
    """Counts in Redis, and local ones while it is away."""

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)
        self._local = LocalCounts()
        self._away_until = 0.0

    def add(self, key_id: int, minute: int) -> int:
        """See `LocalCounts.add`."""
        if time.monotonic() >= self._away_until:
            try:
                name = f"carillon:api:{key_id}:{minute}"
                pipeline = self._client.pipeline(transaction=False)
                pipeline.incr(name)
                pipeline.expire(name, 2 * _MINUTE)
                return int(pipeline.execute()[0])
            except RedisError as error:
                self._away_until = time.monotonic() + _REDIS_PAUSE
                logger.warning("no shared limit of requests", extra={"error": type(error).__name__})
        return self._local.add(key_id, minute)


@cache
def counts_at(url: str) -> LocalCounts | SharedCounts:
    """The counts behind a broker's address: in Redis, or of this process for one that is in memory."""
    return SharedCounts(url) if url.startswith(("redis", "unix")) else LocalCounts()


def spend_request(key_id: int, per_minute: int, url: str) -> None:
    """Count a request. Raises RateLimited with the seconds to the next minute where there were too many."""
    if not per_minute:
        return
    now = time.time()
    if counts_at(url).add(key_id, int(now) // _MINUTE) > per_minute:
        wait = _MINUTE - int(now) % _MINUTE
        raise RateLimited(f"This key may make {per_minute} requests a minute. Wait {wait} s.", retry_after=wait)
