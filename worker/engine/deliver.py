"""One slice of work on a job: the function that a worker runs, again and again, until the job is through."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from dashboard.current import current_settings
from dashboard.extensions import db, utc_now
from dashboard.jobs.models import JobState, Rest
from dashboard.message_templates.models import Category
from dashboard.settings import Settings
from worker.engine import breaker
from worker.engine.booking import Books
from worker.engine.buckets import buckets_at
from worker.engine.chunks import new_owner
from worker.engine.clock import Clock
from worker.engine.composers import composer_for
from worker.engine.domains import SlowDomains
from worker.engine.feeding import Feeder, Stop
from worker.engine.journal import Journal, journal_folder
from worker.engine.keeper import Watched, keeper
from worker.engine.outages import outages
from worker.engine.pacing import Pacer
from worker.engine.plan import CannotSend, JobFacts, Plan, load_plan, make_provider
from worker.engine.provider_figures import Stopwatch, store_at
from worker.engine.providers import Watch
from worker.engine.resting import closed_until, put_to_rest
from worker.engine.retrying import RetryPolicy
from worker.engine.sessions import warm_sessions
from worker.engine.slowing import Brake, slowdowns_at
from worker.providers.base import ConfigurationProblem, Session

logger = logging.getLogger(__name__)

SLICE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Report:
    """How a slice ended. `more`: there is work left that can be done at once. `problem`: the job has to be paused,
    with these words for the operator. `moved`: the provider failed, and another one goes on."""

    stop: Stop | None = None
    sent: int = 0
    problem: str = ""
    moved: bool = False

    @property
    def more(self) -> bool:
        return self.moved or self.stop in (Stop.SLICE_OVER, Stop.TOLD, Stop.PROVIDER_CHANGED)


@dataclass(frozen=True, slots=True)
class Slice:
    """The parts of one slice of work."""

    books: Books
    feeder: Feeder
    watch: Watch
    watched: Watched


def retry_policy(settings: Settings, facts: JobFacts, *, others_stand_by: bool = False) -> RetryPolicy:
    """Codes and transactional mail are never doubled by us; promotional mail as its job says."""
    return RetryPolicy(
        max_attempts=settings.max_attempts,
        retry_seconds=settings.retry_seconds,
        resend_unknown=facts.resend_unknown and facts.promotional,
        outages_spend_tries=facts.category == Category.OTP,
        expires_at=facts.expires_at,
        others_stand_by=others_stand_by,
    )


def work(job_id: int, *, seconds: float = SLICE_SECONDS) -> Report:
    """Send messages of a job for about so long. Needs an application context; no transaction may be open.

    Returns at once where there is nothing to do now. Raises SQLAlchemyError where the database fails, after saving
    what can be saved; leases then run out and somebody takes over.
    """
    engine, settings = db.engine, current_settings()
    try:
        plan = load_plan(engine, settings, job_id)
    except CannotSend as problem:
        return Report(problem=str(problem))
    if plan is None or plan.facts.state != JobState.RUNNING or _is_waiting(engine, plan):
        return Report()
    slice_ = new_slice(engine, settings, plan, seconds=min(seconds, breaker.TRIAL_SECONDS) if plan.trial else seconds)
    with keeper.watching(slice_.watched):
        try:
            if not slice_.feeder.begin():
                return Report()
        except CannotSend as problem:
            return Report(problem=str(problem))
        problem_words = _send(engine, settings, plan, slice_.feeder)
    _tell_provider(slice_, problem_words)
    _rest(engine, plan, slice_.feeder)
    if plan.alternatives and _move_on(engine, plan, slice_.feeder, problem_words):
        return Report(slice_.feeder.stop, slice_.feeder.sent, moved=True)
    return Report(slice_.feeder.stop, slice_.feeder.sent, problem_words)


def _move_on(engine: Engine, plan: Plan, feeder: Feeder, problem: str) -> bool:
    """Open or close the provider's breaker by how the slice went; True where another provider has to go on."""
    trouble = problem or (f"it cannot be reached: {feeder.outage}" if feeder.outage else "")
    turn = breaker.Turn(plan.facts.provider_id, plan.trial, plan.breaker_pause, feeder.stopwatch, trouble)
    return breaker.judge(engine, turn, utc_now())


def _is_waiting(engine: Engine, plan: Plan) -> bool:
    """Is there nothing to be done now: the job rests, its window is closed, its provider cannot be reached?"""
    facts, now = plan.facts, utc_now()
    if facts.is_expired(now):
        return False
    opening = closed_until(facts, now)
    if opening is not None and opening != facts.not_before:
        put_to_rest(engine, facts.job_id, opening, Rest.WINDOW)
    resting = facts.not_before is not None and facts.not_before > now
    return resting or opening is not None or (outages.resting(facts.provider_id) and not plan.trial)


def _rest(engine: Engine, plan: Plan, feeder: Feeder) -> None:
    """Let the job rest where its hours or a limit ended the slice."""
    facts = plan.facts
    if feeder.stop is Stop.WINDOW:
        _is_waiting(engine, plan)
    elif feeder.rest is not None:
        until, why = feeder.rest
        put_to_rest(engine, facts.job_id, until if facts.expires_at is None else min(until, facts.expires_at), why)


def new_slice(engine: Engine, settings: Settings, plan: Plan, *, seconds: float = SLICE_SECONDS) -> Slice:
    """All that one slice works with. It holds nothing yet."""
    owner, composer = new_owner(), composer_for(plan)
    policy = retry_policy(settings, plan.facts, others_stand_by=plan.alternatives)
    clock, journals = Clock.of(engine), journal_folder(settings)
    watched = Watched(engine, clock, settings.lease_seconds)
    leave_if_open = plan.alternatives and not plan.trial
    facts = plan.facts
    watch = Watch(engine, facts.provider_id, plan.provider_version, facts.job_id, leave_if_open=leave_if_open)
    brake = Brake(slowdowns_at(settings.broker_url), facts.provider_id)
    buckets = buckets_at(settings.broker_url)
    books = Books(
        engine=engine,
        facts=plan.facts,
        composer=composer,
        clock=clock,
        owner=owner,
        policy=policy,
        lease_seconds=settings.lease_seconds,
        journals=journals,
        holds=watched.holds,
    )
    feeder = Feeder(
        books=books,
        composer=composer,
        journal=Journal(journals, owner),
        pacer=Pacer(buckets, brake.limits(watch.limits)),
        clock=clock,
        policy=policy,
        watch=watch,
        brake=brake,
        domains=SlowDomains(buckets, plan.facts.provider_id, watch.domain_rates, settings.window_size // 2),
        stopwatch=Stopwatch(store_at(settings.broker_url), plan.facts.provider_id),
        window_size=settings.window_size,
        seconds=seconds,
        closes_at=_closes_at(plan.facts, clock.now()),
        others_stand_by=plan.alternatives,
    )
    return Slice(books, feeder, watch, watched)


def _closes_at(facts: JobFacts, now: datetime) -> datetime | None:
    window = facts.window
    return None if window is None or window.column or facts.is_expired(now) else window.span(now).closes


def _send(engine: Engine, settings: Settings, plan: Plan, feeder: Feeder) -> str:
    """Run the session over the feeder; words for the operator where the job has to be paused."""

    def open_session() -> Session:
        return make_provider(engine, settings, plan.facts.provider_id).open()

    words = ""
    try:
        with warm_sessions.borrow(plan.facts.provider_id, plan.provider_version, open_session) as session:
            session.send(feeder.messages(), feeder.on_outcome)
    except ConfigurationProblem as problem:
        words = f"The provider's settings are at fault: {problem.detail} Correct them under Providers, then resume."
    except CannotSend as problem:
        words = str(problem)
    except Exception as error:
        if feeder.failure is error:
            feeder.abandon()
            raise
        logger.exception("a provider's session failed", extra={"job_id": plan.facts.job_id})
        feeder.give_up_in_flight("session_failed", f"{type(error).__name__}: {error}")
        words = f"Sending stopped because of a fault in the provider's adapter ({type(error).__name__}: {error})."
    except BaseException:
        feeder.abandon()  # a time limit or the end of the process: what is on the wire is for the next holder
        raise
    feeder.finish()
    return words


def _tell_provider(slice_: Slice, problem: str) -> None:
    """Keep the provider's last trouble for its page, until it takes messages again."""
    if slice_.feeder.outage or problem:
        slice_.watch.remember_error(slice_.feeder.outage or problem)
    elif slice_.feeder.sent:
        slice_.watch.remember_error("")
