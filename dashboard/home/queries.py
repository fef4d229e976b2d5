"""What Home and the jobs tray show: runs and imports under way, what ended lately, the tiles of the last 24 hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, select

from dashboard.audiences.models import Audience, AudienceImport, ImportState
from dashboard.campaigns.models import Campaign
from dashboard.campaigns.progress import shown_state
from dashboard.extensions import db, utc_now
from dashboard.ids import LOW_BITS, id_at
from dashboard.jobs.models import ENDED_JOB_STATES, Chunk, Job
from dashboard.jobs.queries import COUNTED, JobTotals, totals_of

_IMPORTS_AT_WORK: Final = (ImportState.UPLOADING, ImportState.CHECKING, ImportState.LOADING)
_IMPORTS_ENDED: Final = (ImportState.LOADED, ImportState.LOADED_WITH_REJECTS, ImportState.FAILED, ImportState.CANCELLED)
#: An upload whose bytes stopped coming is no work under way any more.
_UPLOAD_SILENT: Final = timedelta(hours=1)
_DAY: Final = timedelta(hours=24)
_HOUR: Final = 3_600_000 << LOW_BITS  # one hour as a distance between ids


@dataclass(frozen=True, slots=True)
class ImportLine:
    """An import with the name of its audience."""

    row: AudienceImport
    audience: str

    @property
    def path(self) -> str:
        return f"/audiences/imports/{self.row.public_id}"

    @property
    def done(self) -> int:
        """Bytes while the file arrives, rows afterwards."""
        return self.row.received if self.row.state == ImportState.UPLOADING else self.row.rows_done

    @property
    def whole(self) -> int:
        return self.row.size if self.row.state == ImportState.UPLOADING else self.row.rows_total


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run of a campaign that ended within the last day."""

    campaign: Campaign
    job: Job
    totals: JobTotals

    @property
    def state(self) -> str:
        return shown_state(self.job, self.totals)


@dataclass(frozen=True, slots=True)
class LastDay:
    """The last 24 hours by the start of the runs, as the log counts them; tests are left out.

    `hours`: (success, errors) of each of the 24 hours, oldest first. `before`: the same 24 hours a week earlier.
    """

    success: int
    errors: int
    success_before: int
    errors_before: int
    hours: list[tuple[int, int]]

    @property
    def settled(self) -> int:
        """Messages that the rate counts: success or error."""
        return self.success + self.errors

    @property
    def settled_before(self) -> int:
        return self.success_before + self.errors_before


def running_imports(limit: int = 20) -> list[ImportLine]:
    """Imports at work, newest first."""
    since = utc_now() - _UPLOAD_SILENT
    silent = (AudienceImport.state == ImportState.UPLOADING) & (AudienceImport.updated_at < since)
    return _imports(AudienceImport.state.in_(_IMPORTS_AT_WORK) & ~silent, limit)


def ended_imports(limit: int = 5) -> list[ImportLine]:
    """Imports that ended within the last 24 hours, newest first."""
    since = utc_now() - _DAY
    return _imports(AudienceImport.state.in_(_IMPORTS_ENDED) & (AudienceImport.updated_at > since), limit)


def _imports(condition: ColumnElement[bool], limit: int) -> list[ImportLine]:
    statement = select(AudienceImport, Audience.name).join(Audience, Audience.id == AudienceImport.audience_id)
    rows = db.session.execute(statement.where(condition).order_by(AudienceImport.id.desc()).limit(limit))
    return [ImportLine(row, audience) for row, audience in rows]


def ended_runs(limit: int = 5) -> list[EndedRun]:
    """Runs of campaigns that ended within the last 24 hours, newest first."""
    rows = db.session.execute(
        select(Campaign, Job)
        .join(Job, Job.campaign_id == Campaign.id)
        .where(Job.state.in_(ENDED_JOB_STATES), Job.finished_at > utc_now() - _DAY)
        .order_by(Job.id.desc())
        .limit(limit)
    ).all()
    sums = totals_of(job.id for _, job in rows)
    return [EndedRun(campaign, job, sums[job.id]) for campaign, job in rows]


def last_day() -> LastDay:
    """Sums over the chunks of the runs of a day, so a million messages cost as much as a thousand chunks."""
    now = utc_now()
    week_ago = now - timedelta(days=7)
    hours = _hours(now - _DAY, now)
    before = _hours(week_ago - _DAY, week_ago)
    return LastDay(
        success=sum(success for success, _ in hours),
        errors=sum(errors for _, errors in hours),
        success_before=sum(success for success, _ in before),
        errors_before=sum(errors for _, errors in before),
        hours=hours,
    )


def under_way() -> JobTotals:
    """All runs that have not ended, tests left out, as one sum."""
    ids = db.session.scalars(select(Job.id).where(Job.state.not_in(ENDED_JOB_STATES), Job.is_test.is_(False)))
    found = totals_of(ids).values()
    return JobTotals(
        records=sum(one.records for one in found),
        **{name: sum(int(getattr(one, name)) for one in found) for name in COUNTED},
    )


def _hours(since: datetime, until: datetime) -> list[tuple[int, int]]:
    """(success, errors) by the hour in which the run was made."""
    first = id_at(since)
    hour = ((Job.id - first) // _HOUR).label("hour")
    success = func.sum(Chunk.sent + Chunk.delivered)
    errors = func.sum(Chunk.failed + Chunk.bounced + Chunk.complained + Chunk.expired + Chunk.unknown)
    rows = db.session.execute(
        select(hour, success, errors)
        .join(Chunk, Chunk.job_id == Job.id)
        .where(Job.id.between(first, id_at(until) - 1), Job.is_test.is_(False))
        .group_by(hour)
    )
    found = {int(row[0]): (int(row[1]), int(row[2])) for row in rows}
    return [found.get(number, (0, 0)) for number in range(24)]
