"""What the page of a campaign and of one run show; every part is worked out only when a template asks for it, so a
fragment that is polled costs no more than what it shows."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property

from sqlalchemy import select

from dashboard.accounts.models import User
from dashboard.audit.models import AuditEntry
from dashboard.campaigns import queries
from dashboard.campaigns.coverage import Verdict
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.campaigns.plan import Plan, plan_of
from dashboard.campaigns.preflight import Check, quick_checks
from dashboard.campaigns.progress import Progress, campaign_state, progress_of
from dashboard.campaigns.retrying import Retryable, retryable_groups
from dashboard.campaigns.sending_hours import hours_words
from dashboard.campaigns.starting import coming_runs
from dashboard.extensions import db, utc_now
from dashboard.jobs.errors import ErrorGroups, Prospect, error_groups
from dashboard.jobs.models import ENDED_JOB_STATES, Job, JobState
from dashboard.jobs.queries import JobTotals
from dashboard.message_templates.models import Template, TemplateVersion
from dashboard.messages.models import Message, MessageState
from dashboard.problems import NotFound
from dashboard.providers.models import Provider
from dashboard.providers.slowing import slowed_words

_LAST_MESSAGES = 20
_LOOKED_AT = 2_000  # rows from the end of a run: more than any number of workers has in hand


class RunPage:
    """One run of a campaign."""

    def __init__(self, campaign: Campaign, job: Job, now: datetime | None = None) -> None:
        self.campaign = campaign
        self.job = job
        self.now = now or utc_now()

    @cached_property
    def progress(self) -> Progress:
        return progress_of(self.job, self.now)

    @cached_property
    def errors(self) -> ErrorGroups:
        return error_groups(self.job) if self.progress.totals.errors else ErrorGroups(())

    @cached_property
    def offers(self) -> list[Retryable]:
        """The groups of errors with what may be sent again; only of a run that has ended."""
        return retryable_groups(self.job, self.errors.groups) if self.progress.ended else []

    @property
    def may_retry(self) -> bool:
        """Whether something failed that may be sent again; how much of it is left is counted by `offers`."""
        settled = self.campaign.state in (CampaignState.FINISHED, CampaignState.CANCELLED, CampaignState.SCHEDULED)
        sure = any(group.prospect is not Prospect.MAYBE_TWICE for group in self.errors.groups)
        return settled and sure and self.progress.ended

    @property
    def takes_pause(self) -> bool:
        return self.job.state == JobState.RUNNING

    @property
    def takes_resume(self) -> bool:
        return self.job.state in (JobState.PAUSED, JobState.PAUSING)

    @property
    def takes_cancel(self) -> bool:
        return self.job.state in (JobState.RUNNING, JobState.PAUSING, JobState.PAUSED)

    @cached_property
    def last_messages(self) -> list[Message]:
        """The last ones with an outcome, of the rows reached last: those stand at the end of the run's ids."""
        last = self.job.first_message_id + self.job.record_count - 1
        reached = (
            select(Message.id, Message.state)
            .where(Message.id.between(self.job.first_message_id, last), Message.job_id == self.job.id)
            .order_by(Message.id.desc())
            .limit(_LOOKED_AT)
            .subquery()
        )
        under_way = (MessageState.SENDING, MessageState.QUEUED)
        ids = select(reached.c.id).where(reached.c.state.not_in(under_way)).order_by(reached.c.id.desc())
        chosen = select(Message).where(Message.id.in_(ids.limit(_LAST_MESSAGES)))
        return list(db.session.scalars(chosen.order_by(Message.id.desc())))

    @cached_property
    def template(self) -> Template | None:
        return db.session.get(Template, self.job.template_id)

    @cached_property
    def template_version(self) -> TemplateVersion | None:
        return db.session.get(TemplateVersion, self.job.template_version_id)

    @property
    def newer_version(self) -> bool:
        """Whether another version of the template has been published since."""
        return bool(self.template and self.template.published_version_id not in (None, self.job.template_version_id))

    @cached_property
    def provider(self) -> Provider | None:
        return db.session.get(Provider, self.job.provider_id)

    @property
    def slowed(self) -> str:
        """How its provider is slowed while it runs, in words; "" where it is not."""
        return slowed_words(self.job.provider_id) if self.job.state == JobState.RUNNING else ""

    @property
    def hours(self) -> str:
        """The hours in which it may be sent, in words; "" for any."""
        return hours_words(self.job.send_window)

    @cached_property
    def retry_of(self) -> Job | None:
        return db.session.get(Job, self.job.retry_of_id) if self.job.retry_of_id else None

    @cached_property
    def started_by(self) -> str:
        user = db.session.get(User, self.job.created_by) if self.job.created_by else None
        return user.username if user else "the scheduler"

    @property
    def worked_for(self) -> timedelta | None:
        """From the first hand-over to the end, or to now, without pauses."""
        if self.job.started_at is None:
            return None
        end = self.job.finished_at or self.job.paused_at or self.now
        return max(timedelta(), end - self.job.started_at - timedelta(seconds=self.job.paused_seconds))


class CampaignPage:
    """A campaign with its last run."""

    def __init__(self, campaign: Campaign, now: datetime | None = None) -> None:
        self.campaign = campaign
        self.now = now or utc_now()

    @cached_property
    def run(self) -> RunPage | None:
        job = db.session.get(Job, self.campaign.last_job_id) if self.campaign.last_job_id else None
        return RunPage(self.campaign, job, self.now) if job else None

    @property
    def active(self) -> bool:
        return self.run is not None and self.run.job.state not in ENDED_JOB_STATES

    @cached_property
    def state(self) -> str:
        """The word for the campaign now (a key of the object kind "campaign" in dashboard.status)."""
        if self.run is None:
            return self.campaign.state
        progress = self.run.progress
        if self.campaign.state == CampaignState.RUNNING and not progress.ended:
            return progress.state
        return campaign_state(self.campaign, self.run.job, progress.totals)

    @cached_property
    def plan(self) -> Plan:
        return plan_of(self.campaign)

    @cached_property
    def missing(self) -> list[Check]:
        """What blocks a campaign that has not started."""
        checks = quick_checks(self.plan, self.now, at_once=self.campaign.state == CampaignState.LATE)
        return [check for check in checks if check.verdict is Verdict.BLOCKING]

    @cached_property
    def runs(self) -> list[tuple[Job, JobTotals]]:
        return queries.runs_of(self.campaign.id)

    @cached_property
    def coming(self) -> list[datetime]:
        return coming_runs(self.campaign, self.now) if self.campaign.next_run_at else []

    @cached_property
    def activity(self) -> list[AuditEntry]:
        return queries.activity_of(self.campaign.id)

    @cached_property
    def created_by(self) -> str:
        user = db.session.get(User, self.campaign.created_by) if self.campaign.created_by else None
        return user.username if user else "the system"


def run_of(campaign: Campaign, job_id: int | None) -> RunPage:
    """The page of one run; NotFound where the campaign has no such run."""
    job = db.session.get(Job, job_id) if job_id else None
    if job is None or job.campaign_id != campaign.id:
        raise NotFound("This campaign has no such run.")
    return RunPage(campaign, job)
