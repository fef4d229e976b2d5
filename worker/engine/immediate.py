"""Sending within a request: no queue, a warm session, the ledger before and after.

The caller has booked the rows as `sending` under a lease of ours. Should this process die, the lease runs out and a
worker settles them as it settles those of its like. Here nothing is tried twice: who waits for the answer decides.
Where a provider cannot be reached at all, the next one of the route is no second try.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, field
from functools import cache

from sqlalchemy import Engine, update
from sqlalchemy.exc import SQLAlchemyError

from dashboard.extensions import only_write, write_connection
from dashboard.messages.models import Message, MessageState
from dashboard.settings import Settings
from worker.engine.attempts import Attempt, Verdict
from worker.engine.buckets import Limit
from worker.engine.chunks import Hold
from worker.engine.clock import Clock
from worker.engine.devices import retire_devices
from worker.engine.dialects import ledger_for
from worker.engine.keeper import Watched, keeper
from worker.engine.plan import Plan
from worker.engine.rows import Change, Row
from worker.engine.ways import Way

logger = logging.getLogger(__name__)

#: Requests that wait for providers at the same time in one process; the web server has fewer threads.
_THREADS = 64


@dataclass(slots=True, eq=False)
class Handover:
    """Booked rows of one job on their way to a provider, whose they are booked as. `ends_at` is of the monotonic clock.

    `way` leads to the others of the route; what the first could not be reached for, they are asked to take.
    """

    engine: Engine
    settings: Settings
    plan: Plan
    hold: Hold
    rows: Sequence[Row]
    clock: Clock
    ends_at: float
    limits: Sequence[Limit] = ()
    way: Way = field(default_factory=Way)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    _attempts: list[Attempt] = field(default_factory=list)
    _future: Future[None] | None = None

    def start(self) -> None:
        """Begin; several may be under way at the same time."""
        if self.rows:
            self._future = _threads().submit(self._run)
            self._future.add_done_callback(self._tell)
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
            self._send()
            self._settle()

    def _send(self) -> None:
        """By one provider after the other, until nothing is left that certainly was not handed over to any."""
        left, booked = list(self.rows), self.plan.facts.provider_id
        for plan, limits in self.way.plans(self.engine, self.settings, self.plan, self.limits):
            if plan.facts.provider_id != booked and not self._rebook(left, plan):
                continue
            booked = plan.facts.provider_id
            attempt = Attempt(self.engine, self.settings, plan, self.hold, left, self.ends_at, limits)
            self._attempts.append(attempt)
            attempt.run()
            left = attempt.not_reached() if self.way else []
            kept = {row.id for row in left}
            # What is left has no verdict yet: who stops waiting must not hear that it failed.
            self.verdicts.update((id_, told) for id_, told in attempt.verdicts.items() if id_ not in kept)
            if not left or time.monotonic() >= self.ends_at:
                break
        self.verdicts.update((row.id, self._attempts[-1].verdicts[row.id]) for row in left)

    def _rebook(self, rows: Sequence[Row], plan: Plan) -> bool:
        """Rows are another provider's from now on, before it gets them; False where that cannot be written down."""
        statement = (
            update(Message)
            .where(Message.id.in_([row.id for row in rows]), Message.state == MessageState.SENDING.value)
            .values(provider_id=plan.facts.provider_id)
        )
        try:
            with write_connection(self.engine) as connection:
                return connection.execute(statement).rowcount == len(rows)
        except SQLAlchemyError:
            logger.exception("messages could not change their provider", extra={"job_id": self.hold.job_id})
            return False

    def _settle(self) -> None:
        """Book what is known, give the chunk back, end the job. What cannot be booked is left to the lease's end."""
        changes = [self._change(row, self.verdicts[row.id]) for row in self.rows]
        counted = Counter(change.state.value for change in changes)
        counted[MessageState.SENDING.value] -= len(changes)
        ledger, hold, now = ledger_for(self.engine), self.hold, self.clock.now()
        more = [attempt for attempt in self._attempts if attempt.plan.facts.receipts_by_id]
        alone = bool(changes) and not more and self.plan.facts.channel != "push"
        try:
            with write_connection(self.engine) as connection:
                if alone:
                    only_write(connection)
                ours = ledger.end_job(
                    connection, job_id=hold.job_id, owner=hold.owner, counted=counted, changes=changes, now=now
                )
                if ours and not alone:
                    retire_devices(connection, self.plan.facts.channel, changes, now)
                    for attempt in more:
                        ledger.refer(connection, [change for change in changes if change.id in attempt.handed])
        except SQLAlchemyError:
            logger.exception("outcomes could not be booked", extra={"job_id": hold.job_id})

    def _tell(self, _: Future[None]) -> None:
        """Figures and breakers, once nobody waits for us any more."""
        for attempt in self._attempts:
            attempt.tell(others_stand_by=bool(self.way))

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
