"""Claiming chunks: a lease, held by one slice of work, renewed until the chunk is given back.

A claim is one transaction: it finds a chunk that nobody holds (or whose lease ran out), takes it, and puts in order
what its last holder left. Everything a holder writes afterwards is guarded by its name in `lease_owner`.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Boolean, Connection, Row, Select, and_, bindparam, or_, select, update

from dashboard.extensions import need_not_last, only_write
from dashboard.jobs.models import Chunk, ChunkState, Job
from worker.engine.rows import Change, Note, RecordRow


def new_owner() -> str:
    """The name of one slice of work: host, process, thread, and a part that no other slice ever has."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{threading.get_native_id()}:{secrets.token_hex(4)}"


@dataclass(slots=True, eq=False)
class Hold:
    """A chunk in our hands, and what has happened to it since the last transaction."""

    job_id: int
    chunk_no: int
    owner: str
    first_record: int
    last_record: int
    cursor: int
    queued: int  # rows put off or held, as the database has it
    valid_until: float  # of the monotonic clock: until then nobody else takes the chunk
    lost: bool = False
    records: deque[RecordRow] = field(default_factory=deque)  # read ahead, from the cursor on
    booked: int = 0  # rows that stand as `sending` in our name, without an outcome yet
    changes: list[Change] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def reached_all(self) -> bool:
        return self.cursor > self.last_record


@dataclass(frozen=True, slots=True)
class Claim:
    """A chunk just taken. `left_by`: who held it and did not give it back; `takeovers`: how often that happened."""

    hold: Hold
    left_by: str | None
    takeovers: int


def claim(
    connection: Connection,
    *,
    job_id: int,
    owner: str,
    now: datetime,
    lease_seconds: float,
    job_state: str,
    waiting_too: bool = False,
    nothing_follows: bool = False,
) -> Claim | None:
    """Take the next free chunk of a job in that state; None where there is none. Inside a writing transaction.

    A chunk that waits is free when its time has come, or at once where `waiting_too` says so. With `nothing_follows`
    the caller commits at once, unless somebody left the chunk behind.
    """
    free = _free_chunk(connection, job_id, now, job_state, waiting_too)
    if free is None:
        return None
    started = time.monotonic()
    was_leased = free.state == ChunkState.LEASED
    if nothing_follows and not was_leased:
        only_write(connection)
        need_not_last(connection)  # the commit that marks the first messages waits for the disk, for this one too
    connection.execute(
        update(Chunk)
        .where(Chunk.job_id == job_id, Chunk.chunk_no == free.chunk_no)
        .values(
            state=ChunkState.LEASED.value,
            lease_owner=owner,
            lease_until=now + timedelta(seconds=lease_seconds),
            not_before=None,
            takeovers=Chunk.takeovers + int(was_leased),
        )
    )
    hold = Hold(
        job_id=job_id,
        chunk_no=free.chunk_no,
        owner=owner,
        first_record=free.first_record,
        last_record=free.last_record,
        cursor=free.cursor,
        queued=free.queued,
        valid_until=started + lease_seconds,
    )
    return Claim(hold, free.lease_owner if was_leased else None, free.takeovers + int(was_leased))


def renew(connection: Connection, hold: Hold, lease_until: datetime) -> bool:
    """Make the lease last longer; False where somebody else has the chunk."""
    result = connection.execute(
        update(Chunk)
        .where(
            Chunk.job_id == hold.job_id,
            Chunk.chunk_no == hold.chunk_no,
            Chunk.lease_owner == hold.owner,
            Chunk.state == ChunkState.LEASED.value,
        )
        .values(lease_until=lease_until)
    )
    return result.rowcount == 1


def abandon(connection: Connection, hold: Hold, now: datetime) -> None:
    """Let the lease run out now; the owner's name stays, and with it the way to its journal."""
    connection.execute(
        update(Chunk)
        .where(Chunk.job_id == hold.job_id, Chunk.chunk_no == hold.chunk_no, Chunk.lease_owner == hold.owner)
        .values(lease_until=now)
    )


def is_any_free(connection: Connection, *, job_id: int, now: datetime, job_state: str) -> bool:
    """Would a claim find a chunk? A look that takes no lock, since most of the last ones find nothing."""
    values = {"job": job_id, "now": now, "job_state": job_state, "waiting_too": False}
    return connection.execute(_free_chunks(), values).first() is not None


def _free_chunk(
    connection: Connection, job_id: int, now: datetime, job_state: str, waiting_too: bool
) -> Row[int, str, str, int, int, int, int, int] | None:
    values = {"job": job_id, "now": now, "job_state": job_state, "waiting_too": waiting_too}
    return connection.execute(_free_chunks(locked=True), values).one_or_none()


@cache
def _free_chunks(*, locked: bool = False) -> Select[int, str, str, int, int, int, int, int]:
    """The first chunk that may be claimed. Made once: making it takes longer than running it."""
    job_id, now = bindparam("job", type_=Chunk.job_id.type), bindparam("now", type_=Chunk.lease_until.type)
    late = and_(
        Chunk.state == ChunkState.WAITING.value,
        or_(Chunk.not_before <= now, bindparam("waiting_too", type_=Boolean())),
    )
    statement = (
        select(
            Chunk.chunk_no,
            Chunk.state,
            Chunk.lease_owner,
            Chunk.first_record,
            Chunk.last_record,
            Chunk.cursor,
            (Chunk.queued + Chunk.held).label("queued"),
            Chunk.takeovers,
        )
        .where(
            Chunk.job_id == job_id,
            or_(
                Chunk.state == ChunkState.READY.value,
                late,
                and_(Chunk.state == ChunkState.LEASED.value, Chunk.lease_until <= now),
            ),
            select(Job.id).where(Job.id == job_id, Job.state == bindparam("job_state")).exists(),
        )
        .order_by(Chunk.chunk_no)
        .limit(1)
    )
    return statement.with_for_update(skip_locked=True, of=Chunk) if locked else statement
