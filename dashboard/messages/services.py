"""Sending one message again."""

from __future__ import annotations

from sqlalchemy import insert, select

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.audit.services import record
from dashboard.extensions import db, transaction
from dashboard.ids import new_id
from dashboard.jobs.choosing import From, choose_provider
from dashboard.jobs.models import Job, JobKind
from dashboard.jobs.services import create_job
from dashboard.message_templates.models import Template, TemplateVersion
from dashboard.messages.models import Message, MessageState
from dashboard.messages.retention import why_no_values
from dashboard.problems import DomainError, NotFound
from dashboard.suppressions.queries import standing_against
from worker.queues import Queue

_UNDER_WAY = (MessageState.SENDING, MessageState.QUEUED, MessageState.HELD)


def resend(*, message_id: int) -> int:
    """A new message with the same template version, record and values, in a job of its own; gives its id.

    Refused (DomainError) while the first one is under way, where the address is suppressed or the values are gone,
    and for one-time codes, which must not be sent twice.
    """
    with transaction():
        message = db.session.get(Message, message_id)
        job = db.session.get(Job, message.job_id) if message else None
        if message is None or job is None:
            raise NotFound("There is no message with this id.")
        _check(message, job)
        source = db.session.scalars(
            select(Record).where(
                Record.dataset_version_id == job.dataset_version_id, Record.record_no == message.record_no
            )
        ).first()
        if source is None:
            raise DomainError("The data this message was made from has been deleted.")
        again = create_job(
            kind=JobKind.RETRY,
            template=db.session.get_one(Template, job.template_id),
            template_version=db.session.get_one(TemplateVersion, job.template_version_id),
            dataset_version=_dataset_of(source),
            provider=choose_provider(job.channel, job.category, job.provider_id),
            sender=From(job.from_address, job.from_name),
            category=job.category,
            queue=Queue.TRANSACTIONAL,
            recipient_column=job.recipient_column,
            retry_of_id=job.id,
            call_values=job.call_values,
            event_id=job.event_id,
            event_values=dict(job.event_values),
            is_test=job.is_test,
        )
        record("message.resend", summary=f"{message.public_id} again", after={"job": again.public_id})
        return again.first_message_id


def _check(message: Message, job: Job) -> None:
    if message.state in _UNDER_WAY:
        raise DomainError("This message is still under way. Wait for its outcome first.")
    if message.category == "otp":
        raise DomainError("A one-time code is not sent again from here: the person asks for a new one.")
    if gone := why_no_values(job):
        raise DomainError(f"{gone} So it cannot be made again.", code="values_deleted")
    entry = standing_against(message.channel, message.recipient, message.category)
    if entry is not None:
        raise DomainError(
            f"The address is on the suppression list ({entry.reason}). Lift that first, if they asked for it."
        )


def _dataset_of(source: Record) -> DatasetVersion:
    dataset = DatasetVersion(id=new_id(), ready=True, record_count=1)
    db.session.add(dataset)
    db.session.flush()
    values = {name: getattr(source, name) for name in ("email", "phone", "external_id", "push_token", "variables")}
    db.session.execute(insert(Record), [{"dataset_version_id": dataset.id, "record_no": 0, **values}])
    return dataset
