"""Tokens, taken from several limits at once: in Redis, so that all workers share them, or in this process.

A limit without `seconds` is a bucket: so many tokens a second, a little saved up. One with `seconds` counts: never
more than so many within any stretch of that length (kept in 24 steps, so a token comes back up to 4 % late).
Where Redis is away each process keeps to the limits by itself: with n processes up to n times the rate, which is
still better than a campaign that stands still.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any, NamedTuple, Protocol

import redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

_SHARE_SECONDS = 0.1
_LATE_SECONDS = 2.0  # a slow bucket forgives so much: its job rests, and is called back a moment late
_STEPS = 24
_REDIS_PAUSE = 5.0
_TAKE = """
local wanted, steps = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local granted, wait, guilty, tokens, slots = wanted, 0, 0, {}, {}
for i, key in ipairs(KEYS) do
  local most, seconds, burst = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
  local left, later
  if seconds == 0 then
    local kept = redis.call('HMGET', key, 'tokens', 'at')
    local saved, at = tonumber(kept[1]), tonumber(kept[2])
    if saved == nil then saved, at = burst, now end
    tokens[i] = math.min(burst, saved + math.max(0, now - at) * most)
    left, later = math.floor(tokens[i]), (math.min(math.max(1, wanted), burst) - tokens[i]) / most
  else
    local step, used = seconds / steps, 0
    slots[i] = math.floor(now / step)
    local oldest, kept = slots[i], redis.call('HGETALL', key)
    for n = 1, #kept, 2 do
      local slot = tonumber(kept[n])
      if slot < slots[i] - steps then
        redis.call('HDEL', key, kept[n])
      else
        used = used + tonumber(kept[n + 1])
        oldest = math.min(oldest, slot)
      end
    end
    left, later = math.max(0, math.floor(most - used)), (oldest + steps + 1) * step - now
  end
  if left < granted then granted = left end
  if left <= 0 and wanted > 0 and later > wait then wait, guilty = later, i end
end
for i, key in ipairs(KEYS) do
  local most, seconds = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  if seconds == 0 then
    redis.call('HSET', key, 'tokens', tostring(tokens[i] - granted), 'at', string.format('%.6f', now))
    redis.call('PEXPIRE', key, 10000 + math.ceil(1000 / most))
  elseif granted ~= 0 then
    redis.call('HINCRBY', key, slots[i], granted)
    redis.call('EXPIRE', key, seconds * 2)
  end
end
return {granted, tostring(wait), guilty}
"""

_RESERVE = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local step, latest = tonumber(ARGV[1]), tonumber(ARGV[2])
local place = math.max(now, tonumber(redis.call('GET', KEYS[1])) or now)
if place - now >= latest then return tostring(latest) end
redis.call('SET', KEYS[1], string.format('%.6f', place + step), 'PX', math.ceil((place + step - now) * 1000) + 1000)
return tostring(place - now)
"""


class Limit(NamedTuple):
    """`most` tokens a second, or within any `seconds` where those are given; `key` is that of Redis."""

    key: str
    most: float
    seconds: int = 0
    why: str = ""  # a word for whoever asks what is in the way

    @property
    def burst(self) -> float:
        """The most tokens that may be saved up: two shares, so that a worker that comes a little late loses none."""
        if self.most < 1:
            return 1 + min(1.0, self.most * _LATE_SECONDS)
        return max(1.0, 2 * self.most * _SHARE_SECONDS)

    @property
    def share(self) -> int:
        """The tokens that a worker asks for at once: a tenth of a second's, or a thousandth of a longer count."""
        return max(1, math.floor(self.most / 1000 if self.seconds else self.most * _SHARE_SECONDS))


class Grant(NamedTuple):
    """How many tokens were given; where none was: the seconds until there are some, and which limit said so."""

    tokens: int
    wait: float = 0.0
    limit: Limit | None = None


class Buckets(Protocol):
    """Somewhere tokens come from."""

    def take(self, limits: Sequence[Limit], wanted: int) -> Grant:
        """Up to `wanted` tokens that every limit allows; a negative number gives tokens back."""

    def reserve(self, key: str, rate: float, latest: float) -> float:
        """The next place in a line that moves `rate` places a second: the seconds until its turn, `latest` at most."""


@dataclass(slots=True)
class _Saved:
    tokens: float
    at: float


class LocalBuckets:
    """Limits of this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._saved: dict[str, _Saved] = {}
        self._counted: dict[str, dict[int, int]] = {}
        self._lines: dict[str, float] = {}

    def take(self, limits: Sequence[Limit], wanted: int) -> Grant:
        """See `Buckets.take`."""
        now = time.monotonic()
        with self._lock:
            found = [self._left(limit, wanted, now) for limit in limits]
            granted = min((wanted, *(left for left, _ in found)))
            for limit in limits:
                self._spend(limit, granted, now)
        if granted or wanted <= 0:
            return Grant(granted)
        wait, limit = max((later, limit) for limit, (left, later) in zip(limits, found, strict=True) if left <= 0)
        return Grant(0, wait, limit)

    def reserve(self, key: str, rate: float, latest: float) -> float:
        """See `Buckets.reserve`."""
        now = time.monotonic()
        with self._lock:
            place = max(now, self._lines.get(key, now))
            if place - now >= latest:
                return latest
            self._lines[key] = place + 1 / rate
        return place - now

    def _left(self, limit: Limit, wanted: int, now: float) -> tuple[int, float]:
        """(tokens left, seconds until there are more)."""
        if not limit.seconds:
            saved = self._saved.setdefault(limit.key, _Saved(limit.burst, now))
            saved.tokens, saved.at = min(limit.burst, saved.tokens + (now - saved.at) * limit.most), now
            return math.floor(saved.tokens), (min(max(1, wanted), limit.burst) - saved.tokens) / limit.most
        step = limit.seconds / _STEPS
        current = math.floor(now / step)
        counted = self._counted.setdefault(limit.key, {})
        for slot in [slot for slot in counted if slot < current - _STEPS]:
            del counted[slot]
        left = max(0, math.floor(limit.most - sum(counted.values())))
        return left, (min(counted, default=current) + _STEPS + 1) * step - now

    def _spend(self, limit: Limit, tokens: int, now: float) -> None:
        if not limit.seconds:
            self._saved[limit.key].tokens -= tokens
        elif tokens:
            slot = math.floor(now / (limit.seconds / _STEPS))
            counted = self._counted[limit.key]
            counted[slot] = counted.get(slot, 0) + tokens


class SharedBuckets:
    """Limits in Redis, and the local ones while it is away."""

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)
        self._script = self._client.register_script(_TAKE)
        self._reserve = self._client.register_script(_RESERVE)
        self._local = LocalBuckets()
        self._away_until = 0.0

    def take(self, limits: Sequence[Limit], wanted: int) -> Grant:
        """See `Buckets.take`."""
        if time.monotonic() >= self._away_until:
            try:
                return self._take(limits, wanted)
            except RedisError as error:
                self._leave(error)
        return self._local.take(limits, wanted)

    def reserve(self, key: str, rate: float, latest: float) -> float:
        """See `Buckets.reserve`."""
        if time.monotonic() >= self._away_until:
            try:
                return float(self._reserve(keys=[key], args=[1 / rate, latest]))
            except RedisError as error:
                self._leave(error)
        return self._local.reserve(key, rate, latest)

    def _leave(self, error: RedisError) -> None:
        self._away_until = time.monotonic() + _REDIS_PAUSE
        logger.warning("no shared rate limit, each worker keeps its own", extra={"error": type(error).__name__})

    def _take(self, limits: Sequence[Limit], wanted: int) -> Grant:
        arguments: list[Any] = [wanted, _STEPS]
        for limit in limits:
            arguments += [limit.most, limit.seconds, limit.burst]
        granted, wait, guilty = self._script(keys=[limit.key for limit in limits], args=arguments)
        return Grant(int(granted), float(wait), limits[int(guilty) - 1] if int(guilty) else None)


@cache
def buckets_at(url: str) -> Buckets:
    """The buckets behind a broker's address: in Redis, or of this process for one that is in memory."""
    return SharedBuckets(url) if url.startswith(("redis", "unix")) else LocalBuckets()
