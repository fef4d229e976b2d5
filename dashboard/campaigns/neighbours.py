"""What else happened, or will, around a campaign: test sends of its content, other campaigns to its audience."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.extensions import db
from dashboard.ids import id_at
from dashboard.jobs.models import Job, JobKind
from dashboard.message_templates.models import TemplateVersion

_CLOSE = timedelta(hours=24)
_RECENT_TESTS = 20
_COPIES = frozenset({"cc", "bcc", "cc_variable", "bcc_variable"})


def was_test_sent(version: TemplateVersion) -> bool:
    """Whether one of the last test sends carried this content (tests of a draft send a snapshot of it, and leave out
    the copies that would reach customers)."""
    contents = db.session.scalars(
        select(TemplateVersion.content)
        .join(Job, Job.template_version_id == TemplateVersion.id)
        .where(Job.template_id == version.template_id, Job.kind == JobKind.TEST)
        .order_by(Job.id.desc())
        .limit(_RECENT_TESTS)
    )
    own = _without_copies(version.content)
    return any(_without_copies(content) == own for content in contents)


def _without_copies(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in _COPIES}


def overlapping(campaign: Campaign, start: datetime) -> list[str]:
    """Names of other campaigns that went, or will go, to the same audience within 24 hours of `start`."""
    others = (Campaign.audience_id == campaign.audience_id, Campaign.id != campaign.id)
    planned = select(Campaign.name).where(
        *others,
        Campaign.state.in_((CampaignState.SCHEDULED, CampaignState.LATE)),
        Campaign.next_run_at.between(start - _CLOSE, start + _CLOSE),
    )
    sent = (
        select(Campaign.name)
        .join(Job, Job.campaign_id == Campaign.id)
        .where(*others, Job.id.between(id_at(start - _CLOSE), id_at(start + _CLOSE)))
    )
    return sorted({*db.session.scalars(planned.limit(10)), *db.session.scalars(sent.limit(10))})
