"""What became of messages that applications asked for, also of those whose turn has not come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from dashboard.audiences.models import Record
from dashboard.extensions import db
from dashboard.ids import time_of
from dashboard.jobs.models import Job, JobState
from dashboard.messages.models import Message, MessageState
from dashboard.sends.models import ApiJob, MessageReference
from dashboard.sends.orders import ADDRESS_COLUMNS


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """A message as its sender may see it. `reached` is False while it has no row in the ledger."""

    id: int
    job: Job
    record_no: int
    state: str
    recipient: str
    reference: str | None
    metadata: dict[str, Any]
    provider_id: int  # who got it; before its turn the first that may
    code: str | None = None
    detail: str | None = None
    provider_message_id: str | None = None
    attempts: int = 0
    maybe_twice: bool = False
    handed_over_at: datetime | None = None
    updated_at: datetime | None = None
    reached: bool = True

    @property
    def created_at(self) -> datetime:
        return time_of(self.id)


def job_behind(message_id: int) -> Job | None:
    """The job whose block of ids has this one."""
    statement = select(Job).where(Job.first_message_id <= message_id).order_by(Job.first_message_id.desc()).limit(1)
    job = db.session.scalars(statement).first()
    return job if job is not None and message_id < job.first_message_id + job.record_count else None


def status_of(message_id: int) -> MessageStatus | None:
    """The state of a message; None where there is none of that id."""
    job = job_behind(message_id)
    if job is None:
        return None
    reference = db.session.scalar(
        select(MessageReference.reference).where(MessageReference.message_id == message_id).limit(1)
    )
    owner = db.session.get(ApiJob, job.id)
    metadata = dict(owner.data) if owner is not None else {}
    number = message_id - job.first_message_id
    row = db.session.get(Message, message_id)
    if row is None:
        state = (
            MessageState.CANCELLED if job.state in (JobState.CANCELLED, JobState.CANCELLING) else MessageState.QUEUED
        )
        address = _address(job, number)
        return MessageStatus(
            id=message_id,
            job=job,
            record_no=number,
            state=state.value,
            recipient=address,
            reference=reference,
            metadata=metadata,
            provider_id=job.provider_id,
            updated_at=job.created_at,
            reached=False,
        )
    return MessageStatus(
        id=message_id,
        job=job,
        record_no=number,
        state=row.state,
        recipient=row.recipient,
        reference=reference,
        metadata=metadata,
        provider_id=row.provider_id,
        code=row.code,
        detail=row.detail,
        provider_message_id=row.provider_message_id,
        attempts=row.attempts,
        maybe_twice=row.maybe_twice,
        handed_over_at=row.handed_over_at,
        updated_at=row.updated_at,
    )


def messages_of(reference: str, limit: int = 100) -> list[MessageStatus]:
    """The messages that have the caller's reference, newest first."""
    ids = db.session.scalars(
        select(MessageReference.message_id)
        .where(MessageReference.reference == reference)
        .order_by(MessageReference.message_id.desc())
        .limit(limit)
    )
    return [status for status in map(status_of, list(ids)) if status is not None]


def references_of(message_ids: Iterable[int]) -> dict[int, str]:
    """The caller's references of some messages."""
    ids = list(message_ids)
    rows = db.session.execute(
        select(MessageReference.message_id, MessageReference.reference).where(MessageReference.message_id.in_(ids))
    )
    return {row[0]: row[1] for row in rows}


def jobs_of(send_id: int) -> Sequence[tuple[ApiJob, Job]]:
    """The jobs of a request."""
    statement = select(ApiJob, Job).join(Job, Job.id == ApiJob.job_id).where(ApiJob.send_id == send_id)
    return [(row[0], row[1]) for row in db.session.execute(statement.order_by(Job.id))]


def _address(job: Job, number: int) -> str:
    column = getattr(Record, job.recipient_column, None)
    if job.recipient_column not in ADDRESS_COLUMNS.values() or column is None:
        return ""
    where = (Record.dataset_version_id == job.dataset_version_id, Record.record_no == number)
    return db.session.scalar(select(column).where(*where)) or ""
