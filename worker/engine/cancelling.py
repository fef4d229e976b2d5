"""The end of a cancelled job: every record that was not reached gets its row, so that the counters add up."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from dashboard.current import current_settings
from dashboard.extensions import db, write_connection
from dashboard.jobs.models import ChunkState, JobState
from dashboard.messages.models import MessageState
from dashboard.settings import Settings
from worker.engine.chunks import Claim, claim, new_owner
from worker.engine.clock import Clock
from worker.engine.composing import written_address
from worker.engine.dialects import ledger_for
from worker.engine.journal import journal_folder
from worker.engine.plan import JobFacts, load_facts
from worker.engine.recipients import recorded
from worker.engine.recovery import recover
from worker.engine.retrying import RetryPolicy
from worker.engine.rows import NewRow
from worker.engine.stopping import asked_to_stop

SLICE_SECONDS = 15.0


def cancel_some(job_id: int, *, seconds: float = SLICE_SECONDS) -> bool:
    """Close chunk after chunk of a job that is being cancelled, one transaction each; True where some are left.

    A chunk that a worker still holds is left to a later call. What a dead worker left in doubt stays unknown: nothing
    is sent for a cancelled job any more.
    """
    engine, settings = db.engine, current_settings()
    facts = load_facts(engine, job_id)
    if facts is None or facts.state != JobState.CANCELLING:
        return False
    ends_at, clock = time.monotonic() + seconds, Clock.of(engine)
    while _cancel_chunk(engine, settings, facts, clock.now()):
        if asked_to_stop() or time.monotonic() >= ends_at:
            return True
    return False


def _cancel_chunk(engine: Engine, settings: Settings, facts: JobFacts, now: datetime) -> bool:
    with write_connection(engine) as connection:
        taken = claim(
            connection,
            job_id=facts.job_id,
            owner=new_owner(),
            now=now,
            lease_seconds=settings.lease_seconds,
            job_state=JobState.CANCELLING.value,
            waiting_too=True,
        )
        if taken is not None:
            _close(connection, settings, facts, taken, now)
        return taken is not None


def _close(connection: Connection, settings: Settings, facts: JobFacts, taken: Claim, now: datetime) -> None:
    ledger, hold = ledger_for(connection.engine), taken.hold
    lease_until = now + timedelta(seconds=settings.lease_seconds)
    if taken.left_by is not None:
        recover(
            connection,
            ledger,
            taken,
            journals=journal_folder(settings),
            policy=_nothing_again(settings),
            lease_until=lease_until,
            now=now,
        )
    records = ledger.records(connection, facts.dataset_version_id, hold.cursor, hold.last_record)
    rows = [
        NewRow(
            record.record_no,
            recorded(written_address(record, facts.recipient_column)),
            MessageState.CANCELLED,
            "cancelled",
        )
        for record in records
    ]
    ledger.add(connection, facts, hold.chunk_no, rows, now)
    queued, held = (
        ledger.cancel(connection, facts.job_id, hold.first_record, hold.last_record, state, now)
        for state in ("queued", "held")
    )
    ledger.move_chunk(
        connection,
        job_id=facts.job_id,
        chunk_no=hold.chunk_no,
        owner=hold.owner,
        cursor=hold.last_record + 1,
        lease_until=lease_until,
        counted=Counter({"cancelled": len(rows) + queued + held, "queued": -queued, "held": -held}),
    )
    ledger.give_back(
        connection, job_id=facts.job_id, chunk_no=hold.chunk_no, owner=hold.owner, state=ChunkState.DONE.value
    )


def _nothing_again(settings: Settings) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=settings.max_attempts,
        retry_seconds=settings.retry_seconds,
        resend_unknown=False,
        outages_spend_tries=False,
    )
