"""Putting in order what a dead worker left: the rows that stand as `sending` under its lease, at most a window.

Its journal, where it lies on this host, says which of them have an outcome and which were never handed over. The
rest may have arrived: they are sent again under the same Message-ID and marked, or left as unknown, as the job says.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, select, update

from dashboard.extensions import read_connection, write_connection
from dashboard.jobs.models import Chunk, ChunkState
from dashboard.messages.models import MessageState
from worker.engine.chunks import Claim, Hold
from worker.engine.journal import Memory, is_dead, remember
from worker.engine.ledger import Ledger
from worker.engine.retrying import WORKER_LOST, RetryPolicy, change_for, put_back
from worker.engine.rows import Change, Note, RecordRow, Row

_WORDS = "The worker stopped before the provider's answer was written down."


def end_leases_of_the_dead(engine: Engine, journals: Path, now: datetime) -> set[int]:
    """Let the leases run out at once whose owners are known to have died on this host; the jobs that they belong to.

    Without it their chunks wait for the lease to run out, which a clock set back by an hour makes an hour.
    """
    leased = select(Chunk.job_id, Chunk.chunk_no, Chunk.lease_owner).where(
        Chunk.state == ChunkState.LEASED.value, Chunk.lease_until > now
    )
    with read_connection(engine) as connection:
        left = [row for row in connection.execute(leased) if is_dead(journals, row.lease_owner)]
    if left:
        with write_connection(engine) as connection:
            for job_id, chunk_no, owner in left:
                still_so = (Chunk.job_id == job_id, Chunk.chunk_no == chunk_no, Chunk.lease_owner == owner)
                connection.execute(
                    update(Chunk).where(*still_so, Chunk.state == ChunkState.LEASED.value).values(lease_until=now)
                )
    return {job_id for job_id, _, _ in left}


def recover(
    connection: Connection,
    ledger: Ledger,
    claim: Claim,
    *,
    journals: Path,
    policy: RetryPolicy,
    lease_until: datetime,
    now: datetime,
    refer: bool = False,
) -> int:
    """Settle the rows that the last holder left, in the transaction of the claim; how many there were.

    With `refer` the vendor's ids of messages are kept (`Ledger.refer`).
    """
    hold = claim.hold
    left = ledger.sending(connection, hold.job_id, hold.first_record, hold.last_record)
    if not left:
        return 0
    memory = remember(journals, claim.left_by or "")
    changes, notes = _judge(left, memory, hold, policy, now)
    ledger.settle(connection, changes, now)
    if refer:
        ledger.refer(connection, changes)
    ledger.note(connection, notes)
    counted = Counter(change.state.value for change in changes)
    counted[MessageState.SENDING.value] -= len(changes)
    ledger.move_chunk(
        connection,
        job_id=hold.job_id,
        chunk_no=hold.chunk_no,
        owner=hold.owner,
        cursor=hold.cursor,
        lease_until=lease_until,
        counted=counted,
    )
    hold.queued += counted[MessageState.QUEUED.value]
    hold.booked = 0
    return len(left)


def _judge(
    left: list[tuple[int, int, int, bool]], memory: Memory, hold: Hold, policy: RetryPolicy, now: datetime
) -> tuple[list[Change], list[Note]]:
    """What the journal knows of each row, and what follows for those of which it knows nothing."""
    changes: list[Change] = []
    notes: list[Note] = []
    for id_, record_no, attempt, maybe_twice in left:
        row = Row(id_, hold.chunk_no, RecordRow(record_no, None, None, None, ""), "", attempt, maybe_twice)
        key = (id_, attempt)
        if key in memory.outcomes:
            change, note = change_for(row, memory.outcomes[key], policy, lambda: now)
        elif memory.complete and key not in memory.handed:
            change, note = put_back(row, now), None
        else:
            change, note = _in_doubt(row, policy, now)
        changes.append(change)
        if note is not None:
            notes.append(note)
    return changes, notes


def _in_doubt(row: Row, policy: RetryPolicy, now: datetime) -> tuple[Change, Note | None]:
    if not policy.resend_unknown or policy.is_over(now):
        return Change(row.id, MessageState.UNKNOWN, row.attempt, row.maybe_twice, None, WORKER_LOST, _WORDS), None
    again = Change(
        row.id, MessageState.QUEUED, row.attempt, maybe_twice=True, code=WORKER_LOST, detail=_WORDS, not_before=now
    )
    return again, Note(row.id, "resent", WORKER_LOST, _WORDS)
