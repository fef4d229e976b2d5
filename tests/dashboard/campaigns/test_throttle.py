"""The throttle of a campaign: chosen on the schedule step, changed while a run is under way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from dashboard.accounts.models import Role
from dashboard.audit.models import AuditEntry
from dashboard.campaigns import services
from dashboard.campaigns.models import Campaign
from dashboard.campaigns.progress import progress_of
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Job, JobState, Rest
from dashboard.jobs.services import cancel_job, settle_job
from dashboard.jobs.throttling import set_throttle
from dashboard.problems import DomainError, NotFound
from tests.factories.campaigns import new_campaign, new_desk, settle

DIALOG = {"HX-Request": "true", "HX-Target": "dialog"}


def at(campaign: Campaign, tail: str = "") -> str:
    return f"/campaigns/{campaign.public_id}{tail}"


def launched(**values) -> tuple[Campaign, Job]:
    campaign = new_campaign(new_desk(), **values)
    return campaign, services.launch_campaign(campaign_id=campaign.id, actor_id=None)


def fresh(job: Job) -> Job:
    db.session.rollback()
    return db.session.get_one(Job, job.id)


def test_it_is_chosen_on_the_schedule_step_and_goes_into_the_run(client):
    campaign = new_campaign(new_desk())
    data = {"version": campaign.version, "schedule_kind": "now", "rate_per_minute": "600"}
    assert client.post(at(campaign, "/edit/schedule"), data=data).status_code == 303
    assert "Throttle: set" in client.get(at(campaign, "/edit/schedule")).text
    assert "600 a minute" in client.get(at(campaign)).text
    db.session.rollback()
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    assert job.rate_per_minute == 600
    assert "600 a minute" in client.get(at(campaign, f"/runs/{job.public_id}")).text
    copy = services.duplicate_campaign(campaign_id=campaign.id, actor_id=None)
    assert copy.rate_per_minute == 600


@pytest.mark.parametrize(("typed", "words"), [("fast", "Not a valid float"), ("-5", "from 0 to")])
def test_what_is_no_pace_is_refused(client, typed, words):
    campaign, job = launched()
    data = {"version": campaign.version, "schedule_kind": "now", "rate_per_minute": typed}
    draft = services.duplicate_campaign(campaign_id=campaign.id, actor_id=None)
    assert client.post(at(draft, "/edit/schedule"), data=data | {"version": draft.version}).status_code == 422
    answer = client.post(at(campaign, "/throttle"), data={"rate_per_minute": typed}, headers=DIALOG)
    assert answer.status_code == 422
    assert words in answer.text
    assert fresh(job).rate_per_minute == 0


def test_it_is_changed_while_the_run_is_under_way(client):
    campaign, job = launched(rate_per_minute=60)
    assert "set-throttle" in client.get(at(campaign)).text
    assert 'value="60' in client.get(at(campaign, "/throttle"), headers=DIALOG).text

    assert client.post(at(campaign, "/throttle"), data={"rate_per_minute": ""}).status_code == 303

    assert fresh(job).rate_per_minute == 0
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "job.throttle")).one()
    assert (entry.before, entry.after) == ({"rate_per_minute": 60}, {"rate_per_minute": 0})
    assert entry.summary == "Sends as fast as its provider takes it"


def test_viewers_may_not(sign_in):
    campaign, _job = launched()
    viewer = sign_in(Role.VIEWER)
    assert "set-throttle" not in viewer.get(at(campaign)).text
    assert viewer.post(at(campaign, "/throttle"), data={"rate_per_minute": "5"}).status_code == 403


def test_a_run_that_has_ended_keeps_its_pace(client):
    campaign, job = launched()
    settle(job, [("sent", "")])
    answer = client.post(at(campaign, "/throttle"), data={"rate_per_minute": "5"}, headers=DIALOG)
    assert answer.status_code == 422
    assert "cannot change any more" in answer.text
    with pytest.raises(NotFound):
        set_throttle(job_id=1, rate_per_minute=5)
    with pytest.raises(DomainError):
        set_throttle(job_id=job.id, rate_per_minute=5)


def test_a_long_rest_is_told_and_a_short_one_is_not(client):
    campaign, job = launched()
    with transaction():
        job.not_before, job.waiting_for = utc_now() + timedelta(hours=2), Rest.DAY.value
    assert "limit a day is used up" in client.get(at(campaign)).text
    with transaction():
        resting = db.session.get_one(Job, job.id)
        resting.not_before, resting.waiting_for = utc_now() + timedelta(seconds=8), Rest.THROTTLE.value
        resting.created_at = utc_now() - timedelta(hours=1)
    progress = progress_of(fresh(job), utc_now())
    assert (progress.state, progress.waiting, progress.standstill) == ("running", "", "")


def test_a_cancelled_run_does_not_wait(app):
    _campaign, job = launched(rate_per_minute=1)
    with transaction():
        job.not_before, job.waiting_for = utc_now() + timedelta(hours=2), Rest.THROTTLE.value
    cancel_job(job_id=job.id)
    assert progress_of(fresh(job), utc_now()).state == "cancelling"
    assert settle_job(job_id=job.id) is JobState.CANCELLING
