"""Sending the failed messages of a run once more, as a job of its own, each of them at most once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Integer, and_, cast, exists, func, insert, literal, or_, select

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.audit.services import record
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.campaigns.states import get_campaign, move_or_refuse
from dashboard.extensions import db, transaction, utc_now
from dashboard.figures import number
from dashboard.ids import new_id
from dashboard.jobs.choosing import From
from dashboard.jobs.errors import ErrorGroup, Prospect, parse_keys
from dashboard.jobs.models import ENDED_JOB_STATES, Job, JobKind
from dashboard.jobs.services import create_job
from dashboard.message_templates.models import Template, TemplateVersion
from dashboard.messages.models import Message, MessageEvent, MessageState
from dashboard.problems import Conflict, DomainError, NotFound
from dashboard.providers.models import Provider
from worker.queues import Queue

#: Kind of the line in a message's history that says "sent again in …"; who has one is never taken again.
RETRIED = "retried"
_TAKEN_FROM = (MessageState.FAILED, MessageState.BOUNCED, MessageState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Retryable:
    """A group of errors with what is left of it: `left` messages were not sent again yet."""

    group: ErrorGroup
    left: int

    @property
    def offered(self) -> bool:
        return self.left > 0 and self.group.prospect is not Prospect.MAYBE_TWICE

    @property
    def ticked(self) -> bool:
        return self.offered and self.group.prospect is Prospect.WORTH_IT


def retryable_groups(job: Job, groups: Sequence[ErrorGroup]) -> list[Retryable]:
    """The groups with the number of messages that may be sent again."""
    rows = db.session.execute(
        select(Message.state, Message.code, func.count())
        .where(_of(job), _may_be_sent_again())
        .group_by(Message.state, Message.code)
    )
    left = {(state, code or ""): int(count) for state, code, count in rows}
    return [Retryable(group, left.get((group.state, group.code), 0)) for group in groups]


def retry_failed(
    *,
    campaign_id: int,
    job_id: int,
    groups: Sequence[str],
    newest_version: bool,
    actor_id: int | None,
    version: int | None = None,
) -> Job:
    """A job over copies of the failed records of these groups (keys of ErrorGroup).

    Each recipient gets at most one delivered copy: taken are only messages that failed for good, that were never in
    doubt and are in no other retry. With `newest_version` the published template version is used in place of the
    one that the run was made with. DomainError(groups) where nothing is left to send.
    """
    with transaction():
        campaign = get_campaign(campaign_id)
        allowed = {CampaignState.FINISHED, CampaignState.CANCELLED, CampaignState.SCHEDULED}
        move_or_refuse(campaign, CampaignState.RUNNING, allowed=allowed, version=version)
        origin = _ended_run(campaign, job_id)
        chosen = and_(_of(origin), _may_be_sent_again(), _in_groups(groups))
        dataset = _copy_records(origin, chosen, actor_id)
        job = _make_job(origin, dataset, newest_version, actor_id)
        _mark(chosen, job)
        campaign.last_job_id = job.id
        words = f"Sent {number(dataset.record_count)} failed messages of {origin.public_id} again"
        record("campaign.retry", campaign, summary=words, after={"job": job.public_id, "groups": sorted(groups)})
    return job


def _ended_run(campaign: Campaign, job_id: int) -> Job:
    job = db.session.get(Job, job_id)
    if job is None or job.campaign_id != campaign.id:
        raise NotFound("This campaign has no such run.")
    if job.state not in ENDED_JOB_STATES:
        raise Conflict("This run has not ended yet. Wait for it, or cancel it first.", current=campaign)
    return job


def _of(job: Job) -> ColumnElement[bool]:
    """The rows of a job, written so that the index on (state, id) is used."""
    last = job.first_message_id + job.record_count - 1
    return and_(Message.job_id == job.id, Message.id.between(job.first_message_id, last))


def _may_be_sent_again() -> ColumnElement[bool]:
    taken = exists(select(MessageEvent.id).where(MessageEvent.message_id == Message.id, MessageEvent.kind == RETRIED))
    return and_(Message.state.in_(_TAKEN_FROM), Message.maybe_twice.is_(False), ~taken)


def _in_groups(keys: Iterable[str]) -> ColumnElement[bool]:
    pairs = parse_keys(keys)
    if not pairs:
        raise DomainError("Choose at least one group of errors.", field="groups", code="required")
    code = func.coalesce(Message.code, "")
    return or_(*(and_(Message.state == state, code == wanted) for state, wanted in pairs))


def _copy_records(origin: Job, chosen: ColumnElement[bool], actor_id: int | None) -> DatasetVersion:
    """A dataset version with the chosen records of the run, numbered from 0; both databases do it in one statement."""
    source = db.session.get_one(DatasetVersion, origin.dataset_version_id)
    dataset = DatasetVersion(id=new_id(), columns=source.columns, created_by=actor_id)
    db.session.add(dataset)
    db.session.flush()
    position = cast(func.row_number().over(order_by=Record.record_no), Integer) - 1
    rows = (
        select(
            literal(dataset.id, type_=DatasetVersion.id.type),
            position,
            Record.email,
            Record.phone,
            Record.external_id,
            Record.push_token,
            Record.variables,
        )
        .join(Message, Message.record_no == Record.record_no)
        .where(Record.dataset_version_id == origin.dataset_version_id, chosen)
    )
    names = ["dataset_version_id", "record_no", "email", "phone", "external_id", "push_token", "variables"]
    db.session.execute(insert(Record).from_select(names, rows))
    own = Record.dataset_version_id == dataset.id
    dataset.record_count = db.session.scalar(select(func.count()).where(own)) or 0
    dataset.email_count = db.session.scalar(select(func.count(Record.email)).where(own)) or 0
    dataset.ready = True
    if not dataset.record_count:
        words = "Nothing is left to send again in these groups: all of it was sent again already, or may have arrived."
        raise DomainError(words, field="groups", code="nothing_left")
    return dataset


def _make_job(origin: Job, dataset: DatasetVersion, newest_version: bool, actor_id: int | None) -> Job:
    template = db.session.get_one(Template, origin.template_id)
    version_id = (template.published_version_id if newest_version else None) or origin.template_version_id
    provider, sender = _from_whom(origin)
    return create_job(
        kind=JobKind.RETRY,
        template=template,
        template_version=db.session.get_one(TemplateVersion, version_id),
        dataset_version=dataset,
        provider=provider,
        sender=sender,
        category=origin.category,
        queue=Queue.BULK,
        recipient_column=origin.recipient_column,
        campaign_id=origin.campaign_id,
        retry_of_id=origin.id,
        call_values=origin.call_values,
        event_values=dict(origin.event_values),
        resend_unknown=origin.resend_unknown,
        send_window=dict(origin.send_window),
        rate_per_minute=origin.rate_per_minute,
        route=list(origin.route),
        created_by=actor_id,
    )


def _from_whom(origin: Job) -> tuple[Provider, From]:
    """The provider of the run and its From; where that one is switched off, the next of the run's route."""
    own = {"provider_id": origin.provider_id, "from_address": origin.from_address, "from_name": origin.from_name}
    for entry in (own, *origin.route):
        provider = db.session.get(Provider, entry["provider_id"])
        if provider is not None and provider.archived_at is None and provider.enabled:
            return provider, From(address=entry["from_address"], name=entry["from_name"])
    name = db.session.get_one(Provider, origin.provider_id).name
    words = f"The provider {name} is switched off. Enable it under Providers, then try again."
    raise DomainError(words, code="provider_disabled")


def _mark(chosen: ColumnElement[bool], job: Job) -> None:
    """A line in the history of every message taken, so that none is taken twice and its page tells where it went."""
    numbered = cast(func.row_number().over(order_by=Message.id), MessageEvent.id.type) - 1
    lines = select(
        literal(new_id(), type_=MessageEvent.id.type) + numbered,
        Message.id,
        literal(utc_now(), type_=MessageEvent.at.type),
        literal(RETRIED),
        literal(""),
        literal(f"Sent again in {job.public_id}."),
    ).where(chosen)
    names = ["id", "message_id", "at", "kind", "code", "detail"]
    db.session.execute(insert(MessageEvent).from_select(names, lines))
