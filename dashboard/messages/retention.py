"""How long messages are kept: RETENTION_MONTHS full months besides the present one, then they go by whole months.

A month stays while a job that began in it is still open, since its rows are still worked on. What is deleted is the
ledger's rows, their histories, receipts, the vendors' ids that lead to them and the sandbox's copies; jobs and their
counters stay, so reports stay whole.
"""

from __future__ import annotations

import time
from datetime import date, datetime

from sqlalchemy import Column, Connection, Engine, Table, delete, func, select

from dashboard.current import current_settings
from dashboard.extensions import read_connection, utc_now, write_connection
from dashboard.ids import time_of
from dashboard.jobs.models import ENDED_JOB_STATES, Job
from dashboard.messages import partitions
from dashboard.messages.models import Message, MessageEvent
from dashboard.providers.models import SandboxMail
from dashboard.sends.models import MessageReference
from dashboard.timefmt import absolute
from dashboard.webhooks.models import ProviderReference, StoredReceipt

#: Rows of one transaction on SQLite, whose other writers wait meanwhile (some 20 ms).
BATCH = 5_000


def kept_from(now: datetime) -> date | None:
    """The first month that is kept; None where all are."""
    months = current_settings().retention_months
    return partitions.month_after(partitions.month_of(now), -months) if months else None


def why_missing(message_id: int) -> str:
    """A sentence about a message that is not there."""
    first, months = kept_from(utc_now()), current_settings().retention_months
    if first is not None and message_id < partitions.first_id_of(first):
        return f"This message was deleted by the {months}-month rule. Reports still count it."
    return "There is no message with this id. It may not have been reached yet, or its data was deleted."


def why_no_values(job: Job) -> str:
    """A sentence about the values of a job's messages that were deleted; "" where they are there."""
    if job.values_deleted_at is None:
        return ""
    days = current_settings().message_values_days
    rule = f"the {days}-day rule" if days else "a rule that was in force then"
    return f"The values it was made from were deleted on {absolute(job.values_deleted_at)} by {rule}."


def apply_rule(engine: Engine, now: datetime, *, seconds: float = 10.0) -> bool:
    """Delete what is too old, for a while; True where some of it is left.

    Raises OperationalError where a month cannot be locked at once because somebody reads it.
    """
    first = kept_from(now)
    if first is None:
        return False
    with read_connection(engine) as connection:
        first = min(first, _oldest_at_work(connection, now))
    with write_connection(engine) as connection:
        partitions.drop_before(connection, first)
    ends_at, before = time.monotonic() + seconds, partitions.first_id_of(first)
    for column in _places():
        while _delete_some(engine, column, before):
            if time.monotonic() >= ends_at:
                return True
    return False


def _places() -> list[Column[int]]:
    """Columns with ids of messages (or of their histories); an index of their table begins with each."""
    found: list[Column[int]] = []
    for model, name in (
        (SandboxMail, "message_id"),
        (StoredReceipt, "message_id"),
        (ProviderReference, "message_id"),
        (MessageReference, "message_id"),
        (MessageEvent, "id"),
        (Message, "id"),
    ):
        table = model.__table__
        assert isinstance(table, Table)  # noqa: S101 - mapped to tables, all of them
        found.append(table.c[name])
    return found


def _oldest_at_work(connection: Connection, now: datetime) -> date:
    oldest = connection.scalar(select(func.min(Job.first_message_id)).where(Job.state.not_in(ENDED_JOB_STATES)))
    return partitions.month_of(now if oldest is None else time_of(oldest))


def _delete_some(engine: Engine, column: Column[int], before: int) -> bool:
    """Delete the oldest BATCH rows before an id; True where there are more."""
    last = select(column).where(column < before).order_by(column).offset(BATCH - 1).limit(1)
    with write_connection(engine) as connection:
        bound = connection.scalar(last)
        connection.execute(delete(column.table).where(column < before if bound is None else column <= bound))
    return bound is not None
