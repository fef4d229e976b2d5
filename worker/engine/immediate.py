"""Sending within a request: no queue, a warm session, the ledger before and after.

The caller has booked the rows as `sending` under a lease of ours. Should this process die, the lease runs out and a
worker settles them as it settles those of its like. Here nothing is tried twice: who waits for the answer decides.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, field
from functools import cache

from sqlalchemy import Engine, bindparam, update
from sqlalchemy.exc import SQLAlchemyError

from dashboard.extensions import only_write, write_connection
from dashboard.jobs.models import Job, JobState
from dashboard.messages.models import MessageState
from dashboard.settings import Settings
from worker.engine.buckets import Limit, buckets_at
from worker.engine.chunks import Hold
from worker.engine.clock import Clock
from worker.engine.composers import composer_for
from worker.engine.composing import Composer
from worker.engine.devices import retire_devices
from worker.engine.dialects import ledger_for
from worker.engine.keeper import Watched, keeper
from worker.engine.pacing import Pacer
from worker.engine.plan import CannotSend, Plan, make_provider
from worker.engine.rows import Change, Row
from worker.engine.sessions import warm_sessions
from worker.providers.base import ConfigurationProblem, Outcome, Outgoing, Result, Session, Wait
from worker.rendering.errors import RenderError

logger = logging.getLogger(__name__)

#: Requests that wait for providers at the same time in one process; the web server has fewer threads.
_THREADS = 64
_LONGEST_WAIT = 0.05
_STATES = {
    Result.SENT: MessageState.SENT,
    Result.FAILED: MessageState.FAILED,
    Result.RETRY: MessageState.FAILED,
    Result.UNKNOWN: MessageState.UNKNOWN,
    Result.BOUNCED: MessageState.BOUNCED,
}
_FINISH = (
    update(Job)
    .where(Job.id == bindparam("job"), Job.state == JobState.RUNNING.value)
    .values(state=JobState.FINISHED.value, finished_at=bindparam("now"))
)
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
class Handover:
    """Booked rows of one job on their way to a provider. `ends_at` is of the monotonic clock."""

    engine: Engine
    settings: Settings
    plan: Plan
    hold: Hold
    rows: Sequence[Row]
    clock: Clock
    ends_at: float
    limits: Sequence[Limit] = ()
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    _handed: dict[int, Row] = field(default_factory=dict)
    _future: Future[None] | None = None

    def start(self) -> None:
        """Begin; several may be under way at the same time."""
        if self.rows:
            self._future = _threads().submit(self._run)
        else:
            self._settle()

    def wait(self) -> dict[int, Verdict]:
        """What is known of each message (by its id) when all is done or the time is up.

        A message that is not in the answer is with the provider: its row will tell.
        """
        if self._future is not None:
            try:
                self._future.result(timeout=max(0.0, self.ends_at - time.monotonic()))
            except NotInTime:
                logger.info("a request did not wait for its provider", extra={"job_id": self.plan.facts.job_id})
        return dict(self.verdicts)

    def _run(self) -> None:
        watched = Watched(self.engine, self.clock, self.settings.lease_seconds)
        watched.holds.append(self.hold)
        with keeper.watching(watched):
            problem = self._send()
            self._close(problem)
            self._settle()

    def _send(self) -> tuple[str, str]:
        """Run the session; (code, words) of what ended it too early, empty where nothing did."""
        facts = self.plan.facts

        def open_session() -> Session:
            return make_provider(self.engine, self.settings, facts.provider_id).open()

        try:
            with warm_sessions.borrow(facts.provider_id, self.plan.provider_version, open_session) as session:
                session.send(self._messages(), self._on_outcome)
        except ConfigurationProblem as problem:
            return problem.code, problem.detail
        except CannotSend as problem:
            return "cannot_send", str(problem)
        except Exception as error:
            logger.exception("a provider's session failed", extra={"job_id": facts.job_id})
            return "session_failed", f"{type(error).__name__}: {error}"
        return DEADLINE, "The deadline came before it could be handed over."

    def _messages(self) -> Iterator[Outgoing | Wait]:
        composer = composer_for(self.plan)
        pacer = Pacer(buckets_at(self.settings.broker_url), self.limits)
        for row in self.rows:
            while seconds := pacer.wait():
                if time.monotonic() >= self.ends_at:
                    return
                yield Wait(min(seconds, _LONGEST_WAIT))
            if time.monotonic() >= self.ends_at or self.hold.lost:
                return
            outgoing = self._composed(composer, row)
            if outgoing is not None:
                self._handed[row.id] = row
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
        self.verdicts[outcome.reference] = Verdict(
            _STATES[outcome.result],
            outcome.code,
            outcome.detail,
            outcome.provider_message_id,
            retryable=outcome.result is Result.RETRY,
        )

    def _close(self, problem: tuple[str, str]) -> None:
        """Every row gets a verdict: in doubt where it was handed over, else not sent."""
        code, words = problem
        for row in self.rows:
            if row.id not in self.verdicts:
                handed = row.id in self._handed
                state = MessageState.UNKNOWN if handed else MessageState.FAILED
                self.verdicts[row.id] = Verdict(state, code, words, retryable=not handed)

    def _settle(self) -> None:
        """Book what is known, give the chunk back, end the job. What cannot be booked is left to the lease's end."""
        changes = [self._change(row, self.verdicts[row.id]) for row in self.rows]
        counted = Counter(change.state.value for change in changes)
        counted[MessageState.SENDING.value] -= len(changes)
        ledger, hold, now = ledger_for(self.engine), self.hold, self.clock.now()
        try:
            with write_connection(self.engine) as connection:
                if not ledger.end_chunk(
                    connection, job_id=hold.job_id, chunk_no=hold.chunk_no, owner=hold.owner, counted=counted
                ):
                    return
                retire_devices(connection, self.plan.facts.channel, changes, now)
                only_write(connection)
                ledger.settle(connection, changes, now)
                if self.plan.facts.receipts_by_id:
                    ledger.refer(connection, changes)
                connection.execute(_FINISH, {"job": hold.job_id, "now": now})
        except SQLAlchemyError:
            logger.exception("outcomes could not be booked", extra={"job_id": hold.job_id})

    def _change(self, row: Row, verdict: Verdict) -> Change:
        return Change(
            row.id,
            verdict.state,
            1,
            False,
            _fitting(verdict.provider_message_id, 200),
            _fitting(verdict.code, 60),
            _fitting(verdict.detail, 2000),
        )


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="send-at-once")


def _fitting(text: str, length: int) -> str | None:
    return text.replace("\x00", "")[:length] or None
