"""How long logs are kept: one-time codes, received events and providers' callbacks, each by a number of days.

What is still at work stays whatever its age: codes that can be typed, events with a message that waits for its moment,
callbacks nobody has read. Receipts that belong to a message and the vendors' ids that lead to it go with the message
(`dashboard.messages.retention`), so that a late receipt finds its message as long as there is one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, exists, select

from dashboard.current import current_settings
from dashboard.events.models import Event, EventReceipt, EventSend, SendState
from dashboard.extensions import read_connection, write_connection
from dashboard.ids import id_at
from dashboard.otp.models import OtpEvent, OtpRequest
from dashboard.settings import Settings
from dashboard.webhooks.models import Callback, CallbackState, ReceiptOutcome, StoredReceipt

#: Rows of one transaction; a received event takes up to three more with it.
BATCH = 2_000


@dataclass(frozen=True, slots=True)
class _Old:
    """Ids of what is too old, and the columns that hold them: those of rows that belong to it come first."""

    ids: Select[int]
    columns: tuple[Any, ...]


def anything_old(connection: Connection, now: datetime) -> bool:
    """Whether there is something to delete; look-ups in indexes."""
    return any(connection.scalar(select(exists(old.ids.limit(1)))) for old in _all_old(connection, now))


def forget_logs(engine: Engine, now: datetime, *, seconds: float = 10.0) -> bool:
    """Delete what is too old, the oldest first, for a while; True where some of it may be left."""
    ends_at = time.monotonic() + seconds
    with read_connection(engine) as connection:
        found = list(_all_old(connection, now))
    for old in found:
        while _delete_some(engine, old) == BATCH:
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
