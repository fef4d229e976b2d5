"""Starts what is due and hands out again what was left lying: one loop a second, any number of them at once.

The broker only carries hints. Should one be lost, with its worker or with the broker's data, the rows still say that
there is work, and a round of this loop tells a lane so. Hints that found nobody are repeated with growing pauses.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, false, func, or_, select

from dashboard import VERSION
from dashboard.audiences.models import AudienceImport, ImportState
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.current import current_settings
from dashboard.endpoints.models import WebhookDelivery
from dashboard.extensions import db, read_connection, write_connection
from dashboard.jobs.models import ACTIVE_JOB_STATES, Chunk, ChunkState, Job, JobState
from dashboard.jobs.services import settle_job
from dashboard.messages import partitions
from dashboard.system.models import Heartbeat
from worker import heartbeat
from worker.endpoints.delivering import due
from worker.endpoints.telling import listeners
from worker.engine import journal
from worker.engine.clock import Clock
from worker.engine.recovery import end_leases_of_the_dead
from worker.keeping import anything_old
from worker.queues import Queue, enqueue
from worker.receipts.applying import waiting_until
from worker.receipts.mailboxes import due_mailboxes
from worker.receipts.reading import unread

logger = logging.getLogger(__name__)

_ROUND_SECONDS = 1.0
_AT_ONCE = 50
_IMPORT_ACTORS = {
    ImportState.UPLOADING.value: "fetch_import",  # those from a web address alone; browsers bring the others
    ImportState.CHECKING.value: "check_import",
    ImportState.LOADING.value: "load_import",
}
_PICK_UP_SECONDS = 5.0  # a lane gets so long to pick an import up by itself
_MAILBOX_SECONDS = 5.0
_TELL_SECONDS = 3.0  # how often endpoints are told of messages
_LATE_TELL_SECONDS = 120.0  # … and of those of runs that ended a while ago
_ALIVE = timedelta(seconds=20)


class Repeated:
    """When to tell something again: at once, then after 1, 2, 4 … 30 seconds while it keeps coming up."""

    def __init__(self) -> None:
        self._told: dict[object, tuple[float, float, float]] = {}  # key -> (told at, pause, last came up)

    def is_due(self, key: object) -> bool:
        """True where the key is to be told now."""
        now = time.monotonic()
        told_at, pause, came_up = self._told.get(key, (0.0, 0.0, 0.0))
        if key not in self._told or now - came_up > 5 * _ROUND_SECONDS:
            self._told[key] = (now, _ROUND_SECONDS, now)
            return True
        if now - told_at >= pause:
            self._told[key] = (now, min(30.0, pause * 2), now)
            return True
        self._told[key] = (told_at, pause, now)
        return False

    def forget_old(self) -> None:
        """Drop what has not come up for a while."""
        before = time.monotonic() - 60
        self._told = {key: value for key, value in self._told.items() if value[2] > before}


class Scheduler:
    """The rounds of one process; what it remembers only spares the lanes repeated hints."""

    def __init__(self) -> None:
        self._repeated = Repeated()
        self._next_beat = 0.0
        self._next_cleaning = 0.0
        self._next_mailboxes = 0.0
        self._next_telling = 0.0
        self._next_late_telling = 0.0

    def run_once(self, now: datetime | None = None) -> Counter[str]:
        """One round, in an application context: how many campaigns were started, calls handed out, jobs moved on."""
        now = now or Clock.of(db.engine).now()
        done: Counter[str] = Counter()
        self._live()
        done["campaigns"] = self._start_campaigns(now)
        left = end_leases_of_the_dead(db.engine, journal.journal_folder(current_settings()), now)
        self._sweep_jobs(now, left, done)
        done["events"] = self._sweep_events(now)
        done["imports"] = self._sweep_imports(now)
        done["receipts"] = self._sweep_receipts(now)
        done["mailboxes"] = self._sweep_mailboxes(now)
        done["webhooks"] = self._sweep_webhooks(now)
        self._clean_up(now)
        return done

    def _live(self) -> None:
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + heartbeat.BEAT_SECONDS
            heartbeat.beat(db.engine, "scheduler", heartbeat.process_name(), {"version": VERSION})

    def _start_campaigns(self, now: datetime) -> int:
        from dashboard.campaigns.services import start_due

        due = (
            select(Campaign.id)
            .where(Campaign.state == CampaignState.SCHEDULED, Campaign.next_run_at <= now)
            .order_by(Campaign.next_run_at)
            .limit(_AT_ONCE)
        )
        with read_connection() as connection:
            ids = list(connection.scalars(due))
        started = 0
        for campaign_id in ids:
            if self._repeated.is_due(("campaign", campaign_id)):
                try:
                    started += start_due(campaign_id, now) is not None
                except Exception:
                    # One campaign that cannot be started must not keep the others waiting.
                    logger.exception("a campaign could not be started", extra={"campaign_id": campaign_id})
        return started

    def _sweep_events(self, now: datetime) -> int:
        from dashboard.events.sending import take_up_due

        try:
            return take_up_due(now)
        except Exception:
            # An event that cannot be decided on must not keep jobs and imports waiting.
            logger.exception("what events left for later could not be taken up")
            return 0

    def _sweep_jobs(self, now: datetime, left: set[int], done: Counter[str]) -> None:
        threads = _threads_by_queue(now)
        for job in _active_jobs(now):
            if job.open == 0 or job.state == JobState.PAUSING:
                done["settled"] += settle_job(job_id=job.id) != job.state
            elif job.state == JobState.CANCELLING:
                if self._repeated.is_due(("cancel", job.id)):
                    done["hints"] += enqueue("cancel_remaining", job.id, queue=Queue.PERIODIC)
            elif (wanted := _wanted(job, threads[job.queue])) and (self._repeated.is_due(wanted) or job.id in left):
                done["hints"] += enqueue("send_chunks", job.id, queue=Queue(job.queue))

    def _sweep_imports(self, now: datetime) -> int:
        left = select(AudienceImport.id, AudienceImport.state).where(
            AudienceImport.state.in_(_IMPORT_ACTORS),
            or_(AudienceImport.state != ImportState.UPLOADING.value, AudienceImport.source == "url"),
            or_(
                AudienceImport.lease_until <= now,
                and_(
                    AudienceImport.lease_until.is_(None),
                    AudienceImport.updated_at <= now - timedelta(seconds=_PICK_UP_SECONDS),
                ),
            ),
        )
        with read_connection() as connection:
            rows = connection.execute(left.limit(_AT_ONCE)).all()
        return sum(
            enqueue(_IMPORT_ACTORS[state], import_id, queue=Queue.IMPORTS)
            for import_id, state in rows
            if self._repeated.is_due(("import", import_id, state))
        )

    def _sweep_receipts(self, now: datetime) -> int:
        """Callbacks whose hint was lost, and receipts that wait for their message."""
        with read_connection() as connection:
            left = connection.scalar(select(or_(exists(unread), exists(waiting_until(now)))))
        if left and self._repeated.is_due("receipts"):
            return int(enqueue("process_receipts", queue=Queue.RECEIPTS))
        return 0

    def _sweep_mailboxes(self, now: datetime) -> int:
        """Bounce mailboxes whose minute is over; asked for once in five seconds."""
        if time.monotonic() < self._next_mailboxes:
            return 0
        self._next_mailboxes = time.monotonic() + _MAILBOX_SECONDS
        return sum(
            enqueue("read_bounce_mailbox", provider_id, queue=Queue.RECEIPTS)
            for provider_id in due_mailboxes(db.engine, now)
            if self._repeated.is_due(("mailbox", provider_id))
        )

    def _sweep_webhooks(self, now: datetime) -> int:
        """Deliveries whose time has come, and a look at what endpoints were not told yet."""
        with read_connection() as connection:
            left = connection.scalar(select(exists(due(now))))
            listening = bool(listeners(connection))
        told = 0
        if listening and time.monotonic() >= self._next_telling:
            late = time.monotonic() >= self._next_late_telling
            self._next_telling = time.monotonic() + _TELL_SECONDS
            if late:
                self._next_late_telling = time.monotonic() + _LATE_TELL_SECONDS
            told = enqueue("tell_message_states", late, queue=Queue.PERIODIC)
        if left and self._repeated.is_due("webhooks"):
            told += enqueue("deliver_webhooks", queue=Queue.PERIODIC)
        return told

    def _clean_up(self, now: datetime) -> None:
        if time.monotonic() >= self._next_cleaning:
            self._next_cleaning = time.monotonic() + 600
            self._repeated.forget_old()
            heartbeat.remove_old(db.engine)
            self._keep_months(now)
            self._forget_webhooks()
            journal.remove_old(journal.journal_folder(current_settings()))

    def _forget_webhooks(self) -> None:
        with read_connection() as connection:
            delivered = connection.scalar(select(exists(select(WebhookDelivery.id))))
        if delivered:
            enqueue("forget_webhooks", queue=Queue.PERIODIC)

    def _keep_months(self, now: datetime) -> None:
        """Parts of the ledger for the months to come; months and logs whose time is over are a worker's to delete."""
        with write_connection() as connection:
            made = partitions.ensure_ahead(connection, now)
        if made:
            logger.info("new months of the ledger", extra={"parts": made})
        with read_connection() as connection:
            old = anything_old(connection, now)
        if old or current_settings().retention_months:
            enqueue("apply_retention", queue=Queue.PERIODIC)


@dataclass(frozen=True, slots=True)
class _ActiveJob:
    """A job under way: chunks `open` (not done), `free` (could be claimed now), `expired` (of these, left by a dead
    worker), `leased` (at work). `resting`: nothing is to be done for it yet."""

    id: int
    state: str
    queue: str
    open: int
    free: int
    expired: int
    leased: int
    not_before: datetime | None
    resting: bool


def _wanted(job: _ActiveJob, threads: int) -> tuple[object, ...] | None:
    """Why a worker is called to a job, None where none is. Each reason is repeated at a pace of its own, and begins
    anew when the job has rested."""
    if job.resting or not (job.expired or (job.free and job.leased < max(1, threads))):
        return None
    reason = "take over" if job.expired else "help" if job.leased else "begin"
    return reason, job.id, job.not_before


def _active_jobs(now: datetime) -> list[_ActiveJob]:
    """Jobs under way. Four look-ups in an index for each; done chunks, which pile up, are never counted."""
    of_job = select(func.count()).select_from(Chunk).where(Chunk.job_id == Job.id).correlate(Job)
    unfinished = (ChunkState.READY.value, ChunkState.LEASED.value, ChunkState.WAITING.value)
    expired = and_(Chunk.state == ChunkState.LEASED.value, Chunk.lease_until <= now)
    waiting = and_(Chunk.state == ChunkState.WAITING.value, Chunk.not_before <= now)
    free = or_(Chunk.state == ChunkState.READY.value, waiting, expired)
    leased = and_(Chunk.state == ChunkState.LEASED.value, Chunk.lease_until > now)
    statement = select(
        Job.id,
        Job.state,
        Job.queue,
        of_job.where(Chunk.state.in_(unfinished)).scalar_subquery(),
        of_job.where(Chunk.state.in_(unfinished), free).scalar_subquery(),
        of_job.where(expired).scalar_subquery(),
        of_job.where(leased).scalar_subquery(),
        Job.not_before,
        func.coalesce(Job.not_before > now, false()),
    ).where(Job.state.in_(ACTIVE_JOB_STATES))
    with read_connection() as connection:
        return [_ActiveJob(*row) for row in connection.execute(statement)]


def _threads_by_queue(now: datetime) -> Counter[str]:
    """How many worker threads serve each lane at the moment."""
    alive = select(Heartbeat.info).where(Heartbeat.kind == "worker", Heartbeat.at > now - _ALIVE)
    threads: Counter[str] = Counter()
    with read_connection() as connection:
        for info in connection.scalars(alive):
            for queue in info.get("queues", ()):
                threads[queue] += int(info.get("threads", 1))
    return threads


def run_once(now: datetime | None = None) -> Counter[str]:
    """One round of a scheduler without a past."""
    return Scheduler().run_once(now)


def main() -> None:
    """Rounds until SIGTERM or SIGINT. A round that fails (the database is away) is followed by the next one."""
    from dashboard import create_app

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    app, scheduler = create_app(), Scheduler()
    while not stopped.is_set():
        with app.app_context():
            try:
                scheduler.run_once()
            except Exception:
                logger.exception("a round of the scheduler failed")
        stopped.wait(_ROUND_SECONDS)
    with app.app_context():
        heartbeat.take_leave(db.engine, "scheduler", heartbeat.process_name())


if __name__ == "__main__":
    main()
