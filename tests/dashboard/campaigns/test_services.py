"""The life of a campaign: states, launching once, schedules, late starts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from dashboard.audit.models import AuditEntry
from dashboard.campaigns import services
from dashboard.campaigns.models import CAMPAIGN_TRANSITIONS, Campaign, CampaignState
from dashboard.campaigns.states import AlreadyThere, move
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Chunk, Job, JobKind
from dashboard.problems import Conflict, DomainError, NotFound
from tests.brokers import waiting
from tests.factories.campaigns import new_audience, new_campaign, new_desk, new_template

pytestmark = pytest.mark.usefixtures("app")


def count(model: Any, *conditions: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def actions() -> list[str]:
    return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_launch_freezes_everything_into_a_job_and_tells_the_lane():
    desk = new_desk(count=5)
    campaign = new_campaign(desk)
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=7, version=campaign.version)
    assert (job.kind, job.campaign_id, job.record_count, job.created_by) == (JobKind.CAMPAIGN, campaign.id, 5, 7)
    assert (job.template_version_id, job.dataset_version_id) == (desk.version.id, desk.dataset.id)
    assert (job.provider_id, job.from_address) == (desk.provider.id, desk.sender.address)
    assert campaign.state == CampaignState.RUNNING
    assert campaign.last_job_id == job.id
    assert count(Chunk, Chunk.job_id == job.id) == 1
    assert waiting("bulk") == [("send_chunks", (job.id,))]
    assert actions() == ["campaign.create", "campaign.launch"]


def test_a_second_launch_says_that_it_runs_already():
    campaign = new_campaign(new_desk())
    seen = campaign.version
    services.launch_campaign(campaign_id=campaign.id, actor_id=None, version=seen)
    with pytest.raises(AlreadyThere):
        services.launch_campaign(campaign_id=campaign.id, actor_id=None, version=seen)
    assert count(Job) == 1


def test_a_launch_of_an_older_version_is_a_conflict():
    campaign = new_campaign(new_desk())
    with pytest.raises(Conflict) as conflict:
        services.launch_campaign(campaign_id=campaign.id, actor_id=None, version=campaign.version - 1)
    assert not isinstance(conflict.value, AlreadyThere)
    assert conflict.value.current.state == CampaignState.DRAFT
    assert count(Job) == 0


def test_what_blocks_it_is_said_and_nothing_changes():
    desk = new_desk()
    campaign = new_campaign(desk, template_id=new_template("Draft only", published=False).id)
    with pytest.raises(DomainError) as refused:
        services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    assert refused.value.code == "template_not_published"
    assert refused.value.field == "template_id"
    assert db.session.get(Campaign, campaign.id).state == CampaignState.DRAFT
    assert count(Job) == 0


def in_threads(app: Flask, *calls: Callable[[], Any]) -> list[Any]:
    """Results, or exceptions, of calls that start together in threads of their own."""
    barrier, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        with app.app_context():
            barrier.wait()
            try:
                results[index] = call()
            except Exception as error:
                results[index] = error
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_launches_that_race_start_one_job(app):
    campaign = new_campaign(new_desk())
    identifier, version = campaign.id, campaign.version
    db.session.commit()

    def launch() -> Any:
        return services.launch_campaign(campaign_id=identifier, actor_id=None, version=version).id

    results = in_threads(app, *[launch] * 4)
    assert sum(isinstance(result, int) for result in results) == 1
    assert sum(isinstance(result, AlreadyThere) for result in results) == 3
    assert count(Job) == 1


def test_schedulers_that_race_start_one_job(app):
    now = utc_now()
    campaign = new_campaign(
        new_desk(), state=CampaignState.SCHEDULED, schedule_kind="once", next_run_at=now - timedelta(seconds=2)
    )
    identifier = campaign.id
    db.session.commit()

    def start() -> Any:
        job = services.start_due(identifier, now)
        return job.id if job else None

    results = in_threads(app, *[start] * 4)
    assert sorted(results, key=str).count(None) == 3
    assert count(Job) == 1
    db.session.expire_all()
    assert db.session.get(Campaign, identifier).state == CampaignState.RUNNING


def test_nothing_starts_before_its_time():
    now = utc_now()
    campaign = new_campaign(
        new_desk(), state=CampaignState.SCHEDULED, schedule_kind="once", next_run_at=now + timedelta(minutes=1)
    )
    assert services.start_due(campaign.id, now) is None
    assert services.start_due(123456, now) is None
    assert campaign.state == CampaignState.SCHEDULED


def test_a_start_that_is_too_late_asks_instead():
    now = utc_now()
    campaign = new_campaign(
        new_desk(),
        state=CampaignState.SCHEDULED,
        schedule_kind="once",
        schedule_zone="Europe/Berlin",
        next_run_at=now - timedelta(minutes=61),
    )
    assert services.start_due(campaign.id, now) is None
    assert campaign.state == CampaignState.LATE
    assert "Europe/Berlin" in campaign.problem
    assert "1 h 1 min ago" in campaign.problem
    assert count(Job) == 0
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None, version=campaign.version)
    assert job.campaign_id == campaign.id
    assert campaign.problem == ""


def test_something_that_blocks_at_its_time_asks_instead_of_crashing():
    now = utc_now()
    desk = new_desk()
    campaign = new_campaign(desk, state=CampaignState.SCHEDULED, schedule_kind="once", next_run_at=now)
    with transaction():
        desk.provider.enabled = False
    assert services.start_due(campaign.id, now) is None
    assert campaign.state == CampaignState.LATE
    assert "The provider Sandbox is disabled." in campaign.problem


def repeating(desk: Any, **values: Any) -> Campaign:
    return new_campaign(desk, schedule_kind="cron", cron="0 9 * * *", schedule_zone="Europe/Berlin", **values)


def test_a_repeating_campaign_moves_on_in_the_transaction_that_starts_it():
    due = datetime(2027, 3, 27, 8, 0, tzinfo=UTC)
    campaign = repeating(new_desk(), state=CampaignState.SCHEDULED, next_run_at=due)
    job = services.start_due(campaign.id, due + timedelta(seconds=3))
    assert job is not None
    assert campaign.next_run_at == datetime(2027, 3, 28, 7, 0, tzinfo=UTC)  # the clocks went forward in that night


def test_the_last_run_of_a_repeating_campaign_leaves_no_next_one():
    due = datetime(2027, 3, 27, 8, 0, tzinfo=UTC)
    campaign = repeating(
        new_desk(), state=CampaignState.SCHEDULED, next_run_at=due, cron_until=due + timedelta(hours=1)
    )
    assert services.start_due(campaign.id, due) is not None
    assert campaign.next_run_at is None


def test_a_late_run_of_a_repeating_campaign_can_be_skipped():
    campaign = repeating(
        new_desk(), state=CampaignState.LATE, next_run_at=utc_now() - timedelta(hours=3), problem="It is late."
    )
    services.skip_run(campaign_id=campaign.id, version=campaign.version)
    assert campaign.state == CampaignState.SCHEDULED
    assert campaign.next_run_at > utc_now()
    assert campaign.problem == ""


def test_a_late_one_can_be_dropped():
    campaign = new_campaign(new_desk(), state=CampaignState.LATE, next_run_at=utc_now(), problem="It is late.")
    services.do_not_send(campaign_id=campaign.id, version=campaign.version)
    assert (campaign.state, campaign.next_run_at, campaign.problem) == (CampaignState.DRAFT, None, "")


def once(desk: Any, wall: str, **values: Any) -> Campaign:
    return new_campaign(desk, schedule_kind="once", schedule_local=wall, schedule_zone="Asia/Kolkata", **values)


def test_schedule_waits_for_the_local_time_and_unschedule_takes_it_back():
    campaign = once(new_desk(), "2027-11-24T09:00")
    moment = services.schedule_campaign(campaign_id=campaign.id, actor_id=5, version=campaign.version)
    assert moment == datetime(2027, 11, 24, 3, 30, tzinfo=UTC)
    assert (campaign.state, campaign.next_run_at, campaign.scheduled_by) == (CampaignState.SCHEDULED, moment, 5)
    services.unschedule_campaign(campaign_id=campaign.id, version=campaign.version)
    assert (campaign.state, campaign.next_run_at) == (CampaignState.DRAFT, None)
    assert actions()[-2:] == ["campaign.schedule", "campaign.unschedule"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"schedule_kind": "now"}, "no_time"),
        ({"schedule_kind": "once", "schedule_local": "2020-01-01T09:00", "schedule_zone": "UTC"}, "in_the_past"),
        (
            {"schedule_kind": "once", "schedule_local": "2027-03-28T02:30", "schedule_zone": "Europe/Berlin"},
            "nonexistent_time",
        ),
        ({"schedule_kind": "cron", "cron": "nonsense", "schedule_zone": "UTC"}, "bad_cron"),
        (
            {
                "schedule_kind": "cron",
                "cron": "0 9 * * *",
                "schedule_zone": "UTC",
                "cron_until": datetime(2021, 1, 1, tzinfo=UTC),
            },
            "no_run",
        ),
    ],
)
def test_a_schedule_without_a_time_to_come_is_refused(values, code):
    campaign = new_campaign(new_desk(), **values)
    with pytest.raises(DomainError) as refused:
        services.schedule_campaign(campaign_id=campaign.id, actor_id=None)
    assert refused.value.code == code
    assert db.session.get(Campaign, campaign.id).state == CampaignState.DRAFT


def test_a_repeating_campaign_with_runs_ends_when_it_is_unscheduled():
    campaign = repeating(new_desk(), state=CampaignState.SCHEDULED, next_run_at=utc_now())
    services.start_due(campaign.id)
    with transaction():
        campaign.state = CampaignState.SCHEDULED  # the run is over
    services.unschedule_campaign(campaign_id=campaign.id)
    assert campaign.state == CampaignState.FINISHED
    assert campaign.next_run_at is None


@pytest.mark.parametrize("origin", list(CampaignState))
@pytest.mark.parametrize("goal", list(CampaignState))
def test_moves_keep_to_the_table(origin, goal):
    campaign = new_campaign(new_desk(), state=origin)
    with transaction():
        moved = move(campaign, goal)
    assert moved == (goal in CAMPAIGN_TRANSITIONS[origin])
    assert campaign.state == (goal if moved else origin)


def test_duplicate_copies_the_choices_and_no_schedule():
    campaign = once(new_desk(), "2027-11-24T09:00", tags=["sale"], category="transactional")
    copy = services.duplicate_campaign(campaign_id=campaign.id, actor_id=3)
    assert copy.name == "Spring (copy)"
    assert (copy.state, copy.schedule_kind, copy.schedule_local) == (CampaignState.DRAFT, "now", "")
    assert (copy.template_id, copy.audience_id, copy.tags) == (campaign.template_id, campaign.audience_id, ["sale"])


def test_archive_and_restore():
    never_ran = new_campaign(new_desk())
    services.archive_campaign(campaign_id=never_ran.id)
    assert never_ran.state == CampaignState.ARCHIVED
    services.restore_campaign(campaign_id=never_ran.id)
    assert never_ran.state == CampaignState.DRAFT
    services.launch_campaign(campaign_id=never_ran.id, actor_id=None)
    with pytest.raises(Conflict):
        services.archive_campaign(campaign_id=never_ran.id)
    with transaction():
        never_ran.state = CampaignState.FINISHED
    services.archive_campaign(campaign_id=never_ran.id)
    services.restore_campaign(campaign_id=never_ran.id)
    assert never_ran.state == CampaignState.FINISHED


def test_only_what_never_ran_is_deleted_and_only_by_its_name():
    campaign = new_campaign(new_desk(), name="Spring sale")
    with pytest.raises(DomainError) as refused:
        services.delete_campaign(campaign_id=campaign.id, typed_name="Spring")
    assert refused.value.field == "typed_name"
    services.delete_campaign(campaign_id=campaign.id, typed_name=" spring  SALE ")
    with pytest.raises(NotFound):
        services.archive_campaign(campaign_id=campaign.id)


def test_what_ran_is_not_deleted():
    campaign = new_campaign(new_desk())
    services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    with transaction():
        campaign.state = CampaignState.DRAFT
    with pytest.raises(Conflict):
        services.delete_campaign(campaign_id=campaign.id, typed_name=campaign.name)


def test_a_name_is_needed():
    with pytest.raises(DomainError) as refused:
        services.create_campaign(name="  ", actor_id=None)
    assert refused.value.field == "name"


def test_an_empty_audience_starts_nothing():
    campaign = new_campaign(new_desk(), audience_id=new_audience("Nobody").id)
    with pytest.raises(DomainError) as refused:
        services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    assert refused.value.code == "audience_empty"
