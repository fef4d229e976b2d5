from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from dashboard.audiences.models import Audience, AudienceImport, ImportState
from dashboard.campaigns.models import Campaign, CampaignState, ScheduleKind
from dashboard.current import current_settings
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Chunk, Job, JobState
from dashboard.jobs.services import cancel_job, pause_job
from dashboard.settings import Settings
from dashboard.system.models import Heartbeat
from dashboard.webhooks.models import Callback
from tests.brokers import waiting
from tests.factories.campaigns import Desk, new_campaign, new_desk
from tests.factories.sending import new_job, new_provider, people
from tests.worker.engine.slices import deliver, scripted
from worker import heartbeat
from worker.engine.journal import Journal, journal_folder
from worker.scheduler import Repeated, Scheduler, run_once


def _calls(lane: str = "bulk") -> list[tuple[str, tuple[object, ...]]]:
    """What was put on a lane by the scheduler: the calls of the job's making are taken off before."""
    return waiting(lane)


def _quiet_job(records: int = 5, **values: object) -> int:
    """A running job whose first calls got lost."""
    import dramatiq

    job_id = new_job(people(records), **values).id  # type: ignore[arg-type]
    dramatiq.get_broker().flush_all()
    db.session.rollback()
    return job_id


def _set_chunk(job_id: int, chunk_no: int = 0, **values: object) -> None:
    with transaction() as session:
        session.execute(update(Chunk).where(Chunk.job_id == job_id, Chunk.chunk_no == chunk_no).values(**values))
    db.session.rollback()


def test_a_lost_call_is_made_again(app: Flask) -> None:
    job_id = _quiet_job()

    done = run_once()

    assert done["hints"] == 1
    assert _calls() == [("send_chunks", (job_id,))]


def test_calls_for_a_lane_that_is_busy_come_with_growing_pauses(app: Flask) -> None:
    _quiet_job()
    scheduler = Scheduler()

    for _ in range(5):
        scheduler.run_once()

    assert len(_calls()) == 1


def test_a_job_at_work_is_left_alone(app: Flask) -> None:
    job_id = _quiet_job()
    _set_chunk(job_id, state="leased", lease_owner="x", lease_until=utc_now() + timedelta(seconds=10))

    run_once()

    assert _calls() == []


def test_idle_workers_are_called_to_a_job_that_has_more(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(chunk_size=1)
    job_id = _quiet_job(5)
    _set_chunk(job_id, state="leased", lease_owner="x", lease_until=utc_now() + timedelta(seconds=10))
    heartbeat.beat(db.engine, "worker", "host:1", {"queues": ["bulk"], "threads": 2})

    run_once()

    assert _calls() == [("send_chunks", (job_id,))]


def test_a_chunk_whose_worker_died_is_handed_out(app: Flask) -> None:
    job_id = _quiet_job()
    _set_chunk(job_id, state="leased", lease_owner="x", lease_until=utc_now() - timedelta(seconds=1))

    run_once()

    assert _calls() == [("send_chunks", (job_id,))]


def test_a_worker_known_to_be_dead_is_not_waited_for(app: Flask) -> None:
    """Its lease lasts another hour: the clock was set back."""
    job_id, owner = _quiet_job(), "host:1:2:dead"
    _set_chunk(job_id, state="leased", lease_owner=owner, lease_until=utc_now() + timedelta(hours=1))
    journal = Journal(journal_folder(current_settings()), owner)
    journal.begin()
    scheduler = Scheduler()
    scheduler.run_once()
    assert _calls() == []

    journal.close(remove=False)  # by the kernel, at its death
    scheduler.run_once()

    assert _calls() == [("send_chunks", (job_id,))]
    scripted(db.session.get_one(Job, job_id))
    assert deliver(job_id).sent == 5


def test_messages_put_off_are_taken_up_in_time(app: Flask) -> None:
    job_id = _quiet_job()
    _set_chunk(job_id, state="waiting", not_before=utc_now() + timedelta(seconds=30))
    assert run_once()["hints"] == 0

    run_once(utc_now() + timedelta(seconds=31))

    assert _calls() == [("send_chunks", (job_id,))]


def test_what_a_worker_left_unsettled_is_settled(app: Flask) -> None:
    finished, pausing = _quiet_job(), _quiet_job()
    _set_chunk(finished, state="done", sent=5)
    _set_chunk(pausing, state="leased", lease_owner="x", lease_until=utc_now() + timedelta(seconds=60))
    pause_job(job_id=pausing)
    _set_chunk(pausing, lease_until=utc_now() - timedelta(seconds=1))

    done = run_once()

    assert done["settled"] == 2
    db.session.rollback()
    assert db.session.get_one(Job, finished).state == JobState.FINISHED
    assert db.session.get_one(Job, pausing).state == JobState.PAUSED


def test_a_cancelled_job_left_behind_is_handed_out(app: Flask) -> None:
    import dramatiq

    job_id = _quiet_job()
    cancel_job(job_id=job_id)
    dramatiq.get_broker().flush_all()

    run_once()

    assert _calls("periodic") == [("cancel_remaining", (job_id,))]


def test_ended_and_paused_jobs_cost_nothing(app: Flask) -> None:
    paused = _quiet_job()
    pause_job(job_id=paused)

    assert run_once()["hints"] == 0


def _import(state: ImportState, **values: object) -> int:
    with transaction() as session:
        audience = Audience(name=f"audience {time.time_ns()}")
        session.add(audience)
        session.flush()
        row = AudienceImport(audience_id=audience.id, state=state, **values)
        session.add(row)
    return row.id


def test_imports_without_a_worker_are_handed_out(app: Flask) -> None:
    past = utc_now() - timedelta(seconds=10)
    checking = _import(ImportState.CHECKING, lease_owner="x", lease_until=past)
    loading = _import(ImportState.LOADING, updated_at=past)
    _import(ImportState.CHECKING, lease_owner="x", lease_until=utc_now() + timedelta(seconds=10))
    _import(ImportState.CHECKING)  # a moment ago: its lane has been told
    _import(ImportState.READY, updated_at=past)

    done = run_once()

    assert done["imports"] == 2
    assert sorted(_calls("imports")) == [("check_import", (checking,)), ("load_import", (loading,))]


@pytest.fixture
def desk(app: Flask) -> Desk:
    return new_desk(3)


def _scheduled(desk: Desk, minutes_ago: float) -> int:
    """A campaign whose time has come."""
    campaign_id = new_campaign(desk, name=f"campaign {time.time_ns()}").id
    with transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        campaign.state = CampaignState.SCHEDULED
        campaign.schedule_kind = ScheduleKind.ONCE
        campaign.next_run_at = utc_now() - timedelta(minutes=minutes_ago)
    return campaign_id


def _campaign(campaign_id: int) -> Campaign:
    db.session.rollback()
    return db.session.get_one(Campaign, campaign_id)


def test_two_schedulers_start_a_campaign_once(desk: Desk) -> None:
    campaign_id = _scheduled(desk, 0.01)

    done = [Scheduler().run_once(), Scheduler().run_once()]

    jobs = db.session.scalars(select(Job).where(Job.campaign_id == campaign_id)).all()
    assert len(jobs) == 1
    assert sum(round_["campaigns"] for round_ in done) == 1
    assert _campaign(campaign_id).state == CampaignState.RUNNING


def test_schedulers_at_the_same_moment_start_each_campaign_once(app: Flask, desk: Desk) -> None:
    campaign_ids = [_scheduled(desk, 0.01) for _ in range(4)]
    start = threading.Barrier(3)

    def one_round(_number: int) -> int:
        with app.app_context():
            start.wait(150)
            return Scheduler().run_once()["campaigns"]

    with ThreadPoolExecutor(3) as pool:
        started = sum(pool.map(one_round, range(3)))

    db.session.rollback()
    runs = db.session.scalars(select(Job.campaign_id).where(Job.campaign_id.in_(campaign_ids))).all()
    assert sorted(run for run in runs if run) == sorted(campaign_ids)
    assert started == len(campaign_ids)


def test_a_started_campaign_is_sent_and_ends(desk: Desk) -> None:
    campaign_id = _scheduled(desk, 0.01)
    run_once()
    job_id = db.session.scalars(select(Job.id).where(Job.campaign_id == campaign_id)).one()

    deliver(job_id)
    run_once()

    assert _campaign(campaign_id).state == CampaignState.FINISHED


def test_a_campaign_that_is_too_late_asks_first(desk: Desk) -> None:
    campaign_id = _scheduled(desk, 61)

    assert run_once()["campaigns"] == 0
    assert _campaign(campaign_id).state == CampaignState.LATE


def test_one_broken_campaign_does_not_keep_the_others_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from dashboard.campaigns import services

    broken, fine = _scheduled(desk, 0.02), _scheduled(desk, 0.01)
    start = services.start_due

    def start_due(campaign_id: int, now: object = None) -> object:
        if campaign_id == broken:
            raise ValueError("a bug")
        return start(campaign_id, now)  # type: ignore[arg-type]

    monkeypatch.setattr(services, "start_due", start_due)

    assert run_once()["campaigns"] == 1
    assert _campaign(fine).state == CampaignState.RUNNING
    assert "a campaign could not be started" in caplog.text


def test_callbacks_that_nobody_read_are_handed_out(app: Flask) -> None:
    scheduler = Scheduler()
    assert scheduler.run_once()["receipts"] == 0
    with transaction() as session:
        session.add(Callback(provider_id=1, method="POST", body=b"[]"))

    assert scheduler.run_once()["receipts"] == 1
    assert _calls("receipts") == [("process_receipts", ())]


def test_bounce_mailboxes_are_handed_out(app: Flask) -> None:
    provider = new_provider("smtp", bounce_protocol="imap")
    scheduler = Scheduler()

    assert [scheduler.run_once()["mailboxes"], scheduler.run_once()["mailboxes"]] == [1, 0]
    assert _calls("receipts") == [("read_bounce_mailbox", (provider.id,))]


def test_the_scheduler_shows_that_it_lives(app: Flask) -> None:
    run_once()

    row = db.session.scalars(select(Heartbeat).where(Heartbeat.kind == "scheduler")).one()
    assert row.name == heartbeat.process_name()


def test_heartbeats_are_renewed_and_old_ones_removed(app: Flask) -> None:
    heartbeat.beat(db.engine, "worker", "host:1", {"queues": ["otp"]})
    heartbeat.beat(db.engine, "worker", "host:1", {"queues": ["bulk"]})
    heartbeat.beat(db.engine, "worker", "host:2", {})
    with transaction() as session:
        session.get_one(Heartbeat, ("worker", "host:2")).at = utc_now() - timedelta(days=2)

    assert heartbeat.remove_old(db.engine) == 1
    db.session.rollback()
    [row] = db.session.scalars(select(Heartbeat)).all()
    assert row.info == {"queues": ["bulk"]}
    heartbeat.take_leave(db.engine, "worker", "host:1")
    db.session.rollback()
    assert db.session.scalars(select(Heartbeat)).all() == []


def test_repetitions_grow_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("worker.scheduler.time", type("Clock", (), {"monotonic": staticmethod(lambda: now)}))
    repeated = Repeated()
    told = []
    for second in range(40):
        now = 100.0 + second
        if repeated.is_due("x"):
            told.append(second)
    assert told == [0, 1, 3, 7, 15, 31]
    now += 10  # it did not come up for a while
    assert repeated.is_due("x")
    now += 100
    repeated.forget_old()
    assert repeated.is_due("x")
