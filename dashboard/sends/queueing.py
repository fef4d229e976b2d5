"""Jobs that a request leaves to the workers, as a part of all that the request writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.current import current_settings
from dashboard.direct import Batch, Rows
from dashboard.extensions import after_commit, utc_now
from dashboard.ids import new_id
from dashboard.jobs.models import Chunk, ChunkState, Job, JobKind
from dashboard.jobs.numbering import allocate_message_ids
from dashboard.jobs.services import announce, wait_for_window
from dashboard.message_templates.models import Channel
from dashboard.sends.orders import Target
from worker.queues import Queue

_COLUMNS = (
    "id", "kind", "channel", "category", "template_id", "template_version_id", "dataset_version_id", "recipient_column",
    "provider_id", "route", "from_address", "from_name", "global_values", "first_message_id", "record_count",
    "chunk_size", "queue", "created_by", "created_at", "expires_at",
)  # fmt: skip
_JOB = Rows(Job, *_COLUMNS)
_EVENT_JOB = Rows(Job, *_COLUMNS, "event_id", "event_values", "is_test", "send_window", "not_before", "waiting_for")
_CHUNK = Rows(Chunk, "job_id", "chunk_no", "first_record", "last_record", "cursor", "state", "not_before")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a job is for, and what it is to heed. With `send_at` nobody begins it before. The last four are events'."""

    kind: JobKind
    queue: Queue
    created_by: int | None = None
    expires_at: datetime | None = None
    send_at: datetime | None = None
    event_id: int | None = None
    is_test: bool = False
    event_values: Mapping[str, Any] | None = None
    send_window: Mapping[str, Any] | None = None


def queue_job(batch: Batch, target: Target, dataset_id: int, count: int, wish: Wish) -> Job:
    """Freeze a run of so many records and cut it into chunks, as `dashboard.jobs.services.create_job` does.

    The object belongs to no session. Once the batch is written, `tell_lane` calls the workers.
    """
    job = Job(
        id=new_id(),
        kind=wish.kind.value,
        channel=target.channel,
        category=target.category,
        template_id=target.template_id,
        template_version_id=target.version.id,
        dataset_version_id=dataset_id,
        recipient_column=Channel(target.channel).address_column,
        provider_id=target.provider_id,
        route=[stop.as_kept() for stop in target.stops],
        from_address=target.sender.address,
        from_name=target.sender.name,
        global_values=dict(target.global_values),
        event_id=wish.event_id,
        event_values=dict(wish.event_values or {}),
        is_test=wish.is_test,
        first_message_id=allocate_message_ids(count),
        record_count=count,
        chunk_size=current_settings().chunk_size,
        queue=wish.queue.value,
        created_by=wish.created_by,
        created_at=utc_now(),
        send_window=dict(wish.send_window or {}),
        expires_at=wish.expires_at,
    )
    wait_for_window(job)
    rows = _JOB if wish.event_id is None else _EVENT_JOB
    batch.add(rows, {name: getattr(job, name) for name in rows.names})
    batch.add(_CHUNK, *_chunks(job, wish.send_at))
    return job


def tell_lane(job: Job) -> None:
    """Call the workers to a job once it is committed."""
    after_commit(announce, job.id, Queue(job.queue), len(range(0, job.record_count, job.chunk_size)))


def _chunks(job: Job, send_at: datetime | None) -> list[dict[str, Any]]:
    state = ChunkState.READY if send_at is None else ChunkState.WAITING
    return [
        {
            "job_id": job.id,
            "chunk_no": number,
            "first_record": first,
            "last_record": min(first + job.chunk_size, job.record_count) - 1,
            "cursor": first,
            "state": state.value,
            "not_before": send_at,
        }
        for number, first in enumerate(range(0, job.record_count, job.chunk_size))
    ]
