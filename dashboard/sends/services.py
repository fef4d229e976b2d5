"""Accepting orders for the workers, and cancelling what they have not begun."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update

from dashboard.direct import Batch
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.jobs.models import Chunk, ChunkState, Job, JobKind, JobState
from dashboard.jobs.services import cancel_job
from dashboard.message_templates.models import Category
from dashboard.messages.models import Message, MessageEvent, MessageState
from dashboard.problems import DomainError, NotFound
from dashboard.sends.models import ApiJob
from dashboard.sends.orders import Order, Target, targets_of
from dashboard.sends.queries import job_behind
from dashboard.sends.queueing import Wish, queue_job, tell_lane
from dashboard.sends.records import add_owner, add_records
from worker.queues import Queue

LANES = {
    Category.OTP: Queue.OTP,
    Category.TRANSACTIONAL: Queue.TRANSACTIONAL,
    Category.PROMOTIONAL: Queue.BULK,
}
#: A promotional order of so few is not kept waiting behind campaigns.
_FEW = 100


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that stands in the database: nothing of it is lost from here on."""

    send_id: int
    jobs: tuple[tuple[Job, Target], ...]


def accept(order: Order) -> Accepted:
    """Write an order down and tell the lanes, in one transaction.

    Raises DomainError or NotAllowed for what cannot be sent at all; what is wrong with one recipient is found by the
    worker and stands in the state of that message.
    """
    check_times(order)
    send_id = new_id()
    with transaction(keep=True):
        targets, dataset_id, batch = targets_of(order), new_id(), Batch()
        add_records(batch, order, dataset_id, for_workers=True)
        jobs = [_queued(batch, order, target, dataset_id, send_id) for target in targets]
        batch.write(db.session.connection())
        for job in jobs:
            tell_lane(job)
        return Accepted(send_id, tuple(zip(jobs, targets, strict=True)))


def check_times(order: Order) -> None:
    """Raises DomainError where the order would end before it begins."""
    now = utc_now()
    if order.expires_at is not None and order.expires_at <= max(now, order.send_at or now):
        raise DomainError("It would expire before it is sent.", field="expires_at", code="expired")


def _queued(batch: Batch, order: Order, target: Target, dataset_id: int, send_id: int) -> Job:
    wish = Wish(
        kind=JobKind.API,
        queue=_lane(target, len(order.addressees)),
        created_by=order.caller.created_by,
        expires_at=order.expires_at,
        send_at=order.send_at if order.send_at is not None and order.send_at > utc_now() else None,
    )
    job = queue_job(batch, target, dataset_id, len(order.addressees), wish)
    add_owner(batch, order, send_id, job.id, job.first_message_id)
    return job


def _lane(target: Target, count: int) -> Queue:
    lane = LANES[Category(target.category)]
    return Queue.TRANSACTIONAL if lane is Queue.BULK and count <= _FEW else lane


def cancel_message(*, message_id: int) -> None:
    """Cancel a message that nobody has begun to hand over.

    A message whose turn has not come is cancelled with its row; where a worker has its chunk in hand, it is too late.
    Raises NotFound, or DomainError(code="wrong_state") where it is too late.
    """
    with transaction():
        job = job_behind(message_id)
        if job is None:
            raise NotFound("There is no message with this id.")
        if job.record_count == 1 and job.state in (JobState.RUNNING, JobState.PAUSED):
            _cancel_single(job, message_id)
        else:
            _cancel_row(message_id)


def cancel_send(*, send_id: int) -> list[Job]:
    """Cancel every job of a request that has not ended. Raises NotFound, or DomainError where all have ended."""
    with transaction():
        ids = list(db.session.scalars(select(ApiJob.job_id).where(ApiJob.send_id == send_id)))
        if not ids:
            raise NotFound("There is no request with this id.")
        jobs = list(db.session.scalars(select(Job).where(Job.id.in_(ids))))
        open_ = [job for job in jobs if job.state not in (JobState.FINISHED, JobState.CANCELLED)]
        if not open_:
            raise DomainError("All of it has been sent, or cancelled before.", code="wrong_state")
        for job in open_:
            cancel_job(job_id=job.id)
        return jobs


def _cancel_single(job: Job, message_id: int) -> None:
    message = db.session.get(Message, message_id)
    if message is not None and message.state != MessageState.QUEUED:
        raise _too_late(message.state)
    if _in_hand(job.id):
        raise _too_late("being sent")
    cancel_job(job_id=job.id)


def _cancel_row(message_id: int) -> None:
    """One of many: only what was put off has a row that can be taken out of the queue."""
    message = db.session.get(Message, message_id, with_for_update=True)
    if message is None:
        raise DomainError(
            "Its batch has not reached it yet, and one message of a batch cannot be taken out. Cancel the whole batch.",
            code="wrong_state",
        )
    if message.state not in (MessageState.QUEUED, MessageState.HELD):
        raise _too_late(message.state)
    left = message.state
    message.state, message.code, message.not_before = MessageState.CANCELLED, "cancelled", None
    message.updated_at = utc_now()
    chunk = (Chunk.job_id == message.job_id, Chunk.chunk_no == message.chunk_no)
    column = Chunk.queued if left == MessageState.QUEUED else Chunk.held
    db.session.execute(update(Chunk).where(*chunk).values({column: column - 1, Chunk.cancelled: Chunk.cancelled + 1}))
    db.session.add(MessageEvent(message_id=message_id, kind="note", code="cancelled", detail="Cancelled by its sender"))


def _in_hand(job_id: int) -> bool:
    leased = select(Chunk.chunk_no).where(
        Chunk.job_id == job_id, Chunk.state == ChunkState.LEASED, Chunk.lease_until > utc_now()
    )
    return db.session.scalar(leased.limit(1)) is not None


def _too_late(state: str) -> DomainError:
    return DomainError(f"It is too late: this message is {state}.", code="wrong_state")
