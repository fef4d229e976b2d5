"""Deletes the records of dataset versions that no audience and no job needs any more, a range at a time."""

from __future__ import annotations

import time
from typing import Final

from sqlalchemy import delete, select

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.extensions import read_connection, write_connection
from dashboard.jobs.models import Job

_RANGE: Final = 10_000


def purge_versions(slice_seconds: float = 20.0) -> bool:
    """Delete for a while; False: there is more, call again.

    Orphans are versions that had a number in an audience and lost it (deleted, cancelled or failed loads). Those
    that a job used stay: its messages are shown from their records.
    """
    ends = time.monotonic() + slice_seconds
    orphans = select(DatasetVersion.id).where(
        DatasetVersion.audience_id.is_(None),
        DatasetVersion.number.is_not(None),
        ~select(Job.id).where(Job.dataset_version_id == DatasetVersion.id).exists(),
    )
    while True:
        with read_connection() as connection:
            version_id = connection.scalar(orphans.limit(1))
        if version_id is None:
            return True
        if not _purge(version_id, ends):
            return False


def _purge(version_id: int, ends: float) -> bool:
    of_it = Record.dataset_version_id == version_id
    while time.monotonic() < ends:
        with write_connection() as connection:
            first = connection.scalar(select(Record.record_no).where(of_it).order_by(Record.record_no).limit(1))
            if first is None:
                connection.execute(delete(DatasetVersion).where(DatasetVersion.id == version_id))
                return True
            connection.execute(delete(Record).where(of_it, Record.record_no.between(first, first + _RANGE - 1)))
    return False
