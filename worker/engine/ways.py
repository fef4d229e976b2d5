"""Which providers a request that waits may go by, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from dashboard.extensions import utc_now
from dashboard.jobs.models import Job
from dashboard.settings import Settings
from worker.engine.buckets import Limit
from worker.engine.plan import CannotSend, Plan, plan_of
from worker.engine.providers import provider_limits
from worker.engine.routing import Choice, Stop, trial_of, works

Turn = tuple[Plan, Sequence[Limit]]


@dataclass(frozen=True, slots=True)
class Way:
    """The stops of a route in their order, where it has several; `job` has the columns of the job."""

    stops: Sequence[Stop] = ()
    job: Any = None

    def __bool__(self) -> bool:
        return len(self.stops) > 1

    def plans(self, engine: Engine, settings: Settings, booked: Plan, limits: Sequence[Limit]) -> Iterator[Turn]:
        """First the provider whose trial is due, then the booked one, then the others that work, those with a weight
        before those that stand by. Plans are made when they are asked for.
        """
        own = booked.facts.provider_id
        trial = trial_of(engine, self.stops, utc_now()) if self else None
        if trial is not None and trial.provider.id != own:
            yield from self._turn(engine, settings, trial, trial=True)
        is_tried = trial is not None and trial.provider.id == own
        yield replace(booked, trial=is_tried), limits
        for stop in sorted(self.stops if self else (), key=lambda stop: stop.weight == 0):
            if stop.provider.id != own and works(stop.provider):
                yield from self._turn(engine, settings, stop)

    def _turn(self, engine: Engine, settings: Settings, stop: Stop, *, trial: bool = False) -> Iterator[Turn]:
        job = Job(**self.job)
        with Session(engine) as session:
            try:
                plan = plan_of(session, settings, job, Choice(stop, trial=trial, alternatives=True))
            except CannotSend:
                return
        yield plan, provider_limits(stop.provider, plan.facts.job_id)
