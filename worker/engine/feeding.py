"""What a provider's session pulls from: the messages of a job, one window after another.

`messages()` runs inside the session's calls of next(), so rendering and the window's transaction happen exactly when
a connection is free, and connections are busy across windows and chunks. `on_outcome()` is called in between.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from enum import Enum

from dashboard.jobs.models import JobState, Rest
from dashboard.messages.models import MessageState
from worker.engine.booking import Books
from worker.engine.breaker import verdict
from worker.engine.chunks import Hold
from worker.engine.clock import Clock
from worker.engine.composing import Composer
from worker.engine.domains import SlowDomains
from worker.engine.journal import Journal
from worker.engine.outages import outages
from worker.engine.pacing import Pacer
from worker.engine.provider_figures import Stopwatch
from worker.engine.providers import Watch
from worker.engine.retrying import RetryPolicy, change_for, is_outage, put_back
from worker.engine.rows import Change, Row
from worker.engine.slowing import Brake
from worker.engine.stopping import asked_to_stop
from worker.providers.base import Outcome, Outgoing, Result, Wait
from worker.rendering.errors import RenderError

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_LONGEST_WAIT = 0.5
_FULL_WAIT = 0.05
_REST_AFTER = 1.0  # a limit that lets nothing pass for longer gives the thread to other jobs


class Stop(Enum):
    """Why a slice handed over nothing more."""

    EXHAUSTED = "no chunk is free"
    SLICE_OVER = "the time is up"
    TOLD = "the process ends"
    JOB = "the job does not run any more"
    WINDOW = "its hours are over"
    LIMITED = "a limit is used up"
    OUTAGE = "the provider cannot be reached"
    PROVIDER_FAILING = "the provider fails, and another one stands by"
    DISK_FULL = "the journal cannot be written"
    PROVIDER_CHANGED = "the provider's settings were changed"


class Feeder:
    """One slice of work on one job, seen by one session of one thread."""

    def __init__(
        self,
        *,
        books: Books,
        composer: Composer,
        journal: Journal,
        pacer: Pacer,
        clock: Clock,
        policy: RetryPolicy,
        watch: Watch,
        brake: Brake,
        domains: SlowDomains,
        stopwatch: Stopwatch,
        window_size: int,
        seconds: float,
        closes_at: datetime | None = None,
        others_stand_by: bool = False,
    ) -> None:
        self.stop: Stop | None = None
        self.failure: BaseException | None = None
        self.outage: str = ""  # the provider's words
        self.sent = 0
        self.rest: tuple[datetime, Rest] | None = None  # until when a limit lets nothing pass, and which
        self._books = books
        self._composer = composer
        self._journal = journal
        self._pacer = pacer
        self._clock = clock
        self._policy = policy
        self._watch = watch
        self._brake = brake
        self._domains = domains
        self.stopwatch = stopwatch
        self._others_stand_by = others_stand_by
        self._window_size = window_size
        self._window: deque[tuple[Hold, Row]] = deque()
        self._in_flight: dict[int, tuple[Hold, Row]] = {}
        self._closes_at = closes_at
        self._ends_at = time.monotonic() + seconds
        self._look_at = time.monotonic() + _LOOK_SECONDS

    def begin(self) -> bool:
        """Begin the journal, then claim the first chunk; False where there is none. Raises CannotSend."""
        self._journal.begin()
        try:
            found = self._books.claim_next(first=True) is not None
        except BaseException:
            self._journal.close(remove=False)  # the claim may stand, where only the answer to its commit was lost
            raise
        if not found:
            self._journal.close(remove=True)
        return found

    def messages(self) -> Iterator[Outgoing | Wait]:
        """See the module's text. An exception in here is kept in `failure`; the session raises it again."""
        try:
            yield from self._messages()
        except Exception as error:
            self.failure = error
            raise

    def _messages(self) -> Iterator[Outgoing | Wait]:
        while not self._stopped():
            if not self._window and not self._domains.ready():
                seconds = self._refill()
                if seconds:
                    yield Wait(seconds)
                continue
            seconds = self._pacer.wait() if self._pacer.limits else 0.0
            if seconds:
                yield Wait(self._wait_or_rest(seconds))
                continue
            outgoing = self._take()
            if outgoing is not None:
                yield outgoing

    def on_outcome(self, outcome: Outcome) -> None:
        """What became of a message; the next window writes it down."""
        hold, row = self._in_flight.pop(outcome.reference)
        self.stopwatch.answered(outcome)
        self._journal.outcome(row, outcome)
        if self._brake.met(outcome):
            self._slow_down()
        change, note = change_for(row, outcome, self._policy, self._clock.now)
        hold.changes.append(change)
        if note is not None:
            hold.notes.append(note)
        if outcome.result is Result.SENT:
            self.sent += 1
            if self.sent == 1:
                outages.over(self._watch.provider_id)
        elif is_outage(outcome):
            outages.began(self._watch.provider_id, outcome.retry_after)
            self.outage = outcome.detail or outcome.code
            self.stop = self.stop or Stop.OUTAGE

    def finish(self) -> None:
        """The session has returned: write everything, put back what was not handed over, give the chunks back."""
        remove = False
        try:
            self._pacer.give_back()
            self._put_back_window()
            self._books.release()
            remove = True
        finally:
            self._journal.close(remove=remove)
            self.stopwatch.save()

    def abandon(self) -> None:
        """Something failed: save what can be saved and leave the rest to whoever takes over. Raises what it meets."""
        try:
            self._put_back_window()
            self._books.abandon()
        finally:
            self._journal.close(remove=False)
            self.stopwatch.save()

    def give_up_in_flight(self, code: str, detail: str) -> None:
        """The session broke its promise of an outcome for each message: nobody knows what became of these."""
        for reference in tuple(self._in_flight):
            self.on_outcome(Outcome(reference, Result.UNKNOWN, code=code, detail=detail))

    def _refill(self) -> float:
        """Book the next window; seconds to wait where too many messages are still without an outcome."""
        if time.monotonic() >= self._ends_at:
            self.stop = Stop.SLICE_OVER
            return 0.0
        seconds = self._pacer.room()
        if seconds:
            return self._wait_or_rest(seconds)
        room = self._window_size - len(self._in_flight) - len(self._domains)
        if room < max(1, self._window_size // 4):
            return _FULL_WAIT
        if self._books.chunk_to_feed() is None:
            if self._domains:
                return _FULL_WAIT
            self.stop = Stop.EXHAUSTED
            return 0.0
        self._book(self._pacer.window(room))
        return 0.0

    def _wait_or_rest(self, seconds: float) -> float:
        """A limit lets nothing pass for so long: wait a moment, or let the job rest with nothing in hand."""
        if seconds < _REST_AFTER or self._in_flight or self._pacer.obstacle is None:
            return min(seconds, _LONGEST_WAIT)
        self.rest = self._clock.after(seconds), Rest(self._pacer.obstacle.why)
        self.stop = Stop.LIMITED
        return 0.0

    def _book(self, want: int) -> None:
        self._window.extend(self._books.book(want))
        self.stopwatch.save_sometimes()
        self._journal.booked(row for _, row in self._in_flight.values())
        self._look_at = time.monotonic() + _LOOK_SECONDS
        if self._books.job_state != JobState.RUNNING:
            self.stop = Stop.JOB

    def _stopped(self) -> bool:
        """Between two messages: are we to stop? Once a second also into the database, writing what came in."""
        if self.stop is None and asked_to_stop():
            self.stop = Stop.TOLD
        elif self.stop is None and time.monotonic() >= self._look_at:
            self._book(0)
            if self._closes_at is not None and self._clock.now() >= self._closes_at:
                self.stop = self.stop or Stop.WINDOW
            if not self._watch.unchanged():
                self.stop = self.stop or Stop.PROVIDER_CHANGED
            self._brake.look()
            self._slow_down()
            if self._others_stand_by and verdict(self.stopwatch.recent()):
                self.stop = self.stop or Stop.PROVIDER_FAILING
        return self.stop is not None

    def _slow_down(self) -> None:
        """Keep to the limits of the provider's row and to what it asked for."""
        self._pacer.limits = self._brake.limits(self._watch.limits)
        self._domains.rates = self._watch.domain_rates
        slow = self._brake.slow
        if slow is not None and slow.hold:
            self._pacer.hold(slow.hold, self._pacer.limits[-1])

    def _take(self) -> Outgoing | None:
        """The next message of the window; None where there is none to hand over for it."""
        entry = self._next()
        if entry is None:
            self._pacer.refund()
            return None
        hold, row = entry
        if time.monotonic() >= hold.valid_until:
            self._book(0)  # renews the lease, or finds it lost (a machine that slept, a database that was away)
        if hold.lost:
            return None
        try:
            outgoing = self._composer.compose(row.id, row.record, row.recipient)
        except RenderError as error:
            hold.changes.append(_failed(row, error.code, _words(error)))
            return None
        except Exception as error:
            logger.exception("a message could not be composed", extra={"message_id": row.id})
            hold.changes.append(_failed(row, "compose_failed", f"{type(error).__name__}: {error}"))
            return None
        if not self._journal.handed_over(row):
            self.stop = Stop.DISK_FULL
            self._window.appendleft((hold, row))
            return None
        self._in_flight[row.id] = (hold, row)
        self.stopwatch.handed_over(row.id)
        return outgoing

    def _next(self) -> tuple[Hold, Row] | None:
        """The next message: one that waited for its domain, else that of the window, unless its domain lets it wait."""
        domains = self._domains
        if domains.count and domains.ready():
            return domains.pop()
        entry = self._window.popleft()
        if not domains.rates:
            return entry
        seconds = domains.admit(entry)
        if seconds:
            hold, row = entry
            hold.changes.append(put_back(row, self._clock.after(seconds)))
        return entry if seconds is None else None

    def _put_back_window(self) -> None:
        now = self._clock.now()
        for hold, row in (*self._window, *self._domains.drain()):
            hold.changes.append(put_back(row, now))
        self._window.clear()


def _failed(row: Row, code: str, words: str) -> Change:
    return Change(
        row.id, MessageState.FAILED, row.attempt, row.maybe_twice, code=code, detail=words.replace("\x00", "")[:2000]
    )


def _words(error: RenderError) -> str:
    place = f"{error.part}, line {error.line}: " if error.line else f"{error.part}: " if error.part else ""
    return place + error.message
