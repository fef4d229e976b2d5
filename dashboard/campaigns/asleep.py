"""How many recipients of a campaign would be held because their hours have not come where they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.campaigns.recent_results import RecentResults
from dashboard.campaigns.record_fields import field_text
from dashboard.extensions import db
from worker.engine.send_window import Openings, SendWindow

#: Looked at in one go: half a second on either database.
_MOST = 200_000
_recent: RecentResults[dict[str, int]] = RecentResults()


@dataclass(frozen=True, slots=True)
class Asleep:
    """`count` records of those looked at would be held; `complete`: all were looked at. `first` and `last`: when the
    hours of these come."""

    count: int
    complete: bool
    first: datetime | None
    last: datetime | None


def count_asleep(dataset: DatasetVersion, window: SendWindow, start: datetime) -> Asleep:
    """Over the zones in the window's column, at the moment of the start."""
    zones = _recent.get((dataset.id, window.column), lambda: _zones(dataset.id, window.column))
    openings = Openings(window, start)
    held = {zone: opening for zone in zones if (opening := openings.of(zone)) is not None}
    return Asleep(
        count=sum(zones[zone] for zone in held),
        complete=dataset.record_count <= _MOST,
        first=min(held.values(), default=None),
        last=max(held.values(), default=None),
    )


def _zones(dataset_version_id: int, column: str) -> dict[str, int]:
    zone = func.coalesce(field_text(column), "").label("zone")
    looked_at = select(zone).where(Record.dataset_version_id == dataset_version_id, Record.record_no < _MOST).subquery()
    rows = db.session.execute(select(looked_at.c.zone, func.count()).group_by(looked_at.c.zone))
    return {str(zone).strip(): int(count) for zone, count in rows}
