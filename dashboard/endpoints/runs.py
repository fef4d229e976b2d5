"""The announcement that a run of a campaign ended."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from dashboard.campaigns.models import Campaign
from dashboard.endpoints.announcing import announce
from dashboard.extensions import db
from dashboard.jobs.models import Chunk, Job
from dashboard.messages.models import MessageState


def announce_end(job: Job) -> None:
    """Tell endpoints that a run ended. Inside the transaction that ends it; nothing for jobs without a campaign."""
    if job.campaign_id is not None and not job.is_test:
        announce("campaign.finished", lambda: _facts(job))


def _facts(job: Job) -> dict[str, Any]:
    campaign = db.session.get_one(Campaign, job.campaign_id)
    counted = [func.coalesce(func.sum(getattr(Chunk, state.value)), 0) for state in MessageState]
    sums = db.session.execute(select(*counted).where(Chunk.job_id == job.id)).one()
    return {
        "campaign": campaign.public_id,
        "name": campaign.name,
        "job": job.public_id,
        "kind": job.kind,
        "state": job.state,
        "records": job.record_count,
        "counts": {state.value: int(count) for state, count in zip(MessageState, sums, strict=True)},
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
    }
