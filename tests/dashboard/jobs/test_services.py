from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from dashboard.audit.models import AuditEntry
from dashboard.campaigns.models import Campaign, CampaignState, ScheduleKind
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Chunk, Job, JobState
from dashboard.jobs.services import cancel_job, lane_of, pause_job, resume_job, settle_job
from dashboard.problems import DomainError, NotFound
from tests.brokers import waiting
from tests.factories.sending import new_job, people
from worker.queues import Queue


def _job(job_id: int) -> Job:
    db.session.rollback()
    return db.session.get_one(Job, job_id)


def _set_chunks(job_id: int, **values: object) -> None:
    with transaction() as session:
        session.execute(update(Chunk).where(Chunk.job_id == job_id).values(**values))


def _lease(job_id: int, seconds: float) -> None:
    _set_chunks(job_id, state="leased", lease_owner="x", lease_until=utc_now() + timedelta(seconds=seconds))


def _campaign(job: Job, **values: object) -> Campaign:
    with transaction() as session:
        campaign = Campaign(name="Spring", state=CampaignState.RUNNING, **values)
        session.add(campaign)
        session.flush()
        session.get_one(Job, job.id).campaign_id = campaign.id
    return campaign


def test_an_idle_job_is_paused_at_once(app: Flask) -> None:
    job = new_job(people(5))

    pause_job(job_id=job.id, reason="The password is wrong.")

    paused = _job(job.id)
    assert (paused.state, paused.pause_reason) == ("paused", "The password is wrong.")
    assert paused.paused_at is not None


def test_a_busy_job_is_pausing_until_its_windows_are_finished(app: Flask) -> None:
    job = new_job(people(5))
    _lease(job.id, 60)

    pause_job(job_id=job.id)

    assert _job(job.id).state == "pausing"
    assert settle_job(job_id=job.id) is JobState.PAUSING
    _set_chunks(job.id, state="ready", lease_owner="", lease_until=None)
    assert settle_job(job_id=job.id) is JobState.PAUSED


def test_a_worker_that_died_does_not_keep_a_job_pausing(app: Flask) -> None:
    job = new_job(people(5))
    _lease(job.id, 60)
    pause_job(job_id=job.id)
    _lease(job.id, -1)

    assert settle_job(job_id=job.id) is JobState.PAUSED


def test_resuming_counts_the_pause_and_tells_the_lane(app: Flask) -> None:
    job = new_job(people(5))
    pause_job(job_id=job.id)
    with transaction() as session:
        session.get_one(Job, job.id).paused_at = utc_now() - timedelta(seconds=90)
    calls = len(waiting("bulk"))

    resume_job(job_id=job.id)

    resumed = _job(job.id)
    assert resumed.state == "running"
    assert 89 < resumed.paused_seconds < 120
    assert (resumed.paused_at, resumed.pause_reason) == (None, "")
    assert waiting("bulk")[calls:] == [("send_chunks", (job.id,))]


def test_cancelling_asks_for_the_remaining_rows(app: Flask) -> None:
    job = new_job(people(5))

    cancel_job(job_id=job.id)

    assert _job(job.id).state == "cancelling"
    assert waiting("periodic") == [("cancel_remaining", (job.id,))]


def test_doing_it_twice_changes_nothing(app: Flask) -> None:
    job = new_job(people(5))
    for _ in range(2):
        pause_job(job_id=job.id)
    for _ in range(2):
        resume_job(job_id=job.id)
    for _ in range(2):
        cancel_job(job_id=job.id)

    actions = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert sorted(actions) == ["job.cancel", "job.pause", "job.resume"]


@pytest.mark.parametrize("act", [pause_job, resume_job, cancel_job])
def test_what_has_ended_stays_ended(app: Flask, act: object) -> None:
    job = new_job(people(5))
    with transaction() as session:
        session.get_one(Job, job.id).state = JobState.FINISHED

    with pytest.raises(DomainError, match="is finished and cannot be"):
        act(job_id=job.id)  # type: ignore[operator]


def test_a_job_that_is_not_there(app: Flask) -> None:
    with pytest.raises(NotFound):
        pause_job(job_id=1)
    assert settle_job(job_id=1) is None


def test_a_job_is_finished_when_its_chunks_are(app: Flask) -> None:
    job = new_job(people(5))
    assert settle_job(job_id=job.id) is JobState.RUNNING
    _set_chunks(job.id, state="done", sent=5)

    assert settle_job(job_id=job.id) is JobState.FINISHED
    assert _job(job.id).finished_at is not None
    assert settle_job(job_id=job.id) is JobState.FINISHED


def test_a_job_without_records_is_finished_at_once(app: Flask) -> None:
    assert settle_job(job_id=new_job([]).id) is JobState.FINISHED


def test_a_job_that_finished_while_it_was_pausing_is_finished(app: Flask) -> None:
    job = new_job(people(5))
    _lease(job.id, 60)
    pause_job(job_id=job.id)
    _set_chunks(job.id, state="done", sent=5)

    assert settle_job(job_id=job.id) is JobState.FINISHED
    assert _job(job.id).paused_at is None


def test_cancelling_what_was_all_sent_already_finishes_it(app: Flask) -> None:
    job = new_job(people(5))
    cancel_job(job_id=job.id)
    _set_chunks(job.id, state="done", sent=5)

    assert settle_job(job_id=job.id) is JobState.FINISHED


def test_the_campaign_ends_with_its_job(app: Flask) -> None:
    job = new_job(people(5))
    campaign = _campaign(job)
    _set_chunks(job.id, state="done", sent=5)

    settle_job(job_id=job.id)

    assert db.session.get_one(Campaign, campaign.id).state == CampaignState.FINISHED


def test_a_cancelled_job_cancels_its_campaign(app: Flask) -> None:
    job = new_job(people(5))
    campaign = _campaign(job)
    cancel_job(job_id=job.id)
    _set_chunks(job.id, state="done", cancelled=5)

    assert settle_job(job_id=job.id) is JobState.CANCELLED
    assert db.session.get_one(Campaign, campaign.id).state == CampaignState.CANCELLED


def test_a_repeating_campaign_waits_for_its_next_time(app: Flask) -> None:
    job = new_job(people(5))
    campaign = _campaign(job, schedule_kind=ScheduleKind.CRON, next_run_at=utc_now() + timedelta(days=1))
    _set_chunks(job.id, state="done", sent=5)

    settle_job(job_id=job.id)

    assert db.session.get_one(Campaign, campaign.id).state == CampaignState.SCHEDULED


def test_a_campaign_with_another_run_under_way_goes_on(app: Flask) -> None:
    job, other = new_job(people(5)), new_job(people(5))
    campaign = _campaign(job)
    with transaction() as session:
        session.get_one(Job, other.id).campaign_id = campaign.id
    _set_chunks(job.id, state="done", sent=5)

    settle_job(job_id=job.id)

    assert db.session.get_one(Campaign, campaign.id).state == CampaignState.RUNNING


def test_the_lane_of_a_job(app: Flask) -> None:
    assert lane_of(new_job(people(1), queue=Queue.OTP).id) is Queue.OTP
