"""Which providers a request that waits may go by, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from dashboard.extensions import utc_now
from dashboard.jobs.models import Job
from dashboard.settings import Settings
from worker.engine import breaker
from worker.engine.buckets import Limit
from worker.engine.outages import outages
from worker.engine.plan import CannotSend, Plan, plan_of
from worker.engine.providers import provider_limits
from worker.engine.routing import Choice, Stop, may_try

Turn = tuple[Plan, Sequence[Limit]]


@dataclass(frozen=True, slots=True)
class Way:
    """The stops of a route in their order, where it has several; `job` has the columns of the job."""

    stops: Sequence[Stop] = ()
    job: Any = None

    def __bool__(self) -> bool:
        return len(self.stops) > 1

    def plans(self, engine: Engine, settings: Settings, booked: Plan, limits: Sequence[Limit]) -> Iterator[Turn]:
        """First the provider that is wanted more than the booked one and whose trial is due, then the booked one, then
        the healthy others; those that could not be reached a moment ago last. Plans are made when they are asked for.
        """
        others = [stop for stop in self.stops if stop.provider.id != booked.facts.provider_id] if self else []
        trial = self._trial(engine, booked)
        if trial is not None:
            yield from self._turn(engine, settings, trial, trial=True)
        healthy = [stop for stop in others if stop.provider.breaker_opened_at is None]
        rested = [stop for stop in healthy if not outages.resting(stop.provider.id)]
        if outages.resting(booked.facts.provider_id) and rested:
            yield from self._turn(engine, settings, rested.pop(0))
        yield booked, limits
        for stop in rested:
            yield from self._turn(engine, settings, stop)

    def _trial(self, engine: Engine, booked: Plan) -> Stop | None:
        now = utc_now()
        for stop in self.stops if self else ():
            if stop.provider.id == booked.facts.provider_id:
                break
            if may_try(stop.provider, now) and breaker.claim_trial(engine, stop.provider.id, now):
                return stop
        return None

    def _turn(self, engine: Engine, settings: Settings, stop: Stop, *, trial: bool = False) -> Iterator[Turn]:
        job = Job(**self.job)
        with Session(engine) as session:
            try:
                plan = plan_of(session, settings, job, Choice(stop, trial=trial, alternatives=True))
            except CannotSend:
                return
        yield plan, provider_limits(stop.provider, plan.facts.job_id)
