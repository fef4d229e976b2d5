"""A job as the API shows it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from dashboard.api.resource import Output
from dashboard.ids import public_id
from dashboard.jobs.models import Job
from dashboard.jobs.queries import job_totals


class RunOut(Output):
    """One batch of sending: a run of a campaign, a request of an application, an event, a test."""

    id: str
    kind: str
    state: str = Field(description="running, pausing, paused, cancelling, cancelled or finished.")
    channel: str
    category: str
    campaign: str | None
    event: str | None
    template: str
    provider: str
    recipients: int
    counts: dict[str, int] = Field(description="Messages by state; they add up to the recipients.")
    pause_reason: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def run_out(job: Job) -> RunOut:
    """A job with its numbers."""
    return RunOut(
        id=job.public_id,
        kind=job.kind,
        state=job.state,
        channel=job.channel,
        category=job.category,
        campaign=public_id("cmp", job.campaign_id) if job.campaign_id else None,
        event=public_id("evt", job.event_id) if job.event_id else None,
        template=public_id("tpl", job.template_id),
        provider=public_id("prv", job.provider_id),
        recipients=job.record_count,
        counts=dict(job_totals(job.id).parts()),
        pause_reason=job.pause_reason,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )
