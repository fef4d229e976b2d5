"""Reads callbacks that were kept: the adapter makes receipts of them, the ledger takes them, all or none."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, Row, select, update
from sqlalchemy.orm import Session

from dashboard.extensions import db, write_connection
from dashboard.providers.models import Provider as ProviderRow
from dashboard.settings import Settings
from dashboard.webhooks.models import Callback, CallbackState
from worker.engine.plan import CannotSend, adapter_for
from worker.providers.base import ConfigurationProblem, Provider
from worker.providers.receipts import Receipt, WebhookRequest
from worker.receipts.applying import BATCH, take_within
from worker.receipts.bounced import receipts_of_mail

logger = logging.getLogger(__name__)

#: Callbacks that nobody has read yet.
unread = select(Callback.id).where(Callback.state == CallbackState.NEW.value)

#: Callbacks in one transaction; most hold one receipt, some a thousand.
_AT_ONCE = 100


def read_new(engine: Engine, settings: Settings) -> int:
    """Read the oldest callbacks that nobody has read; how many there were. Two workers never read the same one."""
    statement = (
        select(Callback.__table__)
        .where(Callback.state == CallbackState.NEW.value)
        .order_by(Callback.id)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    adapters: dict[int, Provider | str] = {}
    with write_connection(engine) as connection:
        rows = connection.execute(statement).all()
        for row in rows:
            if row.method == Callback.MAIL:
                _take(connection, row, *receipts_of_mail(connection, row.provider_id, row.body, settings.key))
                continue
            if row.provider_id not in adapters:
                adapters[row.provider_id] = _adapter(connection, settings, engine, row.provider_id)
            _read(connection, row, adapters[row.provider_id])
    return len(rows)


def request_of(row: Row[tuple[object, ...]] | Callback) -> WebhookRequest:
    """A kept callback as adapters know it."""
    return WebhookRequest(
        method=row.method,
        headers=row.headers,
        query=row.query,
        body=row.body,
        form=row.form,
        remote_address=row.remote_address,
    )


def _adapter(connection: Connection, settings: Settings, engine: Engine, provider_id: int) -> Provider | str:
    """The adapter, or why there is none."""
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        row = session.get(ProviderRow, provider_id)
        if row is None:
            return "The provider is gone."
        try:
            return adapter_for(row, settings, engine)
        except (CannotSend, ConfigurationProblem) as problem:
            return str(problem)


def _read(connection: Connection, row: Row[tuple[object, ...]], adapter: Provider | str) -> None:
    found = adapter if isinstance(adapter, str) else _receipts(adapter, row)
    if isinstance(found, str):
        _mark(connection, row.id, CallbackState.UNREADABLE, Counter(), found)
        return
    _take(connection, row, found, Counter())


def _take(connection: Connection, row: Row[tuple[object, ...]], found: Sequence[Receipt], counts: Counter[str]) -> None:
    for first in range(0, len(found), BATCH):
        counts += take_within(connection, row.provider_id, found[first : first + BATCH])
    _mark(connection, row.id, CallbackState.READ, counts, "")


def _receipts(adapter: Provider, row: Row[tuple[object, ...]]) -> list[Receipt] | str:
    try:
        return adapter.receipts(request_of(row))
    except ValueError as error:
        return str(error) or "The body could not be read."
    except Exception as error:
        # An adapter's fault must not stop the callbacks behind it; the callback is kept and can be read again.
        logger.exception("a callback could not be read", extra={"callback_id": row.id, "vendor": adapter.vendor})
        return f"The adapter failed: {type(error).__name__}: {error}"


def _mark(connection: Connection, callback_id: int, state: CallbackState, counts: Counter[str], problem: str) -> None:
    connection.execute(
        update(Callback)
        .where(Callback.id == callback_id)
        .values(state=state.value, counts=dict(counts), problem=problem[:2000])
    )


def run_receipts(settings: Settings) -> int:
    """A slice for the receipts lane: what is new, as long as there is any; how many callbacks were read."""
    read, engine = 0, db.engine
    while (count := read_new(engine, settings)) and read < 50 * _AT_ONCE:
        read += count
    return read
