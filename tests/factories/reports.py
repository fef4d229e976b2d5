"""Runs of some day with their outcomes, in ledger and chunks alike, for reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import time_machine

from dashboard.campaigns.services import launch_campaign
from dashboard.extensions import transaction
from dashboard.jobs.models import Job
from tests.factories.campaigns import Desk, new_campaign, settle


def add_run(
    desk: Desk, outcomes: Sequence[tuple[str, str]], *, at: datetime, name: str = "Spring", is_test: bool = False
) -> Job:
    """A finished run of a new campaign that was launched at that moment; an outcome is (state, code).

    Runs are added in the order of time: message ids never go back.
    """
    with time_machine.travel(at, tick=True):
        campaign = new_campaign(desk, name)
        job = launch_campaign(campaign_id=campaign.id, actor_id=None)
        settle(job, outcomes, is_test=is_test)
        with transaction():
            job.is_test = is_test
    return job
