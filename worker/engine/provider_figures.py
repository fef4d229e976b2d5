"""How long providers take to answer, and with what result: kept in Redis, written about once a second by a slice.

Never once a message: a slice counts in memory and adds its counts up with one pipeline, so the price on the hot path
is two look-ups in a dictionary. Where Redis is away the counts wait for the next try.

Our keys, all hashes: `carillon:provider:<id>` (since Redis holds data: what Prometheus reads),
`carillon:provider:<id>:<hour>` (hours since 1970, gone after two of them: what "lately" means on a page),
`carillon:provider:<id>:m<minute>` (gone after a day: the charts) and `carillon:provider:<id>:s<ten seconds>` (gone
after a minute: what the breaker judges). Fields:
`result:<result>` answers, `bad` those that make a breaker open, `le:<seconds>` answers that took at most so long and
more than the bound before, `seconds` their sum.
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

from worker.engine.retrying import NOT_ATTEMPTED
from worker.providers.base import Outcome, Result

logger = logging.getLogger(__name__)

#: Upper bounds in seconds; what took longer falls into the last, endless one.
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LABELS: Final = (*(f"le:{bound:g}" for bound in BOUNDS), "le:+Inf")
_SAVE_SECONDS: Final = 1.0
_HOUR_KEPT: Final = 2 * 3600 + 60
_MINUTE_KEPT: Final = 25 * 3600
_SPAN_SECONDS: Final = 10
_SPANS: Final = 3  # how far back "recent" reaches: 20 to 30 s
_RESULTS: Final = {result: f"result:{result.value}" for result in Result}
_BAD: Final = frozenset({Result.RETRY, Result.UNKNOWN})


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


@dataclass(frozen=True, slots=True)
class Recent:
    """Answers of the last half minute. `bad` ones were no answers about a message: errors, time-outs, refusals to
    talk. What a recipient's mailbox is at fault for is not among them."""

    count: int = 0
    bad: int = 0
    seconds: float = 0.0

    @property
    def mean_seconds(self) -> float:
        return self.seconds / self.count if self.count else 0.0


class Store(Protocol):
    """Where the counts of all slices come together."""

    def add(self, provider_id: int, counts: Counter[str], seconds: float) -> None:
        """Add up counts of the module's fields. Raises RedisError."""

    def read(self, provider_ids: Sequence[int]) -> list[ProviderFigures]:
        """The figures of each. Raises RedisError."""

    def recent(self, provider_id: int) -> Recent:
        """What the breaker judges. Raises RedisError."""

    def minutes(self, provider_id: int, minutes: int) -> list[Answers]:
        """Answers of each of the last minutes, the newest last. Raises RedisError."""


class LocalStore:
    """The counts of this process, where the broker is in memory."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._fields: dict[str, dict[str, float]] = {}

    def add(self, provider_id: int, counts: Counter[str], seconds: float) -> None:
        """See `Store.add`."""
        total, _, minute, span = _written(provider_id)
        with self._lock:
            for key in (total, minute, span):
                fields = self._fields.setdefault(key, {})
                for name, count in {**counts, "seconds": seconds}.items():
                    fields[name] = fields.get(name, 0) + count

    def read(self, provider_ids: Sequence[int]) -> list[ProviderFigures]:
        """See `Store.read`."""
        found = [_answers(self._fields.get(_keys(provider_id)[0], {})) for provider_id in provider_ids]
        return [ProviderFigures(answers, answers) for answers in found]

    def recent(self, provider_id: int) -> Recent:
        """See `Store.recent`."""
        return _recent([self._fields.get(key, {}) for key in _spans(provider_id)])

    def minutes(self, provider_id: int, minutes: int) -> list[Answers]:
        """See `Store.minutes`."""
        return [_answers(self._fields.get(key, {})) for key in _minutes(provider_id, minutes)]


class SharedStore:
    """The counts in Redis."""

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(
            url, socket_timeout=1.0, socket_connect_timeout=1.0, decode_responses=True
        )

    def add(self, provider_id: int, counts: Counter[str], seconds: float) -> None:
        """See `Store.add`."""
        total, hour, minute, span = _written(provider_id)
        pipe = self._client.pipeline(transaction=True)
        for key, kept in ((total, 0), (hour, _HOUR_KEPT), (minute, _MINUTE_KEPT), (span, 60)):
            for name, count in counts.items():
                pipe.hincrby(key, name, count)
            pipe.hincrbyfloat(key, "seconds", seconds)
            if kept:
                pipe.expire(key, kept)
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

    def recent(self, provider_id: int) -> Recent:
        """See `Store.recent`."""
        return _recent(self._hashes(_spans(provider_id)))

    def minutes(self, provider_id: int, minutes: int) -> list[Answers]:
        """See `Store.minutes`."""
        return [_answers(fields) for fields in self._hashes(_minutes(provider_id, minutes))]

    def _hashes(self, keys: Sequence[str]) -> list[dict[str, str]]:
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.hgetall(key)
        hashes: list[dict[str, str]] = pipe.execute()
        return hashes


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
        self._all, self._bad = 0, 0
        self._save_at = time.monotonic() + _SAVE_SECONDS

    @property
    def of_this_slice(self) -> Recent:
        """The answers that this slice has had; without their times."""
        return Recent(self._all, self._bad)

    def recent(self) -> Recent:
        """The answers that all workers had lately; of this slice alone where Redis is away."""
        try:
            return self._store.recent(self._provider_id)
        except (RedisError, OSError):
            return self.of_this_slice

    def handed_over(self, reference: int) -> None:
        """A message is the session's from now on."""
        self._started[reference] = time.monotonic()

    def answered(self, outcome: Outcome) -> None:
        """Its outcome came."""
        now = time.monotonic()
        seconds = now - self._started.pop(outcome.reference, now)
        self._seconds += seconds
        counts, result = self._counts, outcome.result
        counts[_LABELS[bisect_left(BOUNDS, seconds)]] += 1
        counts[_RESULTS[result]] += 1
        self._all += 1
        if result in _BAD and outcome.code != NOT_ATTEMPTED:
            self._bad += 1
            self._counts["bad"] += 1

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


def _written(provider_id: int) -> tuple[str, str, str, str]:
    """The keys that an answer of now is counted under: for ever, its hour, its minute, its ten seconds."""
    own, hour, _ = _keys(provider_id)
    return own, hour, _minutes(provider_id, 1)[0], _spans(provider_id)[0]


def _spans(provider_id: int) -> list[str]:
    now = int(time.time()) // _SPAN_SECONDS
    return [f"carillon:provider:{provider_id}:s{now - back}" for back in range(_SPANS)]


def _minutes(provider_id: int, minutes: int) -> list[str]:
    now = int(time.time()) // 60
    return [f"carillon:provider:{provider_id}:m{now - back}" for back in reversed(range(minutes))]


def _recent(hashes: Sequence[Mapping[str, Any]]) -> Recent:
    answers = [_answers(fields) for fields in hashes]
    bad = sum(int(float(fields.get("bad", 0))) for fields in hashes)
    return Recent(sum(one.count for one in answers), bad, sum(one.seconds for one in answers))


def _sum(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, float]:
    return {name: float(one.get(name, 0)) + float(other.get(name, 0)) for name in {*one, *other}}


def _answers(fields: Mapping[str, Any]) -> Answers:
    return Answers(
        results={result.value: int(float(fields.get(f"result:{result.value}", 0))) for result in Result},
        by_bound=tuple(int(float(fields.get(label, 0))) for label in _LABELS),
        seconds=float(fields.get("seconds", 0)),
    )
