"""Making jobs (everything a run needs is frozen, in one transaction; the lanes hear of it after the commit), and
steering them: pause, resume, cancel, and the states that follow from their chunks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.orm import Session

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.audit.services import record
from dashboard.campaigns.models import Campaign, CampaignState, ScheduleKind
from dashboard.current import current_settings
from dashboard.endpoints.runs import announce_end
from dashboard.extensions import after_commit, db, single_reads, transaction, utc_now
from dashboard.ids import new_id
from dashboard.jobs.choosing import From, choose_provider, choose_sender, frozen_route
from dashboard.jobs.models import (
    ACTIVE_JOB_STATES,
    ENDED_JOB_STATES,
    JOB_TRANSITIONS,
    Chunk,
    ChunkState,
    Job,
    JobKind,
    JobState,
    Rest,
)
from dashboard.jobs.numbering import allocate_message_ids
from dashboard.message_templates.models import Category, Channel, Template, TemplateVersion
from dashboard.problems import DomainError, NotFound
from dashboard.providers.models import Provider
from dashboard.variables.models import Variable
from worker.engine.clock import Clock
from worker.engine.send_window import SendWindow
from worker.queues import Queue, enqueue

#: What can be asked for a single value: a connection, or the session of a transaction.
Reader = Connection | Session

# Built once: putting a statement together costs more than SQLite needs to run it.
_GLOBALS = select(Variable.name, Variable.value, Variable.kind)
_LANES = {
    Category.OTP: Queue.OTP,
    Category.TRANSACTIONAL: Queue.TRANSACTIONAL,
    Category.PROMOTIONAL: Queue.TRANSACTIONAL,
}


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient of a job that is not a campaign: an address and the variables of its message."""

    email: str | None = None
    phone: str | None = None
    push_token: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


class JobOptions(TypedDict, total=False):
    """What most jobs leave as the model has it. From `expires_at` on nothing is handed over any more."""

    recipient_column: str
    campaign_id: int | None
    event_id: int | None
    retry_of_id: int | None
    is_test: bool
    resend_unknown: bool
    expires_at: datetime | None
    send_window: dict[str, Any]
    rate_per_minute: float
    route: list[dict[str, Any]]
    event_values: dict[str, Any]
    created_by: int | None


def freeze_globals() -> dict[str, str]:
    """The global variables as they are now; empty read-only ones are left out, so they count as undefined."""
    return usable_globals(db.session.connection().execute(_GLOBALS))


def usable_globals(rows: Iterable[Sequence[str]]) -> dict[str, str]:
    """What counts as defined of (name, value, kind)."""
    return {name: value for name, value, kind in rows if value or kind == "editable"}


def create_job(
    *,
    kind: JobKind,
    template: Template,
    template_version: TemplateVersion,
    dataset_version: DatasetVersion,
    provider: Provider,
    sender: From,
    category: str,
    queue: Queue,
    call_values: Mapping[str, Any] | None = None,
    global_values: Mapping[str, str] | None = None,
    **options: Unpack[JobOptions],
) -> Job:
    """Freeze a run and cut it into chunks; call it inside `transaction()`. The lane is told after the commit.

    `global_values` are those that the caller has frozen already.
    """
    settings = current_settings()
    count = dataset_version.record_count
    job = Job(
        id=new_id(),
        kind=kind,
        channel=template.channel,
        category=category,
        template_id=template.id,
        template_version_id=template_version.id,
        dataset_version_id=dataset_version.id,
        provider_id=provider.id,
        from_address=sender.address,
        from_name=sender.name,
        global_values=freeze_globals() if global_values is None else dict(global_values),
        call_values=dict(call_values or {}),
        first_message_id=allocate_message_ids(count),
        record_count=count,
        chunk_size=settings.chunk_size,
        queue=queue.value,
        **options,
    )
    wait_for_window(job)
    db.session.add(job)
    db.session.flush()
    _cut_into_chunks(job)
    after_commit(announce, job.id, queue, len(range(0, count, settings.chunk_size)))
    return job


def wait_for_window(job: Job) -> None:
    """Let a job rest while its hours have not come, so that pages say so at once."""
    window = SendWindow.read(job.send_window or {})
    opening = window.opening(utc_now()) if window and not window.column else None
    job.not_before, job.waiting_for = opening, Rest.WINDOW if opening else ""


def announce(job_id: int, queue: Queue, chunks: int) -> None:
    """Tell the lane that there is work: one hint per worker that could take a share, at most eight."""
    for _ in range(max(1, min(chunks, 8))):
        enqueue("send_chunks", job_id, queue=queue)


def send_directly(
    *,
    kind: JobKind,
    template: Template,
    template_version: TemplateVersion,
    recipients: Sequence[Recipient],
    provider_id: int | None = None,
    sender_id: int | None = None,
    call_values: Mapping[str, Any] | None = None,
    is_test: bool = False,
    expires_at: datetime | None = None,
    created_by: int | None = None,
) -> Job:
    """A job for recipients that stand in no audience (test sends, API batches); one transaction of its own."""
    with transaction():
        provider = choose_provider(template.channel, template.category, provider_id)
        sender = choose_sender(provider, sender_id)
        dataset = DatasetVersion(id=new_id(), ready=True, record_count=len(recipients), created_by=created_by)
        db.session.add(dataset)
        db.session.flush()
        rows = [
            {
                "dataset_version_id": dataset.id,
                "record_no": number,
                "email": recipient.email,
                "phone": recipient.phone,
                "push_token": recipient.push_token,
                "variables": json.dumps(dict(recipient.variables)),
            }
            for number, recipient in enumerate(recipients)
        ]
        db.session.execute(insert(Record), rows)
        return create_job(
            kind=kind,
            template=template,
            template_version=template_version,
            dataset_version=dataset,
            provider=provider,
            sender=sender,
            route=frozen_route(template.channel, template.category, sender) if provider_id is None else [],
            category=template.category,
            queue=_LANES[Category(template.category)],
            recipient_column=Channel(template.channel).address_column,
            call_values=call_values,
            is_test=is_test,
            expires_at=expires_at,
            created_by=created_by,
        )


def _cut_into_chunks(job: Job) -> None:
    rows = [
        {
            "job_id": job.id,
            "chunk_no": number,
            "first_record": first,
            "last_record": min(first + job.chunk_size, job.record_count) - 1,
            "cursor": first,
        }
        for number, first in enumerate(range(0, job.record_count, job.chunk_size))
    ]
    if rows:
        db.session.execute(insert(Chunk), rows)


def pause_job(*, job_id: int, reason: str = "") -> Job:
    """Stop handing over within a window. A person pauses without a reason, the engine says why.

    The job is `pausing` until the windows under way are finished. Raises NotFound, or DomainError where the job has
    ended or is being cancelled; pausing a paused one changes nothing.
    """
    with transaction() as session:
        job = _locked(job_id)
        if job.state not in (JobState.PAUSING, JobState.PAUSED):
            _move(job, JobState.PAUSING if _has_live_leases(session, job.id) else JobState.PAUSED, "paused")
            job.paused_at = utc_now()
            job.pause_reason = reason
            record("job.pause", job, summary=reason)
        return job


def resume_job(*, job_id: int) -> Job:
    """Go on with a paused job. Raises NotFound or DomainError as pause_job does."""
    with transaction() as session:
        job = _locked(job_id)
        if job.state != JobState.RUNNING:
            _move(job, JobState.RUNNING, "resumed")
            _count_pause(job)
            wait_for_window(job)
            record("job.resume", job)
            after_commit(announce, job.id, Queue(job.queue), _open_chunks(session, job.id))
        return job


def cancel_job(*, job_id: int) -> Job:
    """End a job: what is on its way is finished, every record not reached becomes a cancelled row of the ledger.

    The job is `cancelling` until then. Raises NotFound, or DomainError where it has ended already.
    """
    with transaction():
        job = _locked(job_id)
        if job.state != JobState.CANCELLING:
            _move(job, JobState.CANCELLING, "cancelled")
            _count_pause(job)
            record("job.cancel", job)
            after_commit(enqueue, "cancel_remaining", job.id, queue=Queue.PERIODIC)
        return job


def settle_job(*, job_id: int) -> JobState | None:
    """Move a job on where its chunks say so: paused, finished or cancelled. Its state then; None for no such job.

    Workers call it after each slice and the scheduler for what they left; calling it twice does no harm.
    """
    with single_reads() as connection:  # a look that takes no lock: mostly there is nothing to move
        state = connection.scalar(select(Job.state).where(Job.id == job_id))
        if state is None or _state_by_chunks(connection, job_id, JobState(state)) is None:
            return None if state is None else JobState(state)
    with transaction() as session:
        job = _locked(job_id)
        following = _state_by_chunks(session, job_id, JobState(job.state))
        if following is not None:
            _move(job, following, "moved on")
            if following in ENDED_JOB_STATES:
                _end(job)
        return JobState(job.state)


def _locked(job_id: int) -> Job:
    job = db.session.get(Job, job_id, with_for_update=True)
    if job is None:
        raise NotFound("There is no such run.")
    return job


def _move(job: Job, state: JobState, verb: str) -> None:
    if state not in JOB_TRANSITIONS[JobState(job.state)]:
        raise DomainError(f"This run is {job.state} and cannot be {verb}.", code="wrong_state")
    job.state = state.value


def _has_live_leases(reader: Reader, job_id: int) -> bool:
    leased = select(Chunk.chunk_no).where(
        Chunk.job_id == job_id, Chunk.state == ChunkState.LEASED, Chunk.lease_until > Clock.of(db.engine).now()
    )
    return reader.scalar(leased.limit(1)) is not None


def _open_chunks(reader: Reader, job_id: int) -> int:
    counted = select(func.count()).where(Chunk.job_id == job_id, Chunk.state != ChunkState.DONE)
    return reader.scalar(counted) or 0


def _state_by_chunks(reader: Reader, job_id: int, state: JobState) -> JobState | None:
    """The state that follows now; None where the job stays as it is."""
    if state not in ACTIVE_JOB_STATES:
        return None
    if _open_chunks(reader, job_id) == 0:
        cancelled = reader.scalar(select(func.sum(Chunk.cancelled)).where(Chunk.job_id == job_id))
        return JobState.CANCELLED if state == JobState.CANCELLING and cancelled else JobState.FINISHED
    if state == JobState.PAUSING and not _has_live_leases(reader, job_id):
        return JobState.PAUSED
    return None


def _count_pause(job: Job) -> None:
    if job.paused_at is not None:
        job.paused_seconds += max(0.0, (utc_now() - job.paused_at).total_seconds())
    job.paused_at, job.pause_reason = None, ""


def _end(job: Job) -> None:
    """The run is over; its campaign too, unless another run is under way or its schedule goes on."""
    _count_pause(job)
    job.finished_at = utc_now()
    announce_end(job)
    if job.campaign_id is None:
        return
    campaign = db.session.get(Campaign, job.campaign_id, with_for_update=True)
    others = select(Job.id).where(
        Job.campaign_id == job.campaign_id, Job.id != job.id, Job.state.not_in(ENDED_JOB_STATES)
    )
    if campaign is None or campaign.state != CampaignState.RUNNING or db.session.scalar(others.limit(1)) is not None:
        return
    if campaign.schedule_kind == ScheduleKind.CRON and campaign.next_run_at is not None:
        campaign.state = CampaignState.SCHEDULED
    else:
        campaign.state = CampaignState.CANCELLED if job.state == JobState.CANCELLED else CampaignState.FINISHED


def lane_of(job_id: int) -> Queue:
    """The lane on which a job's calls travel."""
    return Queue(db.session.scalars(select(Job.queue).where(Job.id == job_id)).one())
