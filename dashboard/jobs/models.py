"""Jobs (one batch of sending) and their chunks (ranges of records).

A job freezes all it needs when it is made: template version, dataset version, global variables, provider, sender.
A chunk is claimed by a lease and carries the counters of its records, so a window's outcome and its counters are one
transaction, no row is fought over, and a job's totals are the sum of its chunks. What a chunk does not count has not
been reached yet: queued = records - everything counted.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, Identified, utc_now


class JobKind(StrEnum):
    CAMPAIGN = "campaign"
    TEST = "test"
    API = "api"
    EVENT = "event"
    RETRY = "retry"  # failed ones of another job, once more


class JobState(StrEnum):
    RUNNING = "running"
    PAUSING = "pausing"  # the windows already handed over are finishing
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FINISHED = "finished"


JOB_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.RUNNING: frozenset({JobState.PAUSING, JobState.PAUSED, JobState.CANCELLING, JobState.FINISHED}),
    JobState.PAUSING: frozenset({JobState.PAUSED, JobState.RUNNING, JobState.CANCELLING, JobState.FINISHED}),
    JobState.PAUSED: frozenset({JobState.RUNNING, JobState.CANCELLING}),
    JobState.CANCELLING: frozenset({JobState.CANCELLED, JobState.FINISHED}),
    JobState.CANCELLED: frozenset(),
    JobState.FINISHED: frozenset(),
}
ACTIVE_JOB_STATES = (JobState.RUNNING, JobState.PAUSING, JobState.CANCELLING)
ENDED_JOB_STATES = (JobState.CANCELLED, JobState.FINISHED)


class Rest(StrEnum):
    """Why nothing is to be done for a job until its `not_before`."""

    WINDOW = "window"  # its hours are closed
    RATE = "rate"  # the provider's limit a second
    MINUTE = "minute"
    DAY = "day"
    SLOWED = "slowed"  # the provider asked for less
    THROTTLE = "throttle"  # the pace chosen for this run


class Job(Identified, Base):
    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "ix_jobs_event_id",
            "event_id",
            "id",
            postgresql_where=text("event_id IS NOT NULL"),
            sqlite_where=text("event_id IS NOT NULL"),
        ),
        Index(  # whose values a rule ends some day: worker.keeping. With fewer columns SQLite prefers another index
            "ix_jobs_values_kept",
            "values_deleted_at",
            "campaign_id",
            "id",
            postgresql_where=text("values_deleted_at IS NULL"),
            sqlite_where=text("values_deleted_at IS NULL"),
        ),
    )
    PREFIX = "run"

    kind: Mapped[str] = mapped_column(String(10), default=JobKind.CAMPAIGN)
    state: Mapped[str] = mapped_column(String(12), default=JobState.RUNNING, index=True)
    channel: Mapped[str] = mapped_column(String(10), default="email")
    category: Mapped[str] = mapped_column(String(20))
    campaign_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("campaigns.id"), index=True)
    event_id: Mapped[int | None] = mapped_column(BigId)  # stays when the event is deleted
    retry_of_id: Mapped[int | None] = mapped_column(BigId)
    template_id: Mapped[int] = mapped_column(BigId, ForeignKey("templates.id"))
    template_version_id: Mapped[int] = mapped_column(BigId, ForeignKey("template_versions.id"))
    dataset_version_id: Mapped[int] = mapped_column(BigId, ForeignKey("dataset_versions.id"), index=True)
    recipient_column: Mapped[str] = mapped_column(String(80), default="email")
    provider_id: Mapped[int] = mapped_column(BigId, ForeignKey("providers.id"))
    # Who else may send it, in order: [{"provider_id", "weight", "from_address", "from_name"}]; empty: nobody else.
    route: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    from_address: Mapped[str] = mapped_column(String(320))
    from_name: Mapped[str] = mapped_column(String(160), default="")
    global_values: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # frozen global variables
    call_values: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # given with the call: win over the record
    event_values: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # of an event: the record wins over them
    values_deleted_at: Mapped[datetime | None]  # its records, call and event values are gone since then
    is_test: Mapped[bool] = mapped_column(default=False)
    resend_unknown: Mapped[bool] = mapped_column(default=True)
    first_message_id: Mapped[int] = mapped_column(BigId, index=True)  # message id = first_message_id + record_no
    record_count: Mapped[int]
    chunk_size: Mapped[int]
    queue: Mapped[str] = mapped_column(String(20))
    pause_reason: Mapped[str] = mapped_column(Text, default="")
    created_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]  # the first hand-over
    paused_seconds: Mapped[float] = mapped_column(default=0)
    paused_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    rate_per_minute: Mapped[float] = mapped_column(default=0)  # the throttle of this run; 0: none
    send_window: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # worker.engine.send_window; {}: none
    not_before: Mapped[datetime | None]  # it rests until then: no worker is called to it
    waiting_for: Mapped[str] = mapped_column(String(10), default="")  # a Rest
    expires_at: Mapped[datetime | None]  # nothing is handed over from then on: what is left ends as expired


class ChunkState(StrEnum):
    READY = "ready"
    LEASED = "leased"
    WAITING = "waiting"  # every record reached; some are put off until not_before
    DONE = "done"


class Chunk(Base):
    """Records first_record … last_record (inclusive) of a job. `cursor` is the next record never reached."""

    __tablename__ = "chunks"
    __table_args__ = (
        Index("ix_chunks_state_lease", "state", "lease_until"),
        Index("ix_chunks_job_state", "job_id", "state"),
    )

    job_id: Mapped[int] = mapped_column(BigId, ForeignKey("jobs.id"), primary_key=True)
    chunk_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_record: Mapped[int]
    last_record: Mapped[int]
    cursor: Mapped[int]
    state: Mapped[str] = mapped_column(String(10), default=ChunkState.READY)
    lease_owner: Mapped[str] = mapped_column(String(80), default="")
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    takeovers: Mapped[int] = mapped_column(default=0)
    # Counters of the records of this chunk by message state; queued rows count too (put off for later).
    queued: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    sending: Mapped[int] = mapped_column(default=0)
    sent: Mapped[int] = mapped_column(default=0)
    delivered: Mapped[int] = mapped_column(default=0)
    bounced: Mapped[int] = mapped_column(default=0)
    complained: Mapped[int] = mapped_column(default=0)
    expired: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    unknown: Mapped[int] = mapped_column(default=0)
    suppressed: Mapped[int] = mapped_column(default=0)
    cancelled: Mapped[int] = mapped_column(default=0)
