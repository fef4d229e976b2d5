"""Numbers of a run: they add up, tell pace and end, and say why nothing moves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from dashboard.campaigns import services
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.campaigns.progress import progress_of
from dashboard.campaigns.queries import needs_attention, running_jobs, upcoming
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Chunk, ChunkState, Job, JobState
from dashboard.jobs.queries import JobTotals, job_totals
from dashboard.messages.models import Message, MessageState
from dashboard.system.models import Heartbeat
from tests.factories.campaigns import new_campaign, new_desk, settle

pytestmark = pytest.mark.usefixtures("app")


def running(count: int, outcomes: list[tuple[str, str]], **values: Any) -> Job:
    campaign = new_campaign(new_desk(count=count))
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    settle(job, outcomes, JobState.RUNNING, **values)
    return job


def begun(job: Job, ago: timedelta, now: datetime) -> None:
    with transaction():
        job.started_at = now - ago


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.lists(st.sampled_from([state.value for state in MessageState]), max_size=12), rest=st.integers(0, 5))
def test_the_counters_always_add_up(states, rest):
    counted = {state: states.count(state) for state in set(states) - {"queued"}}
    totals = JobTotals(records=len(states) + rest, **counted)
    assert sum(count for _state, count in totals.parts()) == totals.records
    assert totals.queued == states.count("queued") + rest
    assert totals.done + totals.queued + totals.held + totals.sending == totals.records


def test_the_equation_prints_every_state_with_somebody_in_it():
    job = running(6, [("sent", ""), ("sending", ""), ("failed", "550"), ("suppressed", "manual")])
    progress = progress_of(job, utc_now())
    assert progress.equation == "6 = 1 suppressed + 2 queued + 1 sending + 1 sent + 1 failed"
    assert progress.left == 3
    assert progress.totals.handed_over == 1


def test_a_job_without_chunks_or_without_a_row_counts_as_queued():
    job = running(3, [])
    assert job_totals(job.id).queued == 3
    assert job_totals(123).records == 0


def test_the_end_is_told_after_thirty_seconds_or_many_messages():
    now = utc_now()
    job = running(100, [("sent", "")] * 40, handed_over_at=now - timedelta(seconds=5))
    begun(job, timedelta(seconds=20), now)
    early = progress_of(job, now)
    assert early.pace.per_second == pytest.approx(2.0)
    assert early.seconds_left is None
    begun(job, timedelta(seconds=40), now)
    later = progress_of(job, now)
    assert later.pace.per_second == pytest.approx(1.0)
    assert later.seconds_left == pytest.approx(60)
    assert later.left_words == "about 1 min"
    assert later.ends_at == now + timedelta(seconds=later.seconds_left or 0)


def test_only_the_last_minute_counts_for_the_pace():
    now = utc_now()
    job = running(
        100, [("sent", "")] * 40, handed_over_at=now - timedelta(minutes=5), updated_at=now - timedelta(minutes=5)
    )
    begun(job, timedelta(minutes=6), now)
    assert progress_of(job, now).pace.per_second == 0


@pytest.mark.parametrize(
    ("state", "age", "interval"),
    [
        (JobState.RUNNING, 1, 1),
        (JobState.RUNNING, 60, 2),
        (JobState.PAUSING, 60, 1),
        (JobState.PAUSED, 60, 10),
        (JobState.FINISHED, 60, None),
        (JobState.CANCELLED, 1, None),
    ],
)
def test_the_server_chooses_when_to_look_again(state, age, interval):
    job = running(3, [("sent", "")])
    with transaction():
        job.state = state
    assert progress_of(job, job.created_at + timedelta(seconds=age)).interval == interval


def old(job: Job, now: datetime, minutes: float = 3) -> None:
    """Nothing has moved for so long."""
    then = now - timedelta(minutes=minutes)
    with transaction():
        job.created_at = job.started_at = then
        db.session.execute(update(Message).where(Message.job_id == job.id).values(handed_over_at=then, updated_at=then))


def test_a_run_that_does_not_move_says_why():
    now = utc_now()
    job = running(5, [("sent", "")])
    assert progress_of(job, now).standstill == ""
    old(job, now)
    without_worker = progress_of(job, now)
    assert without_worker.state == "stalled"
    assert without_worker.standstill.startswith("No worker is running")
    with transaction():
        db.session.add(Heartbeat(kind="worker", name="host:1", at=now))
    assert progress_of(job, now).standstill.startswith("Workers are running")


def test_messages_put_off_are_no_standstill():
    now = utc_now()
    job = running(2, [("sent", ""), ("queued", "450")])
    old(job, now)
    with transaction():
        chunk = db.session.get_one(Chunk, (job.id, 0))
        chunk.state, chunk.not_before = ChunkState.WAITING, now + timedelta(minutes=4)
    progress = progress_of(job, now)
    assert (progress.standstill, progress.state) == ("", "running")
    assert progress.next_try == now + timedelta(minutes=4)


def test_a_paused_run_is_not_stalled():
    now = utc_now()
    job = running(5, [("sent", "")])
    old(job, now)
    with transaction():
        job.state = JobState.PAUSED
    assert progress_of(job, now).state == "paused"


@pytest.mark.parametrize(("done", "milestone"), [(0, 0), (1, 0), (2, 25), (4, 50), (7, 75), (8, 100)])
def test_milestones_are_quarters(done, milestone):
    assert progress_of(running(8, [("sent", "")] * done), utc_now()).milestone == milestone


def test_what_home_asks_for():
    now = utc_now()
    desk = new_desk(count=3)
    running_one = new_campaign(desk, "Runs")
    settle(services.launch_campaign(campaign_id=running_one.id, actor_id=None), [("sent", "")], JobState.RUNNING)
    new_campaign(desk, "Soon", state=CampaignState.SCHEDULED, next_run_at=now + timedelta(hours=2))
    new_campaign(desk, "Later", state=CampaignState.SCHEDULED, next_run_at=now + timedelta(hours=30))
    new_campaign(desk, "Late", state=CampaignState.LATE, problem="Its time passed.")
    assert [(run.campaign.name, run.progress.totals.sent) for run in running_jobs()] == [("Runs", 1)]
    assert [(item.campaign.name, item.records) for item in upcoming(24)] == [("Soon", 3)]
    assert [(item.campaign.name, item.words) for item in needs_attention()] == [("Late", "Its time passed.")]
    stopped = db.session.get_one(Campaign, running_one.id)
    with transaction():
        job = db.session.get_one(Job, stopped.last_job_id)
        job.state, job.pause_reason = JobState.PAUSED, "The server refuses the password."
    assert {item.words for item in needs_attention()} == {"Its time passed.", "The server refuses the password."}
