"""Reads callbacks that were kept: the adapter makes receipts of them, the ledger takes them, all or none."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, select, update
from sqlalchemy.orm import Session

from dashboard.extensions import db, read_connection, write_connection
from dashboard.providers.models import Provider as ProviderRow
from dashboard.settings import Settings
from dashboard.webhooks.models import Callback, CallbackState
from worker.engine.plan import CannotSend, adapter_for
from worker.providers.base import ConfigurationProblem, Provider
from worker.providers.receipts import Receipt, WebhookRequest
from worker.receipts.applying import BATCH, batch_of, take_within
from worker.receipts.bounced import receipts_of_mail

logger = logging.getLogger(__name__)

#: Callbacks that nobody has read yet.
unread = select(Callback.id).where(Callback.state == CallbackState.NEW.value)

#: Callbacks in one transaction; most hold one receipt, some a thousand.
_AT_ONCE = 250


@dataclass(slots=True)
class _Read:
    """A callback with what it says: its receipts, or the problem with it."""

    id: int
    provider_id: int
    receipts: Sequence[Receipt] = ()
    problem: str = ""
    counts: Counter[str] = field(default_factory=Counter)


def read_new(engine: Engine, settings: Settings) -> int:
    """Read the oldest callbacks that nobody has read; how many there were. Two workers never read the same one.

    They are read before the transaction, which is short so, and the receipts of all of them are taken together: a
    callback alone is worth eight statements.
    """
    new = select(Callback.__table__).where(Callback.state == CallbackState.NEW.value).order_by(Callback.id)
    with read_connection(engine) as connection:
        rows = connection.execute(new.limit(min(_AT_ONCE, batch_of(engine)))).all()
        read = {one.id: one for one in _read_some(connection, rows, settings)}
    if not read:
        return 0
    still_new = select(Callback.id).where(Callback.id.in_(list(read)), Callback.state == CallbackState.NEW.value)
    with write_connection(engine) as connection:
        ids = connection.scalars(still_new.order_by(Callback.id).with_for_update(skip_locked=True))
        ours = [read[id_] for id_ in ids]
        for provider_id in sorted({one.provider_id for one in ours}):
            _take(connection, provider_id, [one for one in ours if one.provider_id == provider_id])
        _mark(connection, ours)
    return len(ours)


def _read_some(connection: Connection, rows: Sequence[Row[Any]], settings: Settings) -> list[_Read]:
    adapters: dict[int, Provider | str] = {}
    read: list[_Read] = []
    receipts = 0
    for row in rows:
        if receipts >= batch_of(connection.engine):
            break
        one = _Read(row.id, row.provider_id)
        if row.method == Callback.MAIL:
            one.receipts, one.counts = receipts_of_mail(connection, row.provider_id, row.body, settings.key)
        else:
            if row.provider_id not in adapters:
                adapters[row.provider_id] = _adapter(connection, settings, row.provider_id)
            adapter = adapters[row.provider_id]
            found = adapter if isinstance(adapter, str) else _receipts(adapter, row)
            if isinstance(found, str):
                one.problem = found or "It could not be read."
            else:
                one.receipts = found
        receipts += len(one.receipts)
        read.append(one)
    return read


def request_of(row: Row[Any] | Callback) -> WebhookRequest:
    """A kept callback as adapters know it."""
    return WebhookRequest(
        method=row.method,
        headers=row.headers,
        query=row.query,
        body=row.body,
        form=row.form,
        remote_address=row.remote_address,
    )


def _adapter(connection: Connection, settings: Settings, provider_id: int) -> Provider | str:
    """The adapter, or why there is none."""
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        row = session.get(ProviderRow, provider_id)
        if row is None:
            return "The provider is gone."
        try:
            return adapter_for(row, settings, connection.engine)
        except (CannotSend, ConfigurationProblem) as problem:
            return str(problem)


def _take(connection: Connection, provider_id: int, read: Sequence[_Read]) -> None:
    """The receipts of one provider, whichever callbacks they came in, in as few statements as may be."""
    receipts = [(one, receipt) for one in read for receipt in one.receipts]
    for first in range(0, len(receipts), BATCH):
        some = receipts[first : first + BATCH]
        outcomes = take_within(connection, provider_id, [receipt for _, receipt in some])
        for (one, _), outcome in zip(some, outcomes, strict=True):
            one.counts[outcome] += 1


def _receipts(adapter: Provider, row: Row[Any]) -> list[Receipt] | str:
    try:
        return adapter.receipts(request_of(row))
    except ValueError as error:
        return str(error) or "The body could not be read."
    except Exception as error:
        # An adapter's fault must not stop the callbacks behind it; the callback is kept and can be read again.
        logger.exception("a callback could not be read", extra={"callback_id": row.id, "vendor": adapter.vendor})
        return f"The adapter failed: {type(error).__name__}: {error}"


def _mark(connection: Connection, read: Sequence[_Read]) -> None:
    statement = update(Callback).where(Callback.id == bindparam("key"))
    names = ("state", "counts", "problem")
    values = [
        {
            "key": one.id,
            "new_state": (CallbackState.UNREADABLE if one.problem else CallbackState.READ).value,
            "new_counts": dict(one.counts),
            "new_problem": one.problem[:2000],
        }
        for one in read
    ]
    if values:
        columns = {name: bindparam(f"new_{name}", type_=getattr(Callback, name).type) for name in names}
        connection.execute(statement.values(columns), values)


def run_receipts(settings: Settings) -> int:
    """A slice for the receipts lane: what is new, as long as there is any; how many callbacks were read."""
    read, engine = 0, db.engine
    while (count := read_new(engine, settings)) and read < 50 * _AT_ONCE:
        read += count
    return read
