"""The books of one slice of work: every transaction it makes.

A window is one transaction: it writes the outcomes that came in since the last one, marks the next rows as `sending`,
moves cursor, counters and lease of the chunk, and learns whether the job still runs. Nothing is handed to a provider
before that is committed, and nothing is committed while a provider is waited for.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Engine

from dashboard.extensions import single_reads, write_connection
from dashboard.jobs.models import ChunkState, JobState
from dashboard.messages.models import MessageState
from worker.engine.chunks import Claim, Hold, abandon, claim, is_any_free
from worker.engine.clock import Clock
from worker.engine.composing import BadAddress, Composer
from worker.engine.devices import retire_devices
from worker.engine.dialects import ledger_for
from worker.engine.plan import CannotSend, JobFacts
from worker.engine.recovery import recover
from worker.engine.retrying import RetryPolicy
from worker.engine.rows import NewRow, RecordRow, Row
from worker.engine.send_window import Openings, SendWindow

logger = logging.getLogger(__name__)

_GATHER_SECONDS = 2.0  # rows put off to about the same time are taken up together
_TAKEOVERS_BEFORE_PAUSE = 20


@dataclass(slots=True)
class _Window:
    """What one transaction does to one chunk."""

    new: list[NewRow] = field(default_factory=list)
    resumed: list[Row] = field(default_factory=list)
    suppressed: dict[int, str] = field(default_factory=dict)
    expired: list[int] = field(default_factory=list)
    held: dict[datetime, list[int]] = field(default_factory=dict)  # until when -> messages
    to_send: list[Row] = field(default_factory=list)
    records_used: int = 0
    cursor: int = 0
    counted: Counter[str] = field(default_factory=Counter)


class Books:
    """The chunks that a slice holds, and the ledger behind them. One thread; `holds` is shared with the keeper."""

    def __init__(
        self,
        *,
        engine: Engine,
        facts: JobFacts,
        composer: Composer,
        clock: Clock,
        owner: str,
        policy: RetryPolicy,
        lease_seconds: float,
        journals: Path,
        holds: list[Hold],
    ) -> None:
        self.holds = holds
        self.current: Hold | None = None
        self.job_state: str = facts.state
        self._engine = engine
        self._facts = facts
        self._composer = composer
        self._clock = clock
        self._owner = owner
        self._policy = policy
        self._lease_seconds = lease_seconds
        self._journals = journals
        self._ledger = ledger_for(engine)
        self._started = facts.started

    def chunk_to_feed(self) -> Hold | None:
        """The current chunk, or the next one where that has nothing to hand over any more; None where there is none."""
        if self.current is not None and self.current.reached_all and not self.current.queued:
            self.current = None
        return self.current or self.claim_next()

    def claim_next(self, *, first: bool = False) -> Hold | None:
        """Take the next free chunk as the current one and read its records ahead; None where there is none.

        The first one of a slice is nearly always there, so nobody looks for it without a lock before.
        A code's job has no second one: looking for it would come between the code and its provider.

        Raises CannotSend when the chunk has been left behind by worker after worker: whatever kills them is in it.
        """
        facts, now = self._facts, self._clock.now()
        everything = (0, facts.record_count - 1)
        if any((hold.first_record, hold.last_record) == everything for hold in self.holds):
            return None
        if not first:
            with single_reads(self._engine) as connection:
                if not is_any_free(connection, job_id=facts.job_id, now=now, job_state=JobState.RUNNING.value):
                    return None
        with write_connection(self._engine) as connection:
            taken = claim(
                connection,
                job_id=facts.job_id,
                owner=self._owner,
                now=now,
                lease_seconds=self._lease_seconds,
                job_state=JobState.RUNNING.value,
                nothing_follows=True,
            )
            if taken is None:
                return None
            doomed = self._put_in_order(connection, taken, now)
        hold = taken.hold
        if doomed:
            raise CannotSend(
                f"{taken.takeovers} workers in a row stopped while they sent the records {hold.first_record + 1} to"
                f" {hold.last_record + 1}. Look into the log for the reason, then resume."
            )
        with single_reads(self._engine) as connection:
            hold.records.extend(
                self._ledger.records(connection, facts.dataset_version_id, hold.cursor, hold.last_record)
            )
        self.holds.append(hold)
        self.current = hold
        return hold

    def _put_in_order(self, connection: Connection, taken: Claim, now: datetime) -> bool:
        """Recover what the last holder left. True where the chunk is given back at once: its holders keep dying."""
        if taken.left_by is None:
            return False
        recovered = recover(
            connection,
            self._ledger,
            taken,
            journals=self._journals,
            policy=self._policy,
            lease_until=now + timedelta(seconds=self._lease_seconds),
            now=now,
            refer=self._facts.receipts_by_id,
        )
        logger.warning(
            "took over a chunk",
            extra={
                "job_id": taken.hold.job_id,
                "chunk_no": taken.hold.chunk_no,
                "left_by": taken.left_by,
                "rows": recovered,
            },
        )
        if taken.takeovers % _TAKEOVERS_BEFORE_PAUSE:
            return False
        self._give_back(connection, taken.hold, now, reached_all=taken.hold.reached_all)
        return True

    def book(self, want: int) -> list[tuple[Hold, Row]]:
        """One window: write what is known, mark up to `want` rows of the current chunk; those rows, to be sent.

        Rows are only marked while the job runs (`job_state` says so afterwards). Chunks with nothing left to do are
        given back. A chunk whose lease was lost is dropped with everything that we know about it.
        """
        now, started = self._clock.now(), time.monotonic()
        windows: list[tuple[Hold, _Window]] = []
        with write_connection(self._engine) as connection:
            self.job_state = self._ledger.job_state(connection, self._facts.job_id)
            running = self.job_state == JobState.RUNNING
            for hold in self.holds:
                chosen = hold is self.current and running and want > 0 and not hold.lost
                window = self._choose(connection, hold, want, now) if chosen else _Window(cursor=hold.cursor)
                if self._write(connection, hold, window, now):
                    windows.append((hold, window))
                else:
                    hold.lost = True
            finished = [hold for hold, window in windows if self._is_finished(hold, window)]
            for hold in finished:
                self._give_back(connection, hold, now, reached_all=True)
        return self._booked(windows, finished, started)

    def release(self) -> None:
        """The last transaction of a slice: nothing is in flight, everything is written, every chunk is given back."""
        self.current = None
        self.book(0)
        now = self._clock.now()
        if self.holds:
            with write_connection(self._engine) as connection:
                for hold in self.holds:
                    self._give_back(connection, hold, now, reached_all=hold.reached_all)
            self.holds.clear()

    def abandon(self) -> None:
        """A slice that failed: write what is known, then let the leases run out, so that somebody takes over."""
        self.current = None
        self.book(0)
        with write_connection(self._engine) as connection:
            for hold in self.holds:
                abandon(connection, hold, self._clock.now())
        self.holds.clear()

    def _booked(
        self, windows: list[tuple[Hold, _Window]], finished: list[Hold], started: float
    ) -> list[tuple[Hold, Row]]:
        """What was committed is so in memory too."""
        to_send: list[tuple[Hold, Row]] = []
        for hold, window in windows:
            hold.queued += window.counted[MessageState.QUEUED.value] + window.counted[MessageState.HELD.value]
            hold.booked += window.counted[MessageState.SENDING.value]
            hold.cursor = window.cursor
            hold.valid_until = started + self._lease_seconds
            hold.changes.clear()
            hold.notes.clear()
            for _ in range(window.records_used):
                hold.records.popleft()
            to_send.extend((hold, row) for row in window.to_send)
            self._started = self._started or bool(window.to_send)
        gone = [hold for hold in self.holds if hold.lost] + finished
        for hold in gone:
            self.holds.remove(hold)
            if hold is self.current:
                self.current = None
        return to_send

    def _choose(self, connection: Connection, hold: Hold, want: int, now: datetime) -> _Window:
        """The next rows of a chunk: records never reached, then rows put off whose time has come."""
        window = _Window(cursor=hold.cursor)
        exhausted = True
        if not hold.reached_all:
            self._choose_new(connection, hold, want, window, now)
            exhausted = window.cursor > hold.last_record and not window.to_send and not hold.queued
        elif hold.queued:
            self._choose_due(connection, hold, want, now, window)
            exhausted = not (window.to_send or window.suppressed or window.expired)
        if exhausted:
            self.current = None  # what is still put off waits for another claim
        return window

    def _choose_new(self, connection: Connection, hold: Hold, want: int, window: _Window, now: datetime) -> None:
        facts = self._facts
        records = list(islice(hold.records, want))
        window.records_used = len(records)
        window.cursor = records[-1].record_no + 1 if records else hold.last_record + 1
        if facts.is_expired(now):
            window.new.extend(self._composer.expired(record) for record in records)
            window.counted[MessageState.EXPIRED.value] += len(records)
            return
        if facts.window is not None and facts.window.column:
            records = self._hold_new(records, facts.window, window, now)
        addressed: list[tuple[RecordRow, str]] = []
        for record in records:
            try:
                addressed.append((record, self._composer.recipient(record)))
            except BadAddress as problem:
                window.new.append(
                    NewRow(record.record_no, problem.recipient, MessageState.FAILED, problem.code, problem.words)
                )
        reasons = self._suppressed(connection, [address for _, address in addressed])
        for record, address in addressed:
            reason = reasons.get(address.lower()) if reasons else None
            if reason is not None:
                window.new.append(NewRow(record.record_no, address, MessageState.SUPPRESSED, reason))
                continue
            window.new.append(NewRow(record.record_no, address, MessageState.SENDING))
            window.to_send.append(Row(facts.first_message_id + record.record_no, hold.chunk_no, record, address))
        window.counted.update([row.state for row in window.new if row.state is not MessageState.HELD])

    def _choose_due(self, connection: Connection, hold: Hold, want: int, now: datetime, window: _Window) -> None:
        facts = self._facts
        due = self._ledger.due(connection, facts.job_id, hold.first_record, hold.last_record, now, want)
        if not due:
            return
        window.counted.subtract(state for *_, state in due)
        if facts.is_expired(now):
            window.expired.extend(id_ for id_, *_ in due)
            window.counted[MessageState.EXPIRED.value] += len(due)
            return
        records = self._ledger.records_at(connection, facts.dataset_version_id, [number for _, number, *_ in due])
        if facts.window is not None and facts.window.column:
            openings = Openings(facts.window, now)
            closed = {id_: openings.of(self._zone(records[number])) for id_, number, *_ in due}
            due = [row for row in due if not self._hold(window, row[0], closed[row[0]])]
        reasons = self._suppressed(connection, [row[2] for row in due])
        for id_, number, recipient, attempts, maybe_twice, _ in due:
            reason = reasons.get(recipient.lower())
            if reason is not None:
                window.suppressed[id_] = reason
            else:
                row = Row(id_, hold.chunk_no, records[number], recipient, attempts + 1, maybe_twice)
                window.resumed.append(row)
        window.to_send.extend(window.resumed)
        window.counted[MessageState.SENDING.value] += len(window.resumed)
        window.counted[MessageState.SUPPRESSED.value] += len(window.suppressed)

    def _hold_new(self, records: list[RecordRow], hours: SendWindow, window: _Window, now: datetime) -> list[RecordRow]:
        """Hold the records whose recipients' hours have not come; the others."""
        openings, first = Openings(hours, now), self._facts.first_message_id
        open_now = []
        for record in records:
            if self._hold(window, first + record.record_no, openings.of(self._zone(record))):
                window.new.append(self._composer.held(record))
            else:
                open_now.append(record)
        return open_now

    def _hold(self, window: _Window, message_id: int, until: datetime | None) -> bool:
        """Note a message as held; False where its hours are open. Who cannot be sent to in time expires then."""
        if until is None:
            return False
        expires_at = self._facts.expires_at
        window.held.setdefault(until if expires_at is None else min(until, expires_at), []).append(message_id)
        window.counted[MessageState.HELD.value] += 1
        return True

    def _zone(self, record: RecordRow) -> str:
        return self._composer.zone(record, self._facts.window.column) if self._facts.window else ""

    def _suppressed(self, connection: Connection, addresses: Sequence[str]) -> dict[str, str]:
        facts = self._facts
        if not addresses:
            return {}
        wanted = [address.lower() for address in addresses]
        return self._ledger.suppressed(connection, facts.channel, wanted, facts.suppression_scopes)

    def _write(self, connection: Connection, hold: Hold, window: _Window, now: datetime) -> bool:
        """Everything about one chunk; False where the lease is lost. The guarded move comes first."""
        ledger = self._ledger
        window.counted.update([change.state for change in hold.changes])
        window.counted[MessageState.SENDING.value] -= len(hold.changes)
        if hold.lost or not ledger.move_chunk(
            connection,
            job_id=hold.job_id,
            chunk_no=hold.chunk_no,
            owner=hold.owner,
            cursor=window.cursor,
            lease_until=now + timedelta(seconds=self._lease_seconds),
            counted=window.counted,
        ):
            return False
        settled = ledger.settle(connection, hold.changes, now)
        retire_devices(connection, self._facts.channel, hold.changes, now)
        if self._facts.receipts_by_id:
            ledger.refer(connection, hold.changes)
        ledger.note(connection, hold.notes)
        ledger.add(connection, self._facts, hold.chunk_no, window.new, now)
        ledger.resume(connection, self._facts.provider_id, window.resumed, now)
        ledger.suppress(connection, window.suppressed, now)
        ledger.expire(connection, hold.job_id, window.expired, now)
        ledger.hold(connection, hold.job_id, window.held, now)
        if not self._started and window.to_send:
            ledger.start_job(connection, hold.job_id, now)
        if settled != len(hold.changes):
            logger.error("rows changed under a lease", extra={"job_id": hold.job_id, "chunk_no": hold.chunk_no})
            ledger.recount(connection, hold.job_id, hold.chunk_no, hold.first_record, hold.last_record)
        return True

    def _is_finished(self, hold: Hold, window: _Window) -> bool:
        """Every record reached, nothing on its way, and not the chunk that rows are taken from."""
        booked = hold.booked + window.counted[MessageState.SENDING.value]
        return hold is not self.current and window.cursor > hold.last_record and booked == 0

    def _give_back(self, connection: Connection, hold: Hold, now: datetime, *, reached_all: bool) -> None:
        """Done, or waiting for the rows put off, or ready for whoever comes next."""
        state, not_before = ChunkState.DONE, None
        if not reached_all:
            state = ChunkState.READY
        else:
            due = self._ledger.next_due(connection, hold.job_id, hold.first_record, hold.last_record, now)
            if due is not None:
                earliest, latest = due
                state = ChunkState.WAITING
                not_before = min(latest, max(earliest, now) + timedelta(seconds=_GATHER_SECONDS))
        self._ledger.give_back(
            connection,
            job_id=hold.job_id,
            chunk_no=hold.chunk_no,
            owner=hold.owner,
            state=state.value,
            not_before=not_before,
        )
