"""How long providers take to answer, and with what result: kept in Redis, written about once a second by a slice.

Never once a message: a slice counts in memory and adds its counts up with one pipeline, so the price on the hot path
is two look-ups in a dictionary. Where Redis is away the counts wait for the next try.

Our keys, both hashes: `carillon:provider:<id>` (since Redis holds data: what Prometheus reads) and
`carillon:provider:<id>:<hour>` (hours since 1970, gone after two of them: what "lately" means on a page). Fields:
`result:<result>` answers, `le:<seconds>` answers that took at most so long and more than the bound before, `seconds`
their sum.
"""

from __future__ import annotations

import logging
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any, Final, Protocol

import redis
from redis.exceptions import RedisError

from worker.providers.base import Outcome, Result

logger = logging.getLogger(__name__)

#: Upper bounds in seconds; what took longer falls into the last, endless one.
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LABELS: Final = (*(f"le:{bound:g}" for bound in BOUNDS), "le:+Inf")
_SAVE_SECONDS: Final = 1.0
_HOUR_KEPT: Final = 2 * 3600 + 60


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers of one provider. `by_bound` runs along BOUNDS plus the endless one; `seconds` is the sum of all."""

    results: Mapping[str, int] = field(default_factory=dict)
    by_bound: tuple[int, ...] = (0,) * len(_LABELS)
    seconds: float = 0.0

    @property
    def count(self) -> int:
        return sum(self.by_bound)

    @property
    def errors(self) -> int:
        """Answers other than "taken"."""
        return sum(self.results.values()) - self.results.get(Result.SENT.value, 0)

    def quantile(self, share: float) -> float | None:
        """The bound below which that share of the answers came, in seconds; None for none at all."""
        wanted, seen = share * self.count, 0
        for bound, count in zip((*BOUNDS, BOUNDS[-1]), self.by_bound, strict=True):
            seen += count
            if count and seen >= wanted:
                return bound
        return None


@dataclass(frozen=True, slots=True)
class ProviderFigures:
    """Answers of one provider since Redis holds data, and those of this hour and the one before."""

    total: Answers
    lately: Answers


class Store(Protocol):
    """Where the counts of all slices come together."""

    def add(self, provider_id: int, counts: Counter[str], seconds: float) -> None:
        """Add up counts of the module's fields. Raises RedisError."""

    def read(self, provider_ids: Sequence[int]) -> list[ProviderFigures]:
        """The figures of each. Raises RedisError."""


class LocalStore:
    """The counts of this process, where the broker is in memory."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._fields: dict[int, dict[str, float]] = {}

    def add(self, provider_id: int, counts: Counter[str], seconds: float) -> None:
        """See `Store.add`."""
        with self._lock:
            fields = self._fields.setdefault(provider_id, {})
            for name, count in {**counts, "seconds": seconds}.items():
                fields[name] = fields.get(name, 0) + count

    def read(self, provider_ids: Sequence[int]) -> list[ProviderFigures]:
        """See `Store.read`."""
        found = [_answers(self._fields.get(provider_id, {})) for provider_id in provider_ids]
        return [ProviderFigures(answers, answers) for answers in found]


class SharedStore:
    """The counts in Redis."""

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(
            url, socket_timeout=1.0, socket_connect_timeout=1.0, decode_responses=True
        )

    def add(self, provider_id: int, counts: Counter[str], seconds: float) -> None:
        """See `Store.add`."""
        total, hour = _keys(provider_id)[:2]
        pipe = self._client.pipeline(transaction=True)
        for key in (total, hour):
            for name, count in counts.items():
                pipe.hincrby(key, name, count)
            pipe.hincrbyfloat(key, "seconds", seconds)
        pipe.expire(hour, _HOUR_KEPT)
        pipe.execute()

    def read(self, provider_ids: Sequence[int]) -> list[ProviderFigures]:
        """See `Store.read`."""
        pipe = self._client.pipeline(transaction=False)
        for provider_id in provider_ids:
            for key in _keys(provider_id):
                pipe.hgetall(key)
        hashes = pipe.execute()
        return [
            ProviderFigures(_answers(hashes[at]), _answers(_sum(hashes[at + 1], hashes[at + 2])))
            for at in range(0, len(hashes), 3)
        ]


@cache
def store_at(url: str) -> Store:
    """The store behind a broker's address: in Redis, or of this process for one that is in memory."""
    return SharedStore(url) if url.startswith(("redis", "unix")) else LocalStore()


class Stopwatch:
    """The answers of one slice's provider. Not to be shared between threads."""

    def __init__(self, store: Store, provider_id: int) -> None:
        self._store = store
        self._provider_id = provider_id
        self._started: dict[int, float] = {}
        self._counts: Counter[str] = Counter()
        self._seconds = 0.0
        self._save_at = time.monotonic() + _SAVE_SECONDS

    def handed_over(self, reference: int) -> None:
        """A message is the session's from now on."""
        self._started[reference] = time.monotonic()

    def answered(self, outcome: Outcome) -> None:
        """Its outcome came."""
        now = time.monotonic()
        seconds = now - self._started.pop(outcome.reference, now)
        self._seconds += seconds
        self._counts[_LABELS[bisect_left(BOUNDS, seconds)]] += 1
        self._counts[f"result:{outcome.result.value}"] += 1

    def save_sometimes(self) -> None:
        """Save where a second has gone by; to be called once a window."""
        if time.monotonic() >= self._save_at:
            self.save()

    def save(self) -> None:
        """Add the counts to everybody's; kept for the next time where Redis is away."""
        self._save_at = time.monotonic() + _SAVE_SECONDS
        if not self._counts:
            return
        try:
            self._store.add(self._provider_id, self._counts, self._seconds)
        except (RedisError, OSError) as error:
            self._save_at += 5
            logger.warning("figures of a provider could not be kept", extra={"error": type(error).__name__})
            return
        self._counts, self._seconds = Counter(), 0.0


def _keys(provider_id: int) -> tuple[str, str, str]:
    hour = int(time.time()) // 3600
    own = f"carillon:provider:{provider_id}"
    return own, f"{own}:{hour}", f"{own}:{hour - 1}"


def _sum(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, float]:
    return {name: float(one.get(name, 0)) + float(other.get(name, 0)) for name in {*one, *other}}


def _answers(fields: Mapping[str, Any]) -> Answers:
    return Answers(
        results={result.value: int(float(fields.get(f"result:{result.value}", 0))) for result in Result},
        by_bound=tuple(int(float(fields.get(label, 0))) for label in _LABELS),
        seconds=float(fields.get("seconds", 0)),
    )
