"""Campaigns: what is to be sent to whom, when. Each run is a job (`dashboard.jobs.models`)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, Identified, Versioned, utc_now


class CampaignState(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"  # waits for next_run_at (once or repeating)
    LATE = "late"  # its time passed by more than the limit while nothing ran: asks before it starts
    RUNNING = "running"  # a job is at work; pausing, paused … are the job's states
    FINISHED = "finished"
    CANCELLED = "cancelled"
    ARCHIVED = "archived"


CAMPAIGN_TRANSITIONS: dict[CampaignState, frozenset[CampaignState]] = {
    CampaignState.DRAFT: frozenset({CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.ARCHIVED}),
    CampaignState.SCHEDULED: frozenset(
        {
            CampaignState.DRAFT,
            CampaignState.RUNNING,
            CampaignState.LATE,
            CampaignState.CANCELLED,
            CampaignState.FINISHED,
        }
    ),
    CampaignState.LATE: frozenset(
        {CampaignState.DRAFT, CampaignState.RUNNING, CampaignState.SCHEDULED, CampaignState.CANCELLED}
    ),
    CampaignState.RUNNING: frozenset({CampaignState.FINISHED, CampaignState.CANCELLED, CampaignState.SCHEDULED}),
    CampaignState.FINISHED: frozenset({CampaignState.ARCHIVED, CampaignState.RUNNING}),
    CampaignState.CANCELLED: frozenset({CampaignState.ARCHIVED, CampaignState.RUNNING}),
    CampaignState.ARCHIVED: frozenset({CampaignState.DRAFT, CampaignState.FINISHED, CampaignState.CANCELLED}),
}


class ScheduleKind(StrEnum):
    NOW = "now"
    ONCE = "once"
    CRON = "cron"


class Campaign(Identified, Versioned, Base):
    __tablename__ = "campaigns"
    __table_args__ = (Index("ix_campaigns_due", "state", "next_run_at"),)
    PREFIX = "cmp"

    name: Mapped[str] = mapped_column(String(160))
    description: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    channel: Mapped[str] = mapped_column(String(10), default="email")
    category: Mapped[str] = mapped_column(String(20), default="promotional")
    state: Mapped[str] = mapped_column(String(12), default=CampaignState.DRAFT, index=True)
    template_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("templates.id"), index=True)
    template_version_id: Mapped[int | None] = mapped_column(BigId)  # None: the published one at launch
    audience_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("audiences.id"), index=True)
    recipient_column: Mapped[str] = mapped_column(String(80), default="email")  # "email" or a variable's name
    provider_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("providers.id"))  # None: the category's default
    sender_id: Mapped[int | None] = mapped_column(BigId)  # None: the provider's default From
    resend_unknown: Mapped[bool] = mapped_column(
        default=True
    )  # after a crash: send again (same Message-ID) or leave unknown
    schedule_kind: Mapped[str] = mapped_column(String(8), default=ScheduleKind.NOW)
    schedule_zone: Mapped[str] = mapped_column(String(64), default="")
    schedule_local: Mapped[str] = mapped_column(String(19), default="")  # 2026-11-24T09:00 in the zone, as typed
    schedule_fold: Mapped[int] = mapped_column(default=0)  # which one of a doubled hour
    cron: Mapped[str] = mapped_column(String(120), default="")
    cron_until: Mapped[datetime | None]
    next_run_at: Mapped[datetime | None]
    rate_per_minute: Mapped[float] = mapped_column(default=0)  # the throttle of its runs; 0: none
    send_window: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # worker.engine.send_window; {}: none
    problem: Mapped[str] = mapped_column(Text, default="")  # why it is late: its time passed, or something blocked it
    scheduled_by: Mapped[int | None] = mapped_column(BigId)
    last_job_id: Mapped[int | None] = mapped_column(BigId)
    created_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_by: Mapped[int | None] = mapped_column(BigId)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)

    @property
    def address_channel(self) -> str:
        """The channel whose addresses it needs; "" while no template says which."""
        return self.channel if self.template_id else ""
