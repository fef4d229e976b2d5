"""How providers are doing: what they took in the last 24 hours, hour by hour, and what went wrong.

No index leads from a provider to its messages, and none may (every index costs the hot path). But the ids of a job's
messages are a known block, so a sample spread over them is read by primary key: 400,000 messages take as long as
2,000 (50 ms on SQLite). Up to that number every message is looked at and the figures are exact.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from dashboard.extensions import db
from dashboard.ids import id_at
from dashboard.jobs.models import Job
from dashboard.messages.models import ERROR_STATES, SUCCESS_STATES, Message, MessageState
from dashboard.providers.models import Provider

HOURS = 24
#: Messages looked at for each provider.
SAMPLE = 2_000
#: Jobs looked at, the newest: whoever makes more of them in a day sees the figures of the latest.
_MOST_JOBS = 5_000
#: A run may be paused for so long and still count into the last 24 hours.
_OLDEST_JOB = timedelta(days=14)
#: Parameters of one statement; SQLite takes 32,766.
_MOST_PARAMETERS = 20_000
#: What tells about the provider; that a mailbox is dead or a person complains does not.
_PROVIDER_FAILURES = frozenset({MessageState.FAILED, MessageState.UNKNOWN, MessageState.EXPIRED})
#: From so many outcomes within an hour a share means something.
_ENOUGH = 10
_DEGRADED_FROM, _DOWN_FROM = 0.1, 0.95


@dataclass(frozen=True, slots=True)
class Traffic:
    """Messages handed to a provider: of the last 24 hours by hour (oldest first), and outcomes of the last hour.

    Where `weight` is above 1 the figures are scaled up from one of every so many messages.
    """

    hours: tuple[int, ...] = (0,) * HOURS
    sent: int = 0
    failed: int = 0
    put_off: int = 0
    trouble: int = 0
    weight: int = 1

    @property
    def day(self) -> int:
        return sum(self.hours)

    @property
    def last_hour(self) -> int:
        """Messages with an outcome, or put off, in the last hour."""
        return self.sent + self.failed + self.put_off

    @property
    def share_of_trouble(self) -> float:
        """Share of the last hour's messages that the provider refused, lost or put off; 0 for too few to tell."""
        return self.trouble / self.last_hour if self.last_hour >= _ENOUGH else 0.0


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Failures with the same code: how many in the last 24 hours, the newest with its words."""

    code: str
    count: int
    words: str
    message_id: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Messages to look at, by provider, and how many each of them stands for."""

    ids: dict[int, list[int]]
    weights: dict[int, int]

    def batches(self) -> Iterable[list[int]]:
        every = [message_id for ids in self.ids.values() for message_id in ids]
        for start in range(0, len(every), _MOST_PARAMETERS):
            yield every[start : start + _MOST_PARAMETERS]


def sample_of(provider_ids: Sequence[int], now: datetime) -> Sample:
    """Choose among the messages of the providers' runs of the last 24 hours."""
    jobs = db.session.execute(
        select(Job.provider_id, Job.first_message_id, Job.record_count)
        .where(
            Job.provider_id.in_(provider_ids),
            Job.id >= id_at(now - _OLDEST_JOB),
            Job.started_at.is_not(None),
            or_(Job.finished_at.is_(None), Job.finished_at >= now - timedelta(hours=HOURS)),
        )
        .order_by(Job.id.desc())
        .limit(_MOST_JOBS)
    ).all()
    blocks: dict[int, list[tuple[int, int]]] = {}
    for provider_id, first, count in jobs:
        blocks.setdefault(provider_id, []).append((first, count))
    weights = {provider_id: max(1, -(-sum(count for _, count in own) // SAMPLE)) for provider_id, own in blocks.items()}
    return Sample({provider_id: one_of_each(own, weights[provider_id]) for provider_id, own in blocks.items()}, weights)


def one_of_each(blocks: Iterable[tuple[int, int]], group: int) -> list[int]:
    """One id of every `group` neighbours in blocks (first id, count) laid end to end, drawn by lot.

    Not simply every n-th: audiences repeat themselves (each tenth person at one mail host, say), and a regular step
    may then meet only those. The lot falls the same every time, so that figures do not flicker.
    """
    lot = random.Random(group)
    walk = iter(blocks := list(blocks))
    total = sum(count for _, count in blocks)
    first, count, before = 0, 0, 0
    chosen: list[int] = []
    for start in range(0, total, group):
        place = start + lot.randrange(group)
        if place >= total:
            break
        while place >= before + count:
            before += count
            first, count = next(walk)
        chosen.append(first + place - before)
    return chosen


def traffic_of(sample: Sample, now: datetime) -> dict[int, Traffic]:
    """The traffic of every provider of the sample; one that did nothing is left out."""
    counted: dict[int, list[int]] = {}
    for batch in sample.batches():
        rows = db.session.execute(
            select(Message.provider_id, *_counts(now)).where(Message.id.in_(batch)).group_by(Message.provider_id)
        )
        for provider_id, *numbers in rows:
            before = counted.get(provider_id, [0] * len(numbers))
            counted[provider_id] = [old + new for old, new in zip(before, numbers, strict=True)]
    found = {}
    for provider_id, numbers in counted.items():
        weight = sample.weights.get(provider_id, 1)
        *hours, sent, failed, put_off, trouble = (number * weight for number in numbers)
        found[provider_id] = Traffic(tuple(hours), sent, failed, put_off, trouble, weight=weight)
    return found


def errors_of(provider_id: int, sample: Sample, now: datetime, limit: int = 5) -> list[ErrorGroup]:
    """The commonest failures of the last 24 hours, from the same sample."""
    rows = db.session.execute(
        select(Message.code, func.count(), func.max(Message.id))
        .where(
            Message.id.in_(sample.ids.get(provider_id, [])),
            Message.state.in_(sorted(ERROR_STATES)),
            Message.handed_over_at >= now - timedelta(hours=HOURS),
        )
        .group_by(Message.code)
        .order_by(func.count().desc())
        .limit(limit)
    ).all()
    newest = [message_id for _, _, message_id in rows]
    details = db.session.execute(select(Message.id, Message.detail).where(Message.id.in_(newest)))
    words = {row.id: row.detail for row in details}
    weight = sample.weights.get(provider_id, 1)
    return [ErrorGroup(code or "", count * weight, words.get(last) or "", last) for code, count, last in rows]


def used(provider_ids: Sequence[int]) -> frozenset[int]:
    """Those of the providers that ever began to send."""
    rows = db.session.scalars(
        select(Job.provider_id).where(Job.provider_id.in_(provider_ids), Job.started_at.is_not(None)).distinct()
    )
    return frozenset(rows)


def state_of(provider: Provider, traffic: Traffic, *, ever_used: bool) -> str:
    """The word for a provider in dashboard.status.

    Down: the last attempt to reach it failed, or nearly nothing passed within the hour. Degraded: it refused, lost or
    put off a tenth of the last hour's messages.
    """
    if not provider.enabled:
        return "disabled"
    if provider.breaker_opened_at is not None:
        return "down"
    if provider.draining:
        return "draining"
    share = traffic.share_of_trouble
    if provider.last_error or share >= _DOWN_FROM:
        return "down"
    if share >= _DEGRADED_FROM:
        return "degraded"
    return "healthy" if provider.last_test_ok or ever_used else "untested"


def _counts(now: datetime) -> list[ColumnElement[Any]]:
    """24 hours, then sent, failed, put off and in trouble within the last hour."""
    start = now - timedelta(hours=HOURS)
    edges = [start + timedelta(hours=hour) for hour in range(HOURS + 1)]
    at = Message.handed_over_at
    hours = [
        func.count().filter(and_(at >= edges[hour], at < edges[hour + 1] if hour < HOURS - 1 else at >= edges[hour]))
        for hour in range(HOURS)
    ]
    recent = at >= edges[-2]
    put_off = and_(Message.state == MessageState.QUEUED, Message.attempts > 0)
    return [
        *hours,
        func.count().filter(and_(recent, Message.state.in_(sorted(SUCCESS_STATES)))),
        func.count().filter(and_(recent, Message.state.in_(sorted(ERROR_STATES)))),
        func.count().filter(and_(recent, put_off)),
        func.count().filter(and_(recent, or_(put_off, Message.state.in_(sorted(_PROVIDER_FAILURES))))),
    ]
