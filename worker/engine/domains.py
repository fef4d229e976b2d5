"""Limits for single domains of recipients, so that a slow one never stands in the way of the others.

A message to a limited domain goes when the domain has a token. Else it waits beside the line while the others pass,
two seconds' worth of messages at most; what comes on top is put off to a time at which, by what was put off before it,
the domain should be free, a quarter of an hour at most.

Our keys in Redis: `carillon:domain:<provider id>:<domain>` (the bucket) and the same with `:later` (the moment up to
which messages were put off), gone when it has passed.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping

from worker.engine.buckets import Buckets, Limit
from worker.engine.chunks import Hold
from worker.engine.rows import Row

_BESIDE_SECONDS = 2.0
_LATEST = 900.0
_LOOK_SECONDS = 0.05

Entry = tuple[Hold, Row]


class SlowDomains:
    """The limited domains of one slice. `rates` may be changed at any time: domain -> messages a second."""

    def __init__(self, buckets: Buckets, provider_id: int, rates: Mapping[str, float], most_waiting: int) -> None:
        self.rates = rates
        self._buckets = buckets
        self._key = f"carillon:domain:{provider_id}:"
        self._most_waiting = most_waiting
        self._waiting: dict[str, deque[Entry]] = {}
        self._ready: deque[Entry] = deque()
        self.count = 0  # what `len` says, without a call
        self._look_at = 0.0

    def __len__(self) -> int:
        """How many messages wait beside the line."""
        return self.count

    def admit(self, entry: Entry) -> float | None:
        """None where the message may go now; 0.0 where it waits here; else the seconds to put it off for."""
        domain = entry[1].recipient.rpartition("@")[2].lower()
        rate = self.rates.get(domain)
        if rate is None:
            return None
        line = self._waiting.setdefault(domain, deque())
        if not line and self._buckets.take([self._limit(domain, rate)], 1).tokens:
            return None
        if len(line) < max(1, math.ceil(rate * _BESIDE_SECONDS)) and self.count < self._most_waiting:
            line.append(entry)
            self.count += 1
            return 0.0
        return _BESIDE_SECONDS + self._buckets.reserve(f"{self._key}{domain}:later", rate, _LATEST)

    def ready(self) -> bool:
        """May one of those that wait go now? Looks for tokens twenty times a second."""
        if not self.count or self._ready:
            return bool(self._ready)
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + _LOOK_SECONDS
        for domain, line in self._waiting.items():
            rate = self.rates.get(domain)
            granted = len(line) if rate is None else self._granted(domain, rate, len(line))
            self._ready.extend(line.popleft() for _ in range(granted))
        return bool(self._ready)

    def pop(self) -> Entry | None:
        """The next one that may go; None where there is none."""
        if not self._ready:
            return None
        self.count -= 1
        return self._ready.popleft()

    def drain(self) -> list[Entry]:
        """All that wait, to be put back."""
        left = [*self._ready, *(entry for line in self._waiting.values() for entry in line)]
        self._ready.clear()
        self._waiting.clear()
        self.count = 0
        return left

    def _granted(self, domain: str, rate: float, wanted: int) -> int:
        return self._buckets.take([self._limit(domain, rate)], wanted).tokens if wanted else 0

    def _limit(self, domain: str, rate: float) -> Limit:
        return Limit(self._key + domain, rate)
