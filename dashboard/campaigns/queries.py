"""Lists of campaigns: the index with its tabs, what runs, what comes, what waits for a person."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, and_, cast, exists, func, or_, select
from sqlalchemy.orm import aliased

from dashboard.accounts.models import User
from dashboard.audiences.models import Audience, DatasetVersion
from dashboard.audit.models import AuditEntry
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.campaigns.progress import Progress, campaign_state, glance_at, progress_of
from dashboard.extensions import db, utc_now
from dashboard.jobs.models import ENDED_JOB_STATES, Job, JobKind, JobState
from dashboard.jobs.queries import JobTotals, totals_of
from dashboard.paging import Slice

PAGE = 25
_ENDED = (CampaignState.FINISHED, CampaignState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list shows. `tab` is a key of TABS; `after` and `before` are ids (keyset paging)."""

    tab: str = "all"
    text: str = ""
    tag: str = ""
    category: str = ""
    after: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """One line of the list; `job` and `totals` are those of the last run."""

    campaign: Campaign
    state: str
    audience: str
    records: int
    owner: str
    job: Job | None
    totals: JobTotals | None
    progress: Progress | None  # of a run under way

    @property
    def running(self) -> bool:
        return self.job is not None and self.job.state not in ENDED_JOB_STATES


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A run under way, for Home and the jobs tray."""

    campaign: Campaign
    progress: Progress

    @property
    def path(self) -> str:
        return f"/campaigns/{self.campaign.public_id}"


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A campaign that waits for its time."""

    campaign: Campaign
    at: datetime
    audience: str
    records: int


@dataclass(frozen=True, slots=True)
class Attention:
    """A campaign that cannot go on without a person, and why."""

    campaign: Campaign
    words: str
    since: datetime | None = None

    @property
    def path(self) -> str:
        return f"/campaigns/{self.campaign.public_id}"


def _stopped_by_itself() -> ColumnElement[bool]:
    """The run paused itself and says why (wrong password, provider disabled …)."""
    stopped, last = (JobState.PAUSED, JobState.PAUSING), aliased(Job)
    return exists(
        select(last.id)
        .where(last.id == Campaign.last_job_id, last.state.in_(stopped), last.pause_reason != "")
        .correlate(Campaign)
    )


def _waits_for_a_person() -> ColumnElement[bool]:
    return or_(
        Campaign.state == CampaignState.LATE, and_(Campaign.state == CampaignState.RUNNING, _stopped_by_itself())
    )


TABS: dict[str, str] = {
    "attention": "Needs attention",
    "running": "Running",
    "scheduled": "Scheduled",
    "drafts": "Drafts",
    "finished": "Finished",
    "all": "All",
    "archived": "Archived",
}


def _in_tab(tab: str) -> ColumnElement[bool]:
    conditions: dict[str, ColumnElement[bool]] = {
        "attention": _waits_for_a_person(),
        "running": Campaign.state == CampaignState.RUNNING,
        "scheduled": Campaign.state == CampaignState.SCHEDULED,
        "drafts": Campaign.state == CampaignState.DRAFT,
        "finished": Campaign.state.in_(_ENDED),
        "archived": Campaign.state == CampaignState.ARCHIVED,
    }
    return conditions.get(tab, Campaign.state != CampaignState.ARCHIVED)


def tab_counts() -> dict[str, int]:
    """The number of campaigns behind each tab."""
    by_state = dict(db.session.execute(select(Campaign.state, func.count()).group_by(Campaign.state)).all())
    count = {state: by_state.get(state, 0) for state in CampaignState}
    return {
        "attention": db.session.scalar(select(func.count()).select_from(Campaign).where(_waits_for_a_person())) or 0,
        "running": count[CampaignState.RUNNING],
        "scheduled": count[CampaignState.SCHEDULED],
        "drafts": count[CampaignState.DRAFT],
        "finished": sum(count[state] for state in _ENDED),
        "all": sum(count.values()) - count[CampaignState.ARCHIVED],
        "archived": count[CampaignState.ARCHIVED],
    }


def list_campaigns(filters: Filters, limit: int = PAGE) -> Slice[CampaignRow]:
    """One page of campaigns, newest first."""
    statement = (
        select(Campaign, Audience.name, DatasetVersion.record_count, User.username)
        .outerjoin(Audience, Audience.id == Campaign.audience_id)
        .outerjoin(DatasetVersion, DatasetVersion.id == Audience.current_version_id)
        .outerjoin(User, User.id == Campaign.created_by)
        .where(*_conditions(filters))
    )
    if filters.before is not None:
        statement = statement.where(Campaign.id > filters.before).order_by(Campaign.id.asc())
    else:
        statement = statement.order_by(Campaign.id.desc())
        if filters.after is not None:
            statement = statement.where(Campaign.id < filters.after)
    found = list(db.session.execute(statement.limit(limit + 1)).all())
    more, found = len(found) > limit, found[:limit]
    if filters.before is not None:
        found.reverse()
    newer = more if filters.before is not None else filters.after is not None
    return Slice(_rows(found), has_newer=newer, has_older=filters.before is not None or more)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions = [_in_tab(filters.tab)]
    if filters.text:
        conditions.append(Campaign.name.icontains(filters.text, autoescape=True))
    if filters.tag:
        # The JSON text holds the tag as json.dumps writes it, quotes included; both databases keep that text.
        conditions.append(cast(Campaign.tags, String).contains(json.dumps(filters.tag), autoescape=True))
    if filters.category:
        conditions.append(Campaign.category == filters.category)
    return conditions


def _rows(found: Sequence[tuple[Campaign, str | None, int | None, str | None]]) -> list[CampaignRow]:
    job_ids = [campaign.last_job_id for campaign, *_ in found if campaign.last_job_id]
    jobs = {job.id: job for job in db.session.scalars(select(Job).where(Job.id.in_(job_ids)))} if job_ids else {}
    sums, now = totals_of(jobs), utc_now()
    rows = []
    for campaign, audience, records, owner in found:
        job = jobs.get(campaign.last_job_id or 0)
        counted = sums.get(job.id) if job else None
        moving = job is not None and counted is not None and job.state not in ENDED_JOB_STATES
        progress = glance_at(job, counted, now) if moving and job and counted else None
        state = progress.state if progress else campaign_state(campaign, job, counted)
        rows.append(CampaignRow(campaign, state, audience or "", records or 0, owner or "", job, counted, progress))
    return rows


def runs_of(campaign_id: int, limit: int = 50) -> list[tuple[Job, JobTotals]]:
    """The runs of a campaign with their numbers, newest first."""
    jobs = list(
        db.session.scalars(select(Job).where(Job.campaign_id == campaign_id).order_by(Job.id.desc()).limit(limit))
    )
    sums = totals_of(job.id for job in jobs)
    return [(job, sums[job.id]) for job in jobs]


def activity_of(campaign_id: int, limit: int = 30) -> list[AuditEntry]:
    """What people and the scheduler did with a campaign and its runs, newest first."""
    runs = select(Job.id).where(Job.campaign_id == campaign_id)
    about = or_(
        and_(AuditEntry.object_kind == Campaign.__tablename__, AuditEntry.object_id == campaign_id),
        and_(AuditEntry.object_kind == Job.__tablename__, AuditEntry.object_id.in_(runs)),
    )
    return list(db.session.scalars(select(AuditEntry).where(about).order_by(AuditEntry.id.desc()).limit(limit)))


def running_jobs(limit: int = 20) -> list[RunningJob]:
    """Runs of campaigns under way (also paused ones), newest first."""
    now = utc_now()
    rows = db.session.execute(
        select(Campaign, Job)
        .join(Job, Job.campaign_id == Campaign.id)
        .where(Job.kind.in_((JobKind.CAMPAIGN, JobKind.RETRY)), Job.state.not_in(ENDED_JOB_STATES))
        .order_by(Job.id.desc())
        .limit(limit)
    ).all()
    sums = totals_of(job.id for _, job in rows)
    return [RunningJob(campaign, progress_of(job, now, sums[job.id])) for campaign, job in rows]


def upcoming(hours: int = 24, limit: int = 50) -> list[Upcoming]:
    """Campaigns that start within the next hours, soonest first."""
    now = utc_now()
    rows = db.session.execute(
        select(Campaign, Audience.name, DatasetVersion.record_count)
        .outerjoin(Audience, Audience.id == Campaign.audience_id)
        .outerjoin(DatasetVersion, DatasetVersion.id == Audience.current_version_id)
        .where(
            Campaign.state == CampaignState.SCHEDULED,
            Campaign.next_run_at.between(now, now + timedelta(hours=hours)),
        )
        .order_by(Campaign.next_run_at)
        .limit(limit)
    )
    return [
        Upcoming(campaign, campaign.next_run_at, audience or "", records or 0)
        for campaign, audience, records in rows
        if campaign.next_run_at
    ]


def needs_attention(limit: int = 20) -> list[Attention]:
    """Campaigns that wait for a person, newest first."""
    rows = db.session.execute(
        select(Campaign, Job.pause_reason, Job.paused_at)
        .outerjoin(Job, Job.id == Campaign.last_job_id)
        .where(_waits_for_a_person())
        .order_by(Campaign.id.desc())
        .limit(limit)
    )
    return [
        Attention(campaign, campaign.problem, campaign.next_run_at)
        if campaign.state == CampaignState.LATE
        else Attention(campaign, reason or "", paused_at)
        for campaign, reason, paused_at in rows
    ]
