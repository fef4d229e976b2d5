"""Who sends the next slice of a job: the first healthy provider of its route, or one of several by their weights.

A job keeps the route of its kind as it was when the job was made. A job whose provider somebody chose by name has no
other: then a failing provider is waited for, and a disabled one pauses the job, as the person meant just that one.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from dashboard.jobs.models import Job
from dashboard.message_templates.models import Category
from dashboard.providers.models import ChannelSwitch, Provider
from worker.engine import breaker
from worker.engine.outages import outages


class NobodySends(Exception):
    """Every provider of the job is disabled, archived or gone; the message is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One provider of a route, with the address that it sends from."""

    provider: Provider
    weight: int
    from_address: str
    from_name: str

    def as_kept(self) -> dict[str, Any]:
        """As a job's row has it."""
        return {
            "provider_id": self.provider.id,
            "weight": self.weight,
            "from_address": self.from_address,
            "from_name": self.from_name,
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """The provider of a slice. `trial`: its breaker is open and this slice finds out whether it works again;
    `alternatives`: others stand by, so that a failing one is left instead of waited for."""

    stop: Stop
    trial: bool = False
    alternatives: bool = False


def choose(session: Session, engine: Engine, job: Job, now: datetime) -> Choice:
    """The provider for the next slice. Raises NobodySends."""
    switch = session.get(ChannelSwitch, job.channel)
    if switch is not None and switch.off and job.category != Category.OTP:
        raise NobodySends(f"The channel {job.channel} is switched off. Switch it on under Providers, then resume.")
    stops = _stops(session, job)
    usable = [stop for stop in stops if problem_of(stop.provider) == ""]
    if not usable:
        raise NobodySends(problem_of(stops[0].provider) if stops else "The job has no provider any more.")
    if len(usable) == 1:
        return Choice(usable[0])
    trial = trial_of(engine, usable, now)
    if trial is not None:
        return Choice(trial, trial=True, alternatives=True)
    chosen = by_weight(usable)
    return Choice(chosen, alternatives=works(chosen.provider))


def by_weight(stops: Sequence[Stop]) -> Stop:
    """The healthy one whose turn it is; where there is none, the one that may come back first. `stops` is not empty."""
    healthy = [stop for stop in stops if works(stop.provider)]
    if not healthy:
        return min(stops, key=_comes_back)
    weighted = [stop for stop in healthy if stop.weight > 0]
    if not weighted:
        return healthy[0]
    return random.choices(weighted, [stop.weight for stop in weighted])[0]


def trial_of(engine: Engine, stops: Sequence[Stop], now: datetime) -> Stop | None:
    """One whose traffic goes elsewhere and that is to be tried now, claimed for the caller; None where nobody is due.

    Who is missed comes back as soon as it can: its trial goes before the healthy ones.
    """
    for stop in _missed(stops):
        until = stop.provider.breaker_until
        if until is not None and until <= now and breaker.claim_trial(engine, stop.provider.id, now):
            return stop
    return None


def _missed(stops: Sequence[Stop]) -> list[Stop]:
    """Those with an open breaker that would get messages if it were closed: whoever has a weight; where none of these
    is left, whoever stands before the first that works."""
    sharing = [stop for stop in stops if stop.weight > 0]
    standing_by = [stop for stop in stops if not stop.weight]
    return [
        *filter(_is_open, sharing),
        *(takewhile(_is_open, standing_by) if all(map(_is_open, sharing)) else ()),
    ]


def looked_at(session: Session, job: Job, sent_by: int | None) -> Choice:
    """Who sent a message of the job, in whatever state that provider is now."""
    stops = _stops(session, job)
    return Choice(next((stop for stop in stops if stop.provider.id == sent_by), stops[0]))


def only(job: Job, provider: Provider) -> Choice:
    """That provider and no other, from the job's own address."""
    return Choice(Stop(provider, 0, job.from_address, job.from_name))


def problem_of(provider: Provider) -> str:
    """Why a provider must not be used at all, in words for the operator; empty where it may."""
    if provider.archived_at is not None:
        return f"The provider {provider.name} is archived. Choose another one, then resume."
    if not provider.enabled:
        return f"The provider {provider.name} is disabled. Enable it under Providers, then resume."
    return ""


def _stops(session: Session, job: Job) -> list[Stop]:
    entries: Sequence[Mapping[str, Any]] = job.route or [
        {"provider_id": job.provider_id, "from_address": job.from_address, "from_name": job.from_name}
    ]
    found = []
    for entry in entries:
        provider = session.get(Provider, entry["provider_id"])
        if provider is not None:
            stop = Stop(provider, int(entry.get("weight", 0)), entry["from_address"], entry.get("from_name", ""))
            found.append(stop)
    return found


def works(provider: Provider) -> bool:
    """Is its breaker closed, and could this process reach it a moment ago?"""
    return provider.breaker_opened_at is None and not outages.resting(provider.id)


def _is_open(stop: Stop) -> bool:
    return stop.provider.breaker_opened_at is not None


def _comes_back(stop: Stop) -> float:
    until = stop.provider.breaker_until
    return until.timestamp() if until is not None else 0.0
