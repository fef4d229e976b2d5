"""Campaigns through the real engine into the real sandbox: what the pages show is what happened."""

from __future__ import annotations

from collections import Counter

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from dashboard.campaigns import services
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.campaigns.progress import progress_of
from dashboard.campaigns.retrying import retry_failed
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.jobs.models import Job, JobState
from dashboard.jobs.queries import job_totals
from dashboard.jobs.services import cancel_job, pause_job, resume_job, settle_job
from dashboard.messages.models import Message
from dashboard.providers.models import SandboxMail
from dashboard.suppressions.models import Suppression
from tests.factories.campaigns import Desk, new_audience, new_campaign, new_desk, people
from worker.actors.jobs import cancel_remaining
from worker.engine.deliver import work

pytestmark = pytest.mark.usefixtures("app")


def run(job: Job) -> None:
    """What the actor does: slices until nothing is left to do now."""
    identifier = job.id
    db.session.commit()
    while work(identifier).more:
        pass
    settle_job(job_id=identifier)
    db.session.expire_all()


def mixed_desk() -> tuple[Desk, Campaign]:
    """Twelve recipients: one suppressed, one without a name, one without an address."""
    desk = new_desk(count=1)
    records = [*people(10), {"email": "gap@example.com", "variables": {}}, {"email": None, "variables": {}}]
    with transaction():
        db.session.add(Suppression(id=new_id(), channel="email", address="person3@example.com"))
    audience = new_audience("Mixed", records)
    return desk, new_campaign(desk, audience_id=audience.id)


def test_counters_ledger_and_inbox_agree(client: FlaskClient) -> None:
    _desk, campaign = mixed_desk()
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    run(job)
    rows = Counter(db.session.scalars(select(Message.state).where(Message.job_id == job.id)))
    assert rows == {"sent": 9, "suppressed": 1, "failed": 2}
    assert {state: count for state, count in job_totals(job.id).parts() if count} == rows
    assert db.session.scalar(select(func.count()).select_from(SandboxMail)) == 9
    assert (job.state, campaign.state) == (JobState.FINISHED, CampaignState.FINISHED)
    page = client.get(f"/campaigns/{campaign.public_id}").text
    assert "9 of 12 were sent, 2 failed, 1 are suppressed" in page
    assert "12 = 1 suppressed + 9 sent + 2 failed" in page
    assert "undefined_variable" in page
    assert "no_address" in page


def test_pause_resume_cancel_keep_the_numbers(client: FlaskClient) -> None:
    campaign = new_campaign(new_desk(count=30))
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    pause_job(job_id=job.id)
    run(job)
    assert (job.state, job_totals(job.id).queued) == (JobState.PAUSED, 30)
    assert "Resume" in client.get(f"/campaigns/{campaign.public_id}").text
    resume_job(job_id=job.id)
    cancel_job(job_id=job.id)
    cancel_remaining.fn(job.id)
    settle_job(job_id=job.id)
    db.session.expire_all()
    assert job.state == JobState.CANCELLED
    assert campaign.state == CampaignState.CANCELLED
    assert progress_of(job, utc_now()).equation == "30 = 30 cancelled"
    assert "30 were cancelled" in client.get(f"/campaigns/{campaign.public_id}").text


def test_failed_ones_are_sent_again_and_arrive_once() -> None:
    desk = new_desk(count=20)
    with transaction():
        desk.provider.settings = {"fail_percent": 40}
        desk.provider.version += 1
    campaign = new_campaign(desk)
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    run(job)
    failed = job_totals(job.id).failed
    assert failed + job_totals(job.id).sent == 20
    assert failed > 0
    with transaction():
        desk.provider.settings = {}
        desk.provider.version += 1
    code = db.session.scalars(select(Message.code).where(Message.state == "failed")).first()
    retry = retry_failed(
        campaign_id=campaign.id, job_id=job.id, groups=[f"failed:{code}"], newest_version=False, actor_id=None
    )
    run(retry)
    assert job_totals(retry.id).sent == failed
    arrived = Counter(db.session.scalars(select(SandboxMail.recipient)))
    assert len(arrived) == 20
    assert set(arrived.values()) == {1}
    assert campaign.state == CampaignState.FINISHED


def test_a_repeating_campaign_waits_again_after_its_run() -> None:
    campaign = new_campaign(
        new_desk(count=3),
        state=CampaignState.SCHEDULED,
        schedule_kind="cron",
        cron="0 9 * * *",
        schedule_zone="Asia/Kolkata",
        next_run_at=utc_now(),
    )
    job = services.start_due(campaign.id)
    assert job is not None
    run(job)
    assert campaign.state == CampaignState.SCHEDULED
    assert campaign.next_run_at is not None
    assert campaign.next_run_at > utc_now()
