"""How long logs are kept: one-time codes, received events, providers' callbacks, and the values that single messages
were made from, each by a number of days.

What is still at work stays whatever its age: codes that can be typed, events with a message that waits for its moment,
callbacks nobody has read. Receipts that belong to a message and the vendors' ids that lead to it go with the message
(`dashboard.messages.retention`), so that a late receipt finds its message as long as there is one.

Values are what a job that is no campaign brought along: its records, and what the call or the event gave. Its messages
and counters stay. An audience's rows are not touched, whichever campaign or retry used them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.current import current_settings
from dashboard.events.models import Event, EventReceipt, EventSend, SendState
from dashboard.extensions import read_connection, write_connection
from dashboard.ids import id_at
from dashboard.jobs.models import ENDED_JOB_STATES, Job
from dashboard.otp.models import OtpEvent, OtpRequest
from dashboard.settings import Settings
from dashboard.webhooks.models import Callback, CallbackState, ReceiptOutcome, StoredReceipt

#: Rows of one transaction; a received event takes up to three more with it.
BATCH = 2_000
#: Records of one transaction; the jobs of more wait for the next one. One job alone has at most as many.
RECORDS = 10_000


@dataclass(frozen=True, slots=True)
class _Old:
    """Ids of what is too old, and the columns that hold them: those of rows that belong to it come first."""

    ids: Select[int]
    columns: tuple[Any, ...]


def anything_old(connection: Connection, now: datetime) -> bool:
    """Whether there is something to delete; look-ups in indexes."""
    if any(connection.scalar(select(exists(old.ids.limit(1)))) for old in _all_old(connection, now)):
        return True
    values = _values(now)
    return values is not None and connection.execute(values.limit(1)).first() is not None


def forget_logs(engine: Engine, now: datetime, *, seconds: float = 10.0) -> bool:
    """Delete what is too old, the oldest first, for a while; True where some of it may be left."""
    ends_at = time.monotonic() + seconds
    with read_connection(engine) as connection:
        found = list(_all_old(connection, now))
    for old in found:
        while _delete_some(engine, old) == BATCH:
            if time.monotonic() >= ends_at:
                return True
    while _end_some_values(engine, now):
        if time.monotonic() >= ends_at:
            return True
    return False


def _delete_some(engine: Engine, old: _Old) -> int:
    with write_connection(engine) as connection:
        ids = connection.scalars(old.ids.limit(BATCH)).all()
        for column in old.columns if ids else ():
            connection.execute(delete(column.class_).where(column.in_(ids)))
    return len(ids)


def _all_old(connection: Connection, now: datetime) -> Iterator[_Old]:
    settings = current_settings()
    yield from _codes(settings, now)
    yield from _events(settings, now, connection.execute(select(Event.id, Event.dedup_seconds, Event.cap_seconds)))
    yield from _callbacks(settings, now)


def _codes(settings: Settings, now: datetime) -> Iterator[_Old]:
    if settings.otp_days:
        before = id_at(now - timedelta(days=settings.otp_days))
        ids = select(OtpRequest.id).where(OtpRequest.id < before, OtpRequest.expires_at < now).order_by(OtpRequest.id)
        yield _Old(ids, (OtpEvent.request_id, OtpRequest.id))


def _events(settings: Settings, now: datetime, events: Iterable[Any]) -> Iterator[_Old]:
    """Each event by itself: what counts for its caps and repetitions is kept for as long as it counts."""
    if not settings.event_log_days:
        return
    waits = exists().where(EventSend.receipt_id == EventReceipt.id, EventSend.state == SendState.WAITING.value)
    for event_id, *windows in events:
        kept = max(timedelta(days=settings.event_log_days), *(timedelta(seconds=window) for window in windows))
        mine = (EventReceipt.event_id == event_id, EventReceipt.id < id_at(now - kept))
        ids = select(EventReceipt.id).where(*mine, ~waits).order_by(EventReceipt.id)
        yield _Old(ids, (EventSend.receipt_id, EventReceipt.id))


def _callbacks(settings: Settings, now: datetime) -> Iterator[_Old]:
    if not settings.callback_days:
        return
    before = id_at(now - timedelta(days=settings.callback_days))
    read = (Callback.id < before, Callback.state != CallbackState.NEW.value)
    yield _Old(select(Callback.id).where(*read).order_by(Callback.id), (Callback.id,))
    lost = (StoredReceipt.message_id.is_(None), StoredReceipt.id < before)
    waits = StoredReceipt.outcome == ReceiptOutcome.WAITING.value
    yield _Old(select(StoredReceipt.id).where(*lost, ~waits).order_by(StoredReceipt.id), (StoredReceipt.id,))


def _values(now: datetime) -> Select[int, int, int] | None:
    """(job, its dataset version, number of records) of jobs whose values are too old, the oldest first.

    The channels of one call share their records: they go when the last of them is old enough.
    """
    days = current_settings().message_values_days
    if not days:
        return None
    before, other = now - timedelta(days=days), aliased(Job)
    at_work = or_(other.state.not_in(ENDED_JOB_STATES), func.coalesce(other.finished_at, other.created_at) >= before)
    return (
        select(Job.id, Job.dataset_version_id, Job.record_count)
        .join(DatasetVersion, DatasetVersion.id == Job.dataset_version_id)
        .where(
            Job.values_deleted_at.is_(None),
            Job.campaign_id.is_(None),
            Job.id < id_at(before),
            DatasetVersion.audience_id.is_(None),
            DatasetVersion.number.is_(None),  # else it was an audience's, which is deleted
            ~exists().where(other.dataset_version_id == Job.dataset_version_id, at_work),
        )
        .order_by(Job.id)
    )


def _end_some_values(engine: Engine, now: datetime) -> int:
    """Delete the values of some jobs; of how many."""
    values = _values(now)
    if values is None:
        return 0
    with write_connection(engine) as connection:
        jobs: list[int] = []
        datasets, records = set(), 0
        for job_id, dataset_id, count in connection.execute(values.limit(BATCH)):
            if jobs and records + count > RECORDS:
                break
            records += count
            jobs.append(job_id)
            datasets.add(dataset_id)
        if jobs:
            connection.execute(delete(Record).where(Record.dataset_version_id.in_(datasets)))
            gone = {"event_values": {}, "call_values": {}, "values_deleted_at": now}
            connection.execute(update(Job).where(Job.id.in_(jobs)).values(gone))
    return len(jobs)
