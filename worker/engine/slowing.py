"""Slowing down where a provider asks for it, and speeding up again: shared by all workers through Redis.

A provider that answers 421, 450, 451, 454 or 429, or asks for a pause, or a message centre that answers 0x58
(throttled) or 0x14 (queue full), gets half of what it got, and half of that
where it goes on asking (at most once in two seconds). Left in peace for five seconds it gets a sixtieth more with
every second, until it gets everything again. What it "got" was counted while it was not slowed.

Our keys: `carillon:slow:<provider id>` (a hash: factor, at, since, base, until, words), gone two minutes after the
last change; `carillon:flow:<provider id>` (a hash: rate, at), gone a minute after the last message;
`carillon:slowed:<provider id>`, the bucket of what it still gets.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, replace
from functools import cache
from threading import Lock
from typing import Any, Final, NamedTuple, Protocol

import redis
from redis.exceptions import RedisError

from dashboard.jobs.models import Rest
from worker.engine.buckets import Limit
from worker.engine.retrying import is_outage
from worker.providers.base import Outcome, Result

logger = logging.getLogger(__name__)

LEAST: Final = 0.02  # of what it got; and never less than one message in five seconds
_LEAST_RATE: Final = 0.2
_PEACE_SECONDS: Final = 5.0
_STEP: Final = 1 / 60
_NOT_AGAIN_SECONDS: Final = 2.0
_LONGEST_HOLD: Final = 60.0
_MEAN_SECONDS: Final = 5.0  # the flow is a mean over about so long
_REDIS_PAUSE: Final = 5.0
#: About the connection or the account, whomever the message is for.
_STRONG: Final = ("421", "429", "454", "http_429")
#: The same from a message centre, also where its line kept the message until it was taken after all.
_LINES: Final = frozenset({"0x58", "0x14"})
#: About this recipient, perhaps: they count when they are many.
_WEAK: Final = ("450", "451", "452")
_FEW, _SHARE = 3, 0.2  # a tenth of greylisted recipients is a usual list, a fifth is about us
_SCRIPT = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local handed, words, hold = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local mean, peace, step = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local again, least = tonumber(ARGV[7]), tonumber(ARGV[8])
local seconds = math.max(0.02, tonumber(ARGV[9]))
local flow = redis.call('HMGET', KEYS[2], 'rate', 'at', 'began')
local rate, at = tonumber(flow[1]) or 0, tonumber(flow[2]) or now
local began = tonumber(flow[3]) or now - seconds
rate = rate * math.exp(-math.max(0, now - at) / mean) + handed / seconds * (1 - math.exp(-seconds / mean))
if handed > 0 then
  redis.call('HSET', KEYS[2], 'rate', tostring(rate), 'at', string.format('%.6f', now),
    'began', string.format('%.6f', began))
  redis.call('EXPIRE', KEYS[2], 60)
end
rate = rate / (1 - math.exp(-math.max(seconds, now - began) / mean))
local kept = redis.call('HMGET', KEYS[1], 'factor', 'at', 'since', 'base', 'until', 'words')
if words ~= '' then
  local factor, slowed_at = tonumber(kept[1]), tonumber(kept[2])
  if factor then factor = factor + math.max(0, now - slowed_at - peace) * step end
  if factor == nil or factor >= 1 then
    kept = {'1', '0', string.format('%.6f', now), tostring(math.max(1, rate)), '0', words}
    factor, slowed_at = 1, 0
  end
  local ends = math.max(tonumber(kept[5]), now + hold)
  if now - slowed_at >= again then
    factor = math.max(least, factor / 2)
    kept[1], kept[2], kept[6] = tostring(factor), string.format('%.6f', now), words
  end
  kept[5] = string.format('%.6f', ends)
  redis.call('HSET', KEYS[1], 'factor', kept[1], 'at', kept[2], 'since', kept[3], 'base', kept[4], 'until', kept[5],
    'words', kept[6])
  redis.call('EXPIRE', KEYS[1], 120)
end
return {string.format('%.6f', now), kept[1], kept[2], kept[3], kept[4], kept[5], kept[6]}
"""
_NUMBERS = (_MEAN_SECONDS, _PEACE_SECONDS, _STEP, _NOT_AGAIN_SECONDS, LEAST)


class Handed(NamedTuple):
    """So many messages in so many seconds."""

    messages: int
    seconds: float


NOTHING: Final = Handed(0, 1.0)


@dataclass(frozen=True, slots=True)
class Slow:
    """A provider that is slowed: `factor` of `base` messages a second, `since` (seconds of the epoch), because of
    `words`; nothing at all for the next `hold` seconds."""

    factor: float
    base: float
    since: float
    words: str
    hold: float

    def limit(self, provider_id: int) -> Limit:
        """What it still gets."""
        rate = max(_LEAST_RATE, self.base * self.factor)
        return Limit(f"carillon:slowed:{provider_id}", rate, 0, Rest.SLOWED.value)


class Slowdowns(Protocol):
    """Which providers are slowed."""

    def look(self, provider_id: int, handed: Handed = NOTHING) -> Slow | None:
        """How a provider is slowed, None where it is not; so much was handed to it since the last look."""

    def slow_down(self, provider_id: int, words: str, hold: float = 0.0, handed: Handed = NOTHING) -> Slow | None:
        """It asks for less, and for nothing during the next `hold` seconds."""


@dataclass(slots=True)
class _State:
    factor: float
    at: float
    since: float
    base: float
    until: float
    words: str

    def shown(self, now: float) -> Slow | None:
        factor = _recovered(self.factor, self.at, now)
        if factor >= 1:
            return None
        return Slow(factor, self.base, self.since, self.words, max(0.0, self.until - now))


class _Flow(NamedTuple):
    rate: float
    at: float
    began: float


class LocalSlowdowns:
    """Those of this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._flows: dict[int, _Flow] = {}
        self._states: dict[int, _State] = {}

    def look(self, provider_id: int, handed: Handed = NOTHING) -> Slow | None:
        """See `Slowdowns.look`."""
        now = time.time()
        with self._lock:
            self._flow(provider_id, now, handed)
            state = self._states.get(provider_id)
            return state.shown(now) if state else None

    def slow_down(self, provider_id: int, words: str, hold: float = 0.0, handed: Handed = NOTHING) -> Slow | None:
        """See `Slowdowns.slow_down`."""
        now = time.time()
        with self._lock:
            rate = self._flow(provider_id, now, handed)
            state = self._states.get(provider_id)
            if state is None or state.shown(now) is None:
                state = _State(1.0, 0.0, now, max(1.0, rate), 0.0, words)
            until = max(state.until, now + hold)
            if now - state.at >= _NOT_AGAIN_SECONDS:
                factor = max(LEAST, _recovered(state.factor, state.at, now) / 2)
                state = replace(state, factor=factor, at=now, words=words)
            state.until = until
            self._states[provider_id] = state
            return state.shown(now)

    def _flow(self, provider_id: int, now: float, handed: Handed) -> float:
        messages, seconds = handed.messages, max(0.02, handed.seconds)
        rate, at, began = self._flows.get(provider_id, _Flow(0.0, now, now - seconds))
        rate = rate * math.exp(-max(0.0, now - at) / _MEAN_SECONDS)
        rate += messages / seconds * (1 - math.exp(-seconds / _MEAN_SECONDS))
        if messages:
            self._flows[provider_id] = _Flow(rate, now, began)
        return rate / (1 - math.exp(-max(seconds, now - began) / _MEAN_SECONDS))


class SharedSlowdowns:
    """Those in Redis, and the local ones while it is away."""

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)
        self._script = self._client.register_script(_SCRIPT)
        self._local = LocalSlowdowns()
        self._away_until = 0.0

    def look(self, provider_id: int, handed: Handed = NOTHING) -> Slow | None:
        """See `Slowdowns.look`."""
        answer = self._ask(provider_id, handed, "", 0.0)
        return self._local.look(provider_id, handed) if answer is None else _read(answer)

    def slow_down(self, provider_id: int, words: str, hold: float = 0.0, handed: Handed = NOTHING) -> Slow | None:
        """See `Slowdowns.slow_down`."""
        answer = self._ask(provider_id, handed, words or "asked for less", hold)
        return self._local.slow_down(provider_id, words, hold, handed) if answer is None else _read(answer)

    def _ask(self, provider_id: int, handed: Handed, words: str, hold: float) -> list[Any] | None:
        if time.monotonic() < self._away_until:
            return None
        keys = [f"carillon:slow:{provider_id}", f"carillon:flow:{provider_id}"]
        try:
            return list(self._script(keys=keys, args=[handed.messages, words, hold, *_NUMBERS, handed.seconds]))
        except RedisError as error:
            self._away_until = time.monotonic() + _REDIS_PAUSE
            logger.warning("each worker slows down by itself", extra={"error": type(error).__name__})
            return None


def _read(answer: list[Any]) -> Slow | None:
    now, factor, at, since, base, until, words = answer
    if factor is None:
        return None
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return _State(float(factor), float(at), float(since), float(base), float(until), text).shown(float(now))


@cache
def slowdowns_at(url: str) -> Slowdowns:
    """Those behind a broker's address: in Redis, or of this process for one that is in memory."""
    return SharedSlowdowns(url) if url.startswith(("redis", "unix")) else LocalSlowdowns()


class Brake:
    """What one slice sees of its provider: when to slow down, and how much the provider gets meanwhile."""

    def __init__(self, slowdowns: Slowdowns, provider_id: int) -> None:
        self.slow: Slow | None = slowdowns.look(provider_id)
        self._slowdowns = slowdowns
        self._provider_id = provider_id
        self._answers = 0
        self._weak = 0
        self._untold = 0  # answers that the others have not heard of
        self._told_at = time.monotonic()

    def limits(self, others: tuple[Limit, ...]) -> tuple[Limit, ...]:
        """The limits of the provider's row, and what it still gets where it is slowed."""
        return others if self.slow is None else (*others, self.slow.limit(self._provider_id))

    def look(self) -> None:
        """Once a second: tell what was handed over, learn what others met."""
        self.slow = self._slowdowns.look(self._provider_id, self._handed())
        self._answers = self._weak = 0

    def met(self, outcome: Outcome) -> bool:
        """Count an answer; True where it made us slower."""
        self._answers += 1
        self._untold += 1
        if outcome.result is Result.SENT and outcome.code not in _LINES:  # nearly always
            return False
        if is_outage(outcome) or not self._asks_for_less(outcome):
            return False
        words = " ".join(f"{outcome.code} {outcome.detail}".split())[:300]
        hold = min(outcome.retry_after or 0.0, _LONGEST_HOLD)
        self.slow = self._slowdowns.slow_down(self._provider_id, words, hold, self._handed())
        return True

    def _handed(self) -> Handed:
        now = time.monotonic()
        handed = Handed(self._untold, now - self._told_at)
        self._untold, self._told_at = 0, now
        return handed

    def _asks_for_less(self, outcome: Outcome) -> bool:
        if outcome.code in _LINES and outcome.result is Result.SENT:
            return True
        if outcome.result is not Result.RETRY:
            return False
        if outcome.code in _LINES or outcome.code.startswith(_STRONG):
            return True
        if outcome.retry_after is not None and outcome.code.startswith("http_"):
            return True
        if not outcome.code.startswith(_WEAK):
            return False
        self._weak += 1
        return self._weak >= _FEW and self._weak >= _SHARE * self._answers


def _recovered(factor: float, at: float, now: float) -> float:
    return min(1.0, factor + max(0.0, now - at - _PEACE_SECONDS) * _STEP)
