"""Runs of some day with their outcomes, in ledger and chunks alike, for reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import time_machine
from sqlalchemy import update

from dashboard.campaigns.services import launch_campaign
from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job
from dashboard.messages.models import Message
from tests.factories.campaigns import Desk, new_campaign, settle


def add_run(
    desk: Desk,
    outcomes: Sequence[tuple[str, str]],
    *,
    at: datetime,
    name: str = "Spring",
    is_test: bool = False,
    event_id: int | None = None,
) -> Job:
    """A finished run of a new campaign that was launched at that moment; an outcome is (state, code).

    Runs are added in the order of time: message ids never go back.
    """
    with time_machine.travel(at, tick=True):
        campaign = new_campaign(desk, name)
        job = launch_campaign(campaign_id=campaign.id, actor_id=None)
        settle(job, outcomes, is_test=is_test)
        with transaction():
            job.is_test, job.event_id = is_test, event_id
            db.session.execute(update(Message).where(Message.job_id == job.id).values(event_id=event_id))
    return job
