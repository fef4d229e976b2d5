"""The life of a campaign: made, launched or scheduled, started when it is due, put away.

Changing its choices is in `editing`, sending failed ones again in `retrying`, pausing a run in `dashboard.jobs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from dashboard.audit.services import record
from dashboard.campaigns.choices import channel_of
from dashboard.campaigns.models import Campaign, CampaignState, ScheduleKind
from dashboard.campaigns.plan import Plan, complete, plan_of
from dashboard.campaigns.preflight import first_blocking, quick_checks
from dashboard.campaigns.repeating import next_run
from dashboard.campaigns.starting import start_of
from dashboard.campaigns.states import AlreadyThere, get_campaign, move, move_or_refuse
from dashboard.campaigns.wall_clock import distance_words, moment_words
from dashboard.current import current_settings
from dashboard.extensions import db, transaction, utc_now
from dashboard.figures import number
from dashboard.ids import new_id
from dashboard.jobs.choosing import frozen_route
from dashboard.jobs.models import Job, JobKind
from dashboard.jobs.services import create_job
from dashboard.message_templates.models import Category, Channel
from dashboard.problems import Conflict, DomainError
from worker.queues import Queue

__all__ = [
    "AlreadyThere",
    "archive_campaign",
    "create_campaign",
    "delete_campaign",
    "do_not_send",
    "duplicate_campaign",
    "launch_campaign",
    "restore_campaign",
    "schedule_campaign",
    "skip_run",
    "start_due",
    "unschedule_campaign",
]

_CHOICES = (
    "description",
    "tags",
    "channel",
    "category",
    "template_id",
    "template_version_id",
    "audience_id",
    "recipient_column",
    "provider_id",
    "sender_id",
    "resend_unknown",
    "schedule_zone",
    "send_window",
    "rate_per_minute",
)
_BEFORE_A_RUN = frozenset({CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.LATE})


def create_campaign(
    *,
    name: str,
    actor_id: int | None,
    description: str = "",
    tags: Sequence[str] = (),
    category: str = Category.PROMOTIONAL,
    template_id: int | None = None,
    audience_id: int | None = None,
    recipient_column: str = "email",
    provider_id: int | None = None,
    sender_id: int | None = None,
    resend_unknown: bool = True,
) -> Campaign:
    """A new draft. Names need not be unique: people repeat last month's. DomainError(name) where it is empty."""
    if not name.strip():
        raise DomainError("Give it a name that you will recognise in the list.", field="name", code="required")
    with transaction():
        channel = Channel(channel_of(template_id, Channel.EMAIL))
        if recipient_column == Channel.EMAIL.address_column:
            recipient_column = channel.address_column
        campaign = Campaign(
            id=new_id(),
            channel=channel.value,
            name=name.strip(),
            description=description,
            tags=list(tags),
            category=category,
            template_id=template_id,
            audience_id=audience_id,
            recipient_column=recipient_column,
            provider_id=provider_id,
            sender_id=sender_id,
            resend_unknown=resend_unknown,
            schedule_zone=current_settings().time_zone,
            created_by=actor_id,
            updated_by=actor_id,
        )
        db.session.add(campaign)
        db.session.flush()
        record("campaign.create", campaign, summary=f"Created {campaign.name}")
    return campaign


def duplicate_campaign(*, campaign_id: int, actor_id: int | None) -> Campaign:
    """A draft with the same choices; it has no schedule, so that nothing goes out by surprise."""
    with transaction():
        original = get_campaign(campaign_id)
        copy = Campaign(
            id=new_id(),
            name=f"{original.name[:150]} (copy)",
            created_by=actor_id,
            updated_by=actor_id,
            **{choice: getattr(original, choice) for choice in _CHOICES},
        )
        db.session.add(copy)
        db.session.flush()
        record("campaign.duplicate", copy, summary=f"Duplicated {original.name}", after={"from": original.public_id})
    return copy


def launch_campaign(*, campaign_id: int, actor_id: int | None, version: int | None = None) -> Job:
    """Start a campaign now; the job and everything it freezes are made in one transaction.

    Raises DomainError where something blocks it (its field is that of the form to mend), AlreadyThere where it runs
    already, Conflict where somebody changed it since `version`.
    """
    now = utc_now()
    with transaction():
        campaign = get_campaign(campaign_id)
        waited = campaign.state in (CampaignState.SCHEDULED, CampaignState.LATE)
        move_or_refuse(campaign, CampaignState.RUNNING, allowed=_BEFORE_A_RUN, version=version)
        plan = plan_of(campaign)
        _refuse_blocked(plan, now, at_once=True)
        job = _make_job(plan, actor_id)
        _count_on(campaign, job, now, repeats=waited)
        record("campaign.launch", campaign, summary=f"Launched {_what(plan)}", after={"job": job.public_id})
    return job


def schedule_campaign(*, campaign_id: int, actor_id: int | None, version: int | None = None) -> datetime:
    """Let a campaign wait for its time; returns the moment of its first run.

    Raises as `launch_campaign`, and DomainError where the schedule names no time to come.
    """
    now = utc_now()
    with transaction():
        campaign = get_campaign(campaign_id)
        if campaign.schedule_kind == ScheduleKind.NOW:
            raise DomainError("Choose a time first, or launch it now.", field="schedule_kind", code="no_time")
        allowed = _BEFORE_A_RUN - {CampaignState.SCHEDULED}
        move_or_refuse(campaign, CampaignState.SCHEDULED, allowed=allowed, version=version)
        _refuse_blocked(plan_of(campaign), now, at_once=False)
        start = start_of(campaign, now)
        campaign.next_run_at, campaign.problem, campaign.scheduled_by = start.moment, "", actor_id
        record("campaign.schedule", campaign, summary=f"Scheduled: {start.words}")
    return start.moment


def unschedule_campaign(*, campaign_id: int, version: int | None = None) -> Campaign:
    """Take a campaign from the schedule: back to draft, or finished where a repeating one has had runs."""
    with transaction():
        campaign = get_campaign(campaign_id)
        had_runs = campaign.last_job_id is not None and campaign.state == CampaignState.SCHEDULED
        goal = CampaignState.FINISHED if had_runs else CampaignState.DRAFT
        move_or_refuse(campaign, goal, allowed={CampaignState.SCHEDULED, CampaignState.LATE}, version=version)
        campaign.next_run_at, campaign.problem = None, ""
        record(
            "campaign.unschedule", campaign, summary="Ended the repeating" if had_runs else "Taken from the schedule"
        )
    return campaign


def do_not_send(*, campaign_id: int, version: int | None = None) -> Campaign:
    """Drop a late start: the campaign is a draft again and may get another time."""
    with transaction():
        campaign = get_campaign(campaign_id)
        move_or_refuse(campaign, CampaignState.DRAFT, allowed={CampaignState.LATE}, version=version)
        record("campaign.drop", campaign, summary=f"Not sent: {campaign.problem}")
        campaign.next_run_at, campaign.problem = None, ""
    return campaign


def skip_run(*, campaign_id: int, version: int | None = None) -> Campaign:
    """Leave out the late run of a repeating campaign and wait for the next one; DomainError where none is left."""
    now = utc_now()
    with transaction():
        campaign = get_campaign(campaign_id)
        move_or_refuse(campaign, CampaignState.SCHEDULED, allowed={CampaignState.LATE}, version=version)
        start = start_of(campaign, now)
        record("campaign.skip", campaign, summary=f"Left out a run: {campaign.problem}")
        campaign.next_run_at, campaign.problem = start.moment, ""
    return campaign


def start_due(campaign_id: int, now: datetime | None = None) -> Job | None:
    """Start a scheduled campaign whose time has come; None where there was nothing to start.

    Safe to be called by several schedulers at once: one of them finds the state still `scheduled`. A start later
    than the limit, or blocked by something, leaves the campaign `late` with the reason and starts nothing.
    """
    now = now or utc_now()
    with transaction():
        campaign = db.session.get(Campaign, campaign_id)
        if campaign is None:
            return None
        due, plan = campaign.next_run_at, plan_of(campaign)
        problem = _late_words(campaign, now) or _blocked_words(plan, now)
        goal = CampaignState.LATE if problem else CampaignState.RUNNING
        still_due = Campaign.next_run_at.is_not_distinct_from(due) & (Campaign.next_run_at <= now)
        if not move(campaign, goal, allowed={CampaignState.SCHEDULED}, where=still_due):
            return None
        if problem:
            campaign.problem = problem
            record("campaign.late", campaign, summary=problem)
            return None
        job = _make_job(plan, campaign.scheduled_by)
        _count_on(campaign, job, now, repeats=True)
        record("campaign.start", campaign, summary=f"Started at its time: {_what(plan)}", after={"job": job.public_id})
    return job


def archive_campaign(*, campaign_id: int, version: int | None = None) -> Campaign:
    """Hide a draft, finished or cancelled campaign from the lists; its numbers stay."""
    with transaction():
        campaign = get_campaign(campaign_id)
        move_or_refuse(campaign, CampaignState.ARCHIVED, version=version)
        record("campaign.archive", campaign, summary=f"Archived {campaign.name}")
    return campaign


def restore_campaign(*, campaign_id: int, version: int | None = None) -> Campaign:
    """Take a campaign out of the archive: a draft where it never ran, else finished."""
    with transaction():
        campaign = get_campaign(campaign_id)
        goal = CampaignState.FINISHED if _has_runs(campaign.id) else CampaignState.DRAFT
        move_or_refuse(campaign, goal, allowed={CampaignState.ARCHIVED}, version=version)
        record("campaign.restore", campaign, summary=f"Restored {campaign.name}")
    return campaign


def delete_campaign(*, campaign_id: int, typed_name: str) -> None:
    """Delete a campaign that never ran; DomainError(typed_name) where the name was not typed as it is.

    What has run stands in the ledger and stays: it can be archived.
    """
    with transaction():
        campaign = get_campaign(campaign_id)
        if campaign.state not in (CampaignState.DRAFT, CampaignState.ARCHIVED) or _has_runs(campaign.id):
            raise Conflict("Only what never ran can be deleted. Archive it instead.", current=campaign)
        if " ".join(typed_name.split()).casefold() != " ".join(campaign.name.split()).casefold():
            words = f"Type the name of the campaign: {campaign.name}"
            raise DomainError(words, field="typed_name", code="name_differs")
        record("campaign.delete", campaign, summary=f"Deleted {campaign.name}", before={"name": campaign.name})
        db.session.delete(campaign)


def _has_runs(campaign_id: int) -> bool:
    return db.session.scalar(select(Job.id).where(Job.campaign_id == campaign_id).limit(1)) is not None


def _refuse_blocked(plan: Plan, now: datetime, *, at_once: bool) -> None:
    check = first_blocking(quick_checks(plan, now, at_once=at_once))
    if check is not None:
        raise DomainError(f"{check.title}. {check.evidence}", field=check.field or None, code=check.code)


def _make_job(plan: Plan, actor_id: int | None) -> Job:
    ready, campaign = complete(plan), plan.campaign
    return create_job(
        kind=JobKind.CAMPAIGN,
        template=ready.template,
        template_version=ready.template_version,
        dataset_version=ready.dataset,
        provider=ready.provider,
        sender=ready.sender,
        category=campaign.category,
        queue=Queue.BULK,
        recipient_column=campaign.recipient_column,
        campaign_id=campaign.id,
        resend_unknown=campaign.resend_unknown,
        send_window=dict(campaign.send_window),
        rate_per_minute=campaign.rate_per_minute,
        route=frozen_route(campaign.channel, campaign.category, ready.sender) if campaign.provider_id is None else [],
        created_by=actor_id,
    )


def _count_on(campaign: Campaign, job: Job, now: datetime, *, repeats: bool) -> None:
    """Remember the run, and the next one of a repeating campaign; called in the transaction that makes the job."""
    campaign.last_job_id, campaign.problem = job.id, ""
    campaign.next_run_at = None
    if repeats and campaign.schedule_kind == ScheduleKind.CRON:
        campaign.next_run_at = next_run(campaign.cron, campaign.schedule_zone, after=now, until=campaign.cron_until)


def _late_words(campaign: Campaign, now: datetime) -> str:
    limit = timedelta(minutes=current_settings().late_start_minutes)
    due = campaign.next_run_at
    if due is None or now - due <= limit:
        return ""
    planned = moment_words(due, campaign.schedule_zone or "UTC")
    return f"Its time, {planned}, passed {distance_words(due, now)} while nothing ran that could start it."


def _blocked_words(plan: Plan, now: datetime) -> str:
    check = first_blocking(quick_checks(plan, now, at_once=True))
    return f"It did not start at its time. {check.title}. {check.evidence}" if check else ""


def _what(plan: Plan) -> str:
    ready = complete(plan)
    return (
        f"{ready.template.name} v{ready.template_version.number} to {ready.audience.name} "
        f"({number(ready.dataset.record_count)} records) by {ready.provider.name}"
    )
