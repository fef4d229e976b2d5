"""How a run is getting on: numbers that add up, pace, time to go, and why it stands still where it does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.campaigns.sending_hours import hours_words, until_words
from dashboard.extensions import db, utc_now
from dashboard.figures import number
from dashboard.jobs.models import ENDED_JOB_STATES, Chunk, ChunkState, Job, JobState, Rest
from dashboard.jobs.queries import JobTotals, job_totals
from dashboard.messages.models import Message
from dashboard.system.models import Heartbeat
from dashboard.timefmt import duration, zone_name

_WINDOW = timedelta(seconds=60)
_STALLED_AFTER = timedelta(seconds=90)
_WORKER_SILENT_AFTER = timedelta(seconds=30)
_SAMPLE = 5_000  # rows looked at for the pace: 2 s of a fast run, the whole minute of a slow one
_ETA_AFTER = (timedelta(seconds=30), 500)
_SHORT_REST = timedelta(seconds=20)
_LIMIT_WORDS: dict[str, str] = {
    Rest.DAY: "its provider's limit a day is used up",
    Rest.MINUTE: "its provider's limit a minute is used up",
    Rest.RATE: "its provider may take no more until then",
    Rest.SLOWED: "its provider asked for a pause",
    Rest.THROTTLE: "its throttle lets no more pass",
}
_SLOW = 600.0  # seconds to go beyond which looking every 10 s is enough


@dataclass(frozen=True, slots=True)
class Pace:
    """Messages a second over the last minute, and when something last moved (None: nothing yet)."""

    per_second: float
    moved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a run. `interval` is the seconds until the next look, None where the run has ended."""

    at: datetime
    job: Job
    totals: JobTotals
    state: str
    pace: Pace
    seconds_left: float | None
    ends_at: datetime | None
    next_try: datetime | None
    standstill: str
    interval: int | None

    @property
    def ended(self) -> bool:
        return self.job.state in ENDED_JOB_STATES

    @property
    def milestone(self) -> int:
        """The last quarter that was passed: 0, 25, 50, 75 or 100."""
        records = self.totals.records
        return 100 if not records else self.totals.done * 4 // records * 25

    @property
    def left_words(self) -> str:
        """ "about 40 s", "about 12 min", "about 2 h 10 min": no finer than an estimate is."""
        seconds = self.seconds_left or 0.0
        if seconds < 55:
            return f"about {max(10, round(seconds / 10) * 10)} s"
        step = 60 if seconds < 5400 else 600
        return f"about {duration(max(60, round(seconds / step) * step))}"

    @property
    def left(self) -> int:
        return self.totals.records - self.totals.done

    @property
    def waiting(self) -> str:
        """ "Waiting until 09:00 Asia/Kolkata: it is sent 09:00 to 18:00, every day …"; "" where it moves."""
        job = self.job
        if job.not_before is None or not _rests(job, self.at):
            return ""
        if job.waiting_for == Rest.WINDOW:
            zone, why = job.send_window.get("zone") or zone_name(), f"it is sent {hours_words(job.send_window)}"
        else:
            zone, why = zone_name(), _LIMIT_WORDS.get(job.waiting_for, "a limit is used up")
        return f"Waiting until {until_words(job.not_before, zone, self.at)}: {why}."

    @property
    def equation(self) -> str:
        """ "5 000 = 12 suppressed + 4 000 queued + …": every state that has somebody in it."""
        terms = " + ".join(f"{number(count)} {state}" for state, count in self.totals.parts() if count)
        return f"{number(self.totals.records)} = {terms or '0'}"


def progress_of(job: Job, now: datetime, counted: JobTotals | None = None) -> Progress:
    """Look at a run. Counters come from its chunks, the pace from the rows it touched last."""
    sums = counted or job_totals(job.id)
    pace = _pace(job, now)
    asleep = job.not_before is not None and job.not_before > now
    running = job.state == JobState.RUNNING and sums.done < sums.records and not asleep
    next_try = _next_try(job) if running else None
    standstill = _standstill(job, pace, now) if running and (next_try is None or next_try < now) else ""
    return _progress(job, sums, pace, now, next_try=next_try, standstill=standstill)


def glance_at(job: Job, sums: JobTotals, now: datetime) -> Progress:
    """The same from what is at hand, for a list of many: its pace is the mean since the start, no query is made."""
    seconds = (now - job.started_at).total_seconds() - job.paused_seconds if job.started_at else 0.0
    return _progress(job, sums, Pace(sums.done / max(1.0, seconds), now), now)


def _progress(
    job: Job,
    sums: JobTotals,
    pace: Pace,
    now: datetime,
    *,
    next_try: datetime | None = None,
    standstill: str = "",
) -> Progress:
    left = sums.records - sums.done if job.state == JobState.RUNNING and not _rests(job, now) else 0
    seconds_left = left / pace.per_second if left and pace.per_second and _worth_telling(job, sums, now) else None
    return Progress(
        at=now,
        job=job,
        totals=sums,
        state=shown_state(job, sums, stalled=bool(standstill), now=now),
        pace=pace,
        seconds_left=seconds_left,
        ends_at=now + timedelta(seconds=seconds_left) if seconds_left is not None else None,
        next_try=next_try,
        standstill=standstill,
        interval=_interval(job, seconds_left, now),
    )


def _rests(job: Job, now: datetime) -> bool:
    """Is nothing to be done for it until its time? The short rests of a slow pace are not worth telling."""
    if job.state != JobState.RUNNING or job.not_before is None:
        return False
    return job.not_before > now + (timedelta() if job.waiting_for == Rest.WINDOW else _SHORT_REST)


def shown_state(job: Job, sums: JobTotals, *, stalled: bool = False, now: datetime | None = None) -> str:
    """The word for a run in dashboard.status: its own state, or what its numbers make of it."""
    if _rests(job, now or utc_now()):
        return "waiting"
    if job.state == JobState.RUNNING and stalled:
        return "stalled"
    if job.state == JobState.FINISHED and sums.errors:
        return "finished_with_failures"
    return job.state


def campaign_state(campaign: Campaign, job: Job | None, sums: JobTotals | None) -> str:
    """The word for a campaign: while it runs that of its run, afterwards whether anything failed."""
    if job is None or sums is None:
        return campaign.state
    if campaign.state == CampaignState.RUNNING:
        return shown_state(job, sums) if job.state not in ENDED_JOB_STATES else campaign.state
    if campaign.state == CampaignState.FINISHED and sums.errors:
        return "finished_with_failures"
    return campaign.state


def _pace(job: Job, now: datetime) -> Pace:
    """Over the rows reached last: they stand at the end of the job's block of ids, so an index finds them."""
    reached = (
        select(func.coalesce(Message.handed_over_at, Message.updated_at).label("at"), Message.updated_at.label("moved"))
        .where(
            Message.id.between(job.first_message_id, job.first_message_id + job.record_count - 1),
            Message.job_id == job.id,
        )
        .order_by(Message.id.desc())
        .limit(_SAMPLE)
        .subquery()
    )
    since = now - _WINDOW
    row = db.session.execute(
        select(
            func.count().filter(reached.c.at >= since),
            func.min(reached.c.at).filter(reached.c.at >= since),
            func.count(),
            func.max(reached.c.moved),
        )
    ).one()
    recent, first, looked_at, moved_at = row
    if not recent or first is None:
        return Pace(0.0, moved_at)
    # A full sample began with its first row; a smaller one is all there was in the minute, or since the start.
    began = first if recent == looked_at == _SAMPLE else max(since, job.started_at or first)
    return Pace(recent / max(1.0, (now - began).total_seconds()), moved_at)


def _worth_telling(job: Job, sums: JobTotals, now: datetime) -> bool:
    """An estimate in the first moments is a guess."""
    seconds, messages = _ETA_AFTER
    return sums.done >= messages or (job.started_at is not None and now - job.started_at >= seconds)


def _next_try(job: Job) -> datetime | None:
    """When the messages that were put off are tried again, where nothing else is left to do."""
    at_work = select(Chunk.chunk_no).where(
        Chunk.job_id == job.id, Chunk.state.in_((ChunkState.READY, ChunkState.LEASED))
    )
    if db.session.scalar(at_work.limit(1)) is not None:
        return None
    waiting = select(func.min(Chunk.not_before)).where(Chunk.job_id == job.id, Chunk.state == ChunkState.WAITING)
    return db.session.scalar(waiting)


def _standstill(job: Job, pace: Pace, now: datetime) -> str:
    """Why a run that should move has not for 90 seconds, "" where it does."""
    since = max(filter(None, (pace.moved_at, job.started_at, job.created_at, job.not_before)))
    if now - since < _STALLED_AFTER:
        return ""
    alive = select(Heartbeat.name).where(Heartbeat.kind == "worker", Heartbeat.at > now - _WORKER_SILENT_AFTER)
    if db.session.scalar(alive.limit(1)) is None:
        return "No worker is running. It goes on by itself as soon as one does."
    return "Workers are running, but none has moved it for 90 seconds. An administrator sees more under System."


def _interval(job: Job, seconds_left: float | None, now: datetime) -> int | None:
    if job.state in ENDED_JOB_STATES:
        return None
    if job.state in (JobState.PAUSING, JobState.CANCELLING) or now - job.created_at < timedelta(seconds=10):
        return 1
    if job.state == JobState.PAUSED or _rests(job, now) or (seconds_left or 0) > _SLOW:
        return 10
    return 2
