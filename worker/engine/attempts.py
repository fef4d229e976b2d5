"""One provider's turn at the messages of a request that waits: each gets a verdict, and the provider its figures."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from dashboard.extensions import utc_now
from dashboard.jobs.models import Rest
from dashboard.messages.models import MessageState
from dashboard.settings import Settings
from worker.engine import breaker
from worker.engine.brakes import common_brake
from worker.engine.buckets import Limit, buckets_at
from worker.engine.chunks import Hold
from worker.engine.composers import composer_for
from worker.engine.composing import Composer
from worker.engine.outages import outages
from worker.engine.pacing import Pacer
from worker.engine.plan import CannotSend, Plan, make_provider
from worker.engine.provider_figures import Stopwatch, store_at
from worker.engine.retrying import NOT_ATTEMPTED, is_outage
from worker.engine.rows import Row
from worker.engine.sessions import warm_sessions
from worker.providers.base import ConfigurationProblem, Outcome, Outgoing, Result, Session, Wait
from worker.rendering.errors import RenderError

logger = logging.getLogger(__name__)

_LONGEST_WAIT = 0.05
_STATES = {
    Result.SENT: MessageState.SENT,
    Result.FAILED: MessageState.FAILED,
    Result.RETRY: MessageState.FAILED,
    Result.UNKNOWN: MessageState.UNKNOWN,
    Result.BOUNCED: MessageState.BOUNCED,
}
_OBSTACLES = {
    Rest.RATE.value: "The provider's limit a second lets",
    Rest.MINUTE.value: "The provider's limit a minute lets",
    Rest.DAY.value: "The provider's limit a day lets",
    Rest.SLOWED.value: "The provider asked for less, which lets",
}
#: Our own codes of what was certainly not handed over.
DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one message. `retryable`: the provider certainly does not have it, and may take it later."""

    state: MessageState
    code: str = ""
    detail: str = ""
    provider_message_id: str = ""
    retryable: bool = False


@dataclass(slots=True, eq=False)
class Attempt:
    """Rows that are booked as this provider's. `ends_at` is of the monotonic clock."""

    engine: Engine
    settings: Settings
    plan: Plan
    hold: Hold
    rows: Sequence[Row]
    ends_at: float
    limits: Sequence[Limit]
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    handed: set[int] = field(default_factory=set)
    _trouble: str = ""  # what is wrong with the provider as a whole
    _in_vain: str = ""  # why it would take nothing more in time
    _not_reached: set[int] = field(default_factory=set)
    _stopwatch: Stopwatch = field(init=False)

    def __post_init__(self) -> None:
        self._stopwatch = Stopwatch(store_at(self.settings.broker_url), self.plan.facts.provider_id)

    def run(self) -> None:
        """Every row has a verdict then: in doubt where it was handed over and nothing was heard, else not sent."""
        code, words = self._send()
        for row in self.rows:
            if row.id not in self.verdicts:
                state = MessageState.UNKNOWN if row.id in self.handed else MessageState.FAILED
                self.verdicts[row.id] = Verdict(state, code, words, retryable=row.id not in self.handed)

    def not_reached(self) -> list[Row]:
        """What certainly was not handed over because of the provider as a whole: another one may take it."""
        if not self._trouble and not self._in_vain:
            return []
        return [row for row in self.rows if row.id in self._not_reached or self._is_untouched(row.id)]

    def _is_untouched(self, id_: int) -> bool:
        return id_ not in self.handed and self.verdicts[id_].retryable

    def tell(self, *, others_stand_by: bool) -> None:
        """Keep the figures of the provider, and open or close its breaker where others stand by."""
        try:
            self._stopwatch.save()
            if others_stand_by:
                provider_id, trial, pause = self.plan.facts.provider_id, self.plan.trial, self.plan.breaker_pause
                turn = breaker.Turn(provider_id, trial, pause, self._stopwatch, self._trouble)
                breaker.judge(self.engine, turn, utc_now())
        except SQLAlchemyError as error:
            logger.warning("a breaker could not be moved", extra={"error": type(error).__name__})

    def _send(self) -> tuple[str, str]:
        """Run the session; (code, words) of what ended it too early."""
        facts = self.plan.facts

        def open_session() -> Session:
            return make_provider(self.engine, self.settings, facts.provider_id).open()

        try:
            with warm_sessions.borrow(facts.provider_id, self.plan.provider_version, open_session) as session:
                session.send(self._messages(), self._on_outcome)
        except ConfigurationProblem as problem:
            self._trouble = f"The provider's settings are at fault: {problem.detail}"
            return problem.code, problem.detail
        except CannotSend as problem:
            self._trouble = str(problem)
            return "cannot_send", str(problem)
        except Exception as error:
            logger.exception("a provider's session failed", extra={"job_id": facts.job_id})
            return "session_failed", f"{type(error).__name__}: {error}"
        return DEADLINE, self._in_vain or "The deadline came before it could be handed over."

    def _messages(self) -> Iterator[Outgoing | Wait]:
        composer = composer_for(self.plan)
        brake = common_brake(self.settings.broker_url, self.plan.facts.provider_id)
        pacer = Pacer(buckets_at(self.settings.broker_url), self.limits)
        for row in self.rows:
            brake.apply(pacer, self.limits)
            while seconds := pacer.wait():
                if time.monotonic() + seconds >= self.ends_at:
                    self._in_vain = _words_for(pacer.obstacle, seconds)
                    return
                yield Wait(min(seconds, _LONGEST_WAIT))
                brake.apply(pacer, self.limits)
            if time.monotonic() >= self.ends_at or self.hold.lost:
                return
            outgoing = self._composed(composer, row)
            if outgoing is not None:
                self.handed.add(row.id)
                self._stopwatch.handed_over(row.id)
                yield outgoing

    def _composed(self, composer: Composer, row: Row) -> Outgoing | None:
        try:
            return composer.compose(row.id, row.record, row.recipient)
        except RenderError as error:
            place = f"{error.part}: " if error.part else ""
            self.verdicts[row.id] = Verdict(MessageState.FAILED, error.code, place + error.message)
        except Exception as error:
            logger.exception("a message could not be composed", extra={"message_id": row.id})
            self.verdicts[row.id] = Verdict(MessageState.FAILED, "compose_failed", f"{type(error).__name__}: {error}")
        return None

    def _on_outcome(self, outcome: Outcome) -> None:
        self._stopwatch.answered(outcome)
        provider_id = self.plan.facts.provider_id
        common_brake(self.settings.broker_url, provider_id).met(outcome)
        if is_outage(outcome):
            self._not_reached.add(outcome.reference)
            self._trouble = f"it cannot be reached: {outcome.detail or outcome.code}"
            outages.began(provider_id, outcome.retry_after)
        elif outcome.code == NOT_ATTEMPTED and outcome.result is Result.RETRY:
            self._not_reached.add(outcome.reference)
        elif outcome.result is Result.SENT:
            outages.over(provider_id)
        self.verdicts[outcome.reference] = Verdict(
            _STATES[outcome.result],
            outcome.code,
            outcome.detail,
            outcome.provider_message_id,
            retryable=outcome.result is Result.RETRY,
        )


def _words_for(limit: Limit | None, seconds: float) -> str:
    which = _OBSTACLES.get(limit.why if limit is not None else "", "Its limits let")
    return f"{which} nothing more pass for {math.ceil(seconds)} s, and the deadline comes before."
