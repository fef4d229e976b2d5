"""How fast a provider may be fed: one token bucket for each provider, shared by all workers through Redis.

A worker takes tokens for a tenth of a second at a time, so the limit costs ten round trips a second and not one a
message. Where Redis is away each process keeps to the rate by itself: with n processes up to n times the rate, which
is still better than a campaign that stands still.

Our keys: `carillon:rate:<provider id>` (hash: tokens, at), gone ten seconds after their last use.
"""

from __future__ import annotations

import logging
import math
import time
from functools import cache
from threading import Lock
from typing import Any, Protocol

import redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

_SHARE_SECONDS = 0.1
_REDIS_PAUSE = 5.0
_TAKE = """
local rate, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(state[1]), tonumber(state[2])
if tokens == nil then tokens, at = burst, now end
tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
local granted = math.min(wanted, math.floor(tokens))
tokens = tokens - granted
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], 10000 + math.ceil(1000 / rate))
return {granted, tostring(granted > 0 and 0 or (math.min(wanted, burst) - tokens) / rate)}
"""


class Bucket(Protocol):
    """Somewhere tokens come from."""

    def take(self, provider_id: int, rate: float, wanted: int) -> tuple[int, float]:
        """(tokens granted, seconds until there are as many as wanted where none was)."""


def share_of(rate: float) -> int:
    """The tokens that a worker asks for at once."""
    return max(1, math.floor(rate * _SHARE_SECONDS))


def burst_of(rate: float) -> float:
    """The most tokens that may be saved up: two shares, so that a worker that comes a little late loses none."""
    return max(1.0, 2 * rate * _SHARE_SECONDS)


class LocalBuckets:
    """Buckets of this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._state: dict[int, tuple[float, float]] = {}

    def take(self, provider_id: int, rate: float, wanted: int) -> tuple[int, float]:
        """See `Bucket.take`."""
        now, burst = time.monotonic(), burst_of(rate)
        with self._lock:
            tokens, at = self._state.get(provider_id, (burst, now))
            tokens = min(burst, tokens + (now - at) * rate)
            granted = min(wanted, math.floor(tokens))
            self._state[provider_id] = (tokens - granted, now)
        return granted, 0.0 if granted else (min(wanted, burst) - tokens) / rate


class SharedBuckets:
    """Buckets in Redis, and the local ones while it is away."""

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)
        self._script = self._client.register_script(_TAKE)
        self._local = LocalBuckets()
        self._away_until = 0.0

    def take(self, provider_id: int, rate: float, wanted: int) -> tuple[int, float]:
        """See `Bucket.take`."""
        if time.monotonic() >= self._away_until:
            try:
                granted, wait = self._script(keys=[f"carillon:rate:{provider_id}"], args=[rate, burst_of(rate), wanted])
                return int(granted), float(wait)
            except RedisError as error:
                self._away_until = time.monotonic() + _REDIS_PAUSE
                logger.warning("no shared rate limit, each worker keeps its own", extra={"error": type(error).__name__})
        return self._local.take(provider_id, rate, wanted)


@cache
def buckets_at(url: str) -> Bucket:
    """The buckets behind a broker's address: in Redis, or of this process for one that is in memory."""
    return SharedBuckets(url) if url.startswith(("redis", "unix")) else LocalBuckets()


class Pacer:
    """The pace of one slice. `rate` is in messages a second, 0 for no limit, and may be changed at any time."""

    def __init__(self, buckets: Bucket, provider_id: int, rate: float = 0.0) -> None:
        self._buckets = buckets
        self._provider_id = provider_id
        self.rate = rate
        self._granted = 0

    def wait(self) -> float:
        """Take leave for one message: 0.0 to hand it over now, else the seconds after which to ask again."""
        if not self.rate:
            return 0.0
        if not self._granted:
            self._granted, seconds = self._buckets.take(self._provider_id, self.rate, share_of(self.rate))
            if not self._granted:
                return max(0.001, seconds)
        self._granted -= 1
        return 0.0

    def window(self, most: int) -> int:
        """How many messages to book at once: those of about a second, so that little is put back on a pause."""
        return max(1, min(most, math.ceil(self.rate))) if self.rate else most
