"""Failed messages sent again: the right ones, each at most once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from dashboard.audiences.models import Record
from dashboard.campaigns import services
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.campaigns.retrying import RETRIED, retry_failed, retryable_groups
from dashboard.extensions import db, transaction
from dashboard.jobs.errors import Prospect, error_groups
from dashboard.jobs.models import Job, JobKind, JobState
from dashboard.messages.models import MessageEvent
from dashboard.problems import Conflict, DomainError, NotFound
from tests.brokers import waiting
from tests.factories.campaigns import CONTENT, Desk, new_campaign, new_desk, new_provider, publish, settle

pytestmark = pytest.mark.usefixtures("app")

OUTCOMES = [
    ("sent", ""),
    ("failed", "450 4.7.0"),
    ("failed", "550 5.1.1"),
    ("failed", "450 4.7.0"),
    ("unknown", "worker_lost"),
    ("bounced", "550 5.1.1"),
    ("failed", "undefined_variable"),
    ("complained", ""),
    ("suppressed", "unsubscribed"),
]


def ended_run(outcomes: list[tuple[str, str]] = OUTCOMES, **values: Any) -> tuple[Desk, Campaign, Job]:
    desk = new_desk(count=len(outcomes))
    campaign = new_campaign(desk)
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    settle(job, outcomes, **values)
    return desk, campaign, job


def recipients(job: Job) -> list[tuple[int, str | None]]:
    rows = db.session.execute(
        select(Record.record_no, Record.email)
        .where(Record.dataset_version_id == job.dataset_version_id)
        .order_by(Record.record_no)
    )
    return [(row.record_no, row.email) for row in rows]


def again(campaign: Campaign, job: Job, *groups: str, newest: bool = False) -> Job:
    return retry_failed(
        campaign_id=campaign.id, job_id=job.id, groups=groups, newest_version=newest, actor_id=9, version=None
    )


def test_errors_are_grouped_and_judged():
    _desk, _campaign, job = ended_run()
    groups = {group.key: group for group in error_groups(job).groups}
    assert {key: group.count for key, group in groups.items()} == {
        "failed:450 4.7.0": 2,
        "failed:550 5.1.1": 1,
        "unknown:worker_lost": 1,
        "bounced:550 5.1.1": 1,
        "failed:undefined_variable": 1,
        "complained:": 1,
    }
    assert groups["failed:450 4.7.0"].prospect is Prospect.WORTH_IT
    assert groups["failed:550 5.1.1"].prospect is Prospect.POINTLESS
    assert groups["bounced:550 5.1.1"].prospect is Prospect.POINTLESS
    assert groups["failed:undefined_variable"].prospect is Prospect.POINTLESS
    assert groups["unknown:worker_lost"].prospect is Prospect.MAYBE_TWICE
    assert all(group.words for group in groups.values())
    assert groups["failed:450 4.7.0"].example == "the server said 450 4.7.0"
    assert error_groups(job).groups[0].key == "failed:450 4.7.0"


def test_only_passing_problems_are_ticked_and_doubtful_ones_not_offered():
    _desk, _campaign, job = ended_run()
    offers = {offer.group.key: offer for offer in retryable_groups(job, error_groups(job).groups)}
    assert [key for key, offer in offers.items() if offer.ticked] == ["failed:450 4.7.0"]
    assert not offers["unknown:worker_lost"].offered
    assert not offers["complained:"].offered
    assert offers["failed:550 5.1.1"].offered


def test_a_retry_is_a_job_over_copies_of_the_failed_records():
    _desk, campaign, job = ended_run()
    retry = again(campaign, job, "failed:450 4.7.0", "failed:550 5.1.1")
    assert (retry.kind, retry.retry_of_id, retry.record_count) == (JobKind.RETRY, job.id, 3)
    assert recipients(retry) == [(0, "person1@example.com"), (1, "person2@example.com"), (2, "person3@example.com")]
    assert retry.template_version_id == job.template_version_id
    assert retry.first_message_id >= job.first_message_id + job.record_count
    assert (campaign.state, campaign.last_job_id) == (CampaignState.RUNNING, retry.id)
    assert ("send_chunks", (retry.id,)) in waiting("bulk")
    events = db.session.scalars(select(MessageEvent).where(MessageEvent.kind == RETRIED)).all()
    assert {event.message_id - job.first_message_id for event in events} == {1, 2, 3}
    assert retry.public_id in events[0].detail


def test_nobody_is_taken_twice():
    _desk, campaign, job = ended_run()
    first = again(campaign, job, "failed:450 4.7.0")
    settle(first, [("sent", ""), ("sent", "")])
    with pytest.raises(DomainError) as refused:
        again(campaign, job, "failed:450 4.7.0")
    assert refused.value.code == "nothing_left"
    assert campaign.state == CampaignState.FINISHED
    left = {offer.group.key: offer.left for offer in retryable_groups(job, error_groups(job).groups)}
    assert left["failed:450 4.7.0"] == 0
    assert left["failed:550 5.1.1"] == 1
    assert again(campaign, job, "failed:450 4.7.0", "failed:550 5.1.1").record_count == 1


def test_what_failed_in_a_retry_can_be_retried_from_there():
    _desk, campaign, job = ended_run()
    first = again(campaign, job, "failed:450 4.7.0")
    settle(first, [("sent", ""), ("failed", "timeout")])
    second = again(campaign, first, "failed:timeout")
    assert recipients(second) == [(0, "person3@example.com")]
    assert second.retry_of_id == first.id


def test_what_may_have_arrived_is_left_out():
    _desk, campaign, job = ended_run([("failed", "timeout"), ("failed", "timeout")], maybe_twice=True)
    with pytest.raises(DomainError):
        again(campaign, job, "failed:timeout")
    with pytest.raises(DomainError):
        again(campaign, job, "unknown:worker_lost", "suppressed:unsubscribed", "nonsense")


def test_no_group_is_refused_and_changes_nothing():
    _desk, campaign, job = ended_run()
    with pytest.raises(DomainError) as refused:
        again(campaign, job)
    assert refused.value.field == "groups"
    assert db.session.get_one(Campaign, campaign.id).state == CampaignState.FINISHED


def test_a_corrected_template_version_can_be_used():
    desk, campaign, job = ended_run()
    newest = publish(desk.template, 2, CONTENT)
    assert again(campaign, job, "failed:undefined_variable", newest=True).template_version_id == newest.id


def test_a_run_that_has_not_ended_or_is_not_of_this_campaign_is_refused():
    desk, campaign, job = ended_run()
    with transaction():
        job.state = JobState.PAUSED
    with pytest.raises(Conflict):
        again(campaign, job, "failed:450 4.7.0")
    with pytest.raises(NotFound):
        again(new_campaign(desk, state=CampaignState.FINISHED), job, "failed:450 4.7.0")


def test_a_provider_that_is_off_is_said():
    desk, campaign, job = ended_run()
    with transaction():
        desk.provider.enabled = False
    with pytest.raises(DomainError) as refused:
        again(campaign, job, "failed:450 4.7.0")
    assert "switched off" in refused.value.message


def test_a_repeating_campaign_keeps_its_next_run():
    _desk, campaign, job = ended_run([("failed", "timeout")] * 3)
    with transaction():
        campaign.state, campaign.next_run_at = CampaignState.SCHEDULED, job.created_at
    again(campaign, job, "failed:timeout")
    assert campaign.state == CampaignState.RUNNING
    assert campaign.next_run_at == job.created_at


def test_a_long_list_of_errors_is_capped(monkeypatch):
    _desk, _campaign, job = ended_run([("failed", "timeout")] * 8)
    monkeypatch.setattr("dashboard.jobs.errors.LIMIT", 5)
    groups = error_groups(job)
    assert groups.capped
    assert groups.count == 6


def test_another_provider_of_the_route_stands_in_for_one_that_is_off():
    desk, campaign, job = ended_run()
    other = new_provider("Second", default_for=())
    with transaction():
        desk.provider.enabled = False
        job.route = [
            {"provider_id": desk.provider.id, "weight": 0, "from_address": "desk@example.com", "from_name": ""},
            {"provider_id": other.id, "weight": 0, "from_address": "second@example.com", "from_name": "Second"},
        ]
    made = again(campaign, job, "failed:450 4.7.0")
    assert (made.provider_id, made.from_address, made.from_name) == (other.id, "second@example.com", "Second")
