"""Receipts into the ledger: each event once, states only forwards, counters in the same transaction.

A transaction locks messages that were handed over, then their chunks, both in order. The engine's windows lock chunks
and then rows that are being sent, which are none of these, so the two wait for each other at most briefly.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Select, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dashboard.extensions import utc_now, write_connection
from dashboard.ids import new_id
from dashboard.jobs.models import Chunk
from dashboard.messages.models import Message, MessageState
from dashboard.suppressions.models import Suppression, SuppressionReason, SuppressionScope
from dashboard.webhooks.models import ReceiptOutcome, StoredReceipt
from worker.providers.receipts import Receipt, ReceiptKind
from worker.receipts.matching import Clue, Target, find
from worker.receipts.verdicts import verdict

#: Receipts in one transaction.
BATCH = 500
#: The same on SQLite, where nobody else can write meanwhile: 7 ms of a processor, where 500 take 22 (measured). We are
#: niced, so on a busy machine that is many times as long, and a one-time code waits for it.
_BATCH_ON_SQLITE = 100
#: A receipt without a message waits as long as it has waited already, at most an hour, and is given up after this.
GIVE_UP = timedelta(days=3)
_FIRST_WAIT = timedelta(seconds=2)
_LONGEST_WAIT = timedelta(hours=1)
#: Statements of a vendor that make us stop writing to an address; a bounce does so for mailboxes alone, since a
#: telephone that is off today is on again tomorrow.
_SUPPRESSING = {
    ReceiptKind.COMPLAINED: (SuppressionScope.PROMOTIONAL, SuppressionReason.COMPLAINED),
    ReceiptKind.UNSUBSCRIBED: (SuppressionScope.PROMOTIONAL, SuppressionReason.UNSUBSCRIBED),
    ReceiptKind.BOUNCED: (SuppressionScope.ALL, SuppressionReason.BOUNCED),
}


@dataclass(slots=True)
class _Row:
    """A receipt as it is stored, while it is being applied."""

    id: int
    clue: Clue
    kind: ReceiptKind
    code: str
    detail: str
    received_at: datetime
    occurred_at: datetime | None = None
    outcome: ReceiptOutcome = ReceiptOutcome.WAITING
    target: Target | None = None


def batch_of(engine: Engine) -> int:
    """How many receipts are taken together."""
    return _BATCH_ON_SQLITE if engine.dialect.name == "sqlite" else BATCH


def take(engine: Engine, provider_id: int, receipts: Sequence[Receipt]) -> Counter[str]:
    """Keep and apply what a provider said; how many receipts had which outcome, repeated ones as "duplicate"."""
    done: Counter[str] = Counter()
    size = batch_of(engine)
    for first in range(0, len(receipts), size):
        with write_connection(engine) as connection:
            done.update(take_within(connection, provider_id, receipts[first : first + size]))
    return done


def take_within(connection: Connection, provider_id: int, receipts: Sequence[Receipt]) -> list[str]:
    """The same inside a transaction of the caller's, for at most `BATCH` receipts; the outcome of each."""
    while True:
        with connection.begin_nested() as savepoint:
            outcomes = _take(connection, provider_id, receipts)
            if outcomes is not None:
                return outcomes
            savepoint.rollback()


def waiting_until(moment: datetime) -> Select[Any]:
    """Receipts that wait for their message and are to be looked at by that moment."""
    columns = StoredReceipt.__table__
    return select(columns).where(
        StoredReceipt.outcome == ReceiptOutcome.WAITING.value, StoredReceipt.retry_at <= moment
    )


def retry_waiting(engine: Engine, now: datetime | None = None) -> int:
    """Look again for the messages of receipts that wait and are due; how many were looked at."""
    now = now or utc_now()
    due = waiting_until(now).order_by(StoredReceipt.retry_at).limit(batch_of(engine)).with_for_update(skip_locked=True)
    with write_connection(engine) as connection:
        by_provider: dict[int, list[_Row]] = {}
        for row in connection.execute(due):
            by_provider.setdefault(row.provider_id, []).append(_of_stored(row))
        for provider_id, rows in sorted(by_provider.items()):
            changes, moved = _judge(connection, provider_id, rows, now)
            _write(connection, rows, changes, moved, now)
            _write_conclusions(connection, rows, now)
    return sum(map(len, by_provider.values()))


def event_key(text: str) -> str:
    """An event's id as it is stored: long ones by their hash (SHA-256), since a column has its width."""
    return text if len(text) <= 200 else hashlib.sha256(text.encode()).hexdigest()


def _take(connection: Connection, provider_id: int, receipts: Sequence[Receipt]) -> list[str] | None:
    """Judge first, then write each receipt once, with its outcome. None where somebody else wrote one of them in
    between (PostgreSQL; on SQLite writers take turns): then all of it is done again."""
    now = utc_now()
    keys = [event_key(receipt.event_id) for receipt in receipts]
    known = _known(connection, provider_id, keys)
    first = new_id()
    rows: dict[str, _Row] = {}
    for number, (key, receipt) in enumerate(zip(keys, receipts, strict=True)):
        if key not in known and key not in rows:
            rows[key] = _fresh(first + number, receipt, now)
    fresh = sorted(rows.values(), key=lambda row: (row.occurred_at or now, row.id))
    changes, moved = _judge(connection, provider_id, fresh, now)
    if not _store(connection, provider_id, rows, now):
        return None
    _write(connection, fresh, changes, moved, now)
    outcomes = []
    for key in keys:
        row = rows.pop(key, None)
        outcomes.append("duplicate" if row is None else row.outcome.value)
    return outcomes


def _known(connection: Connection, provider_id: int, keys: Sequence[str]) -> set[str]:
    statement = select(StoredReceipt.event_id).where(
        StoredReceipt.provider_id == provider_id, StoredReceipt.event_id.in_(set(keys))
    )
    return set(connection.scalars(statement))


def _fresh(id_: int, receipt: Receipt, now: datetime) -> _Row:
    return _Row(
        id=id_,
        clue=Clue(receipt.reference, receipt.provider_message_id[:200], receipt.recipient[:320]),
        kind=receipt.kind,
        code=receipt.code[:60],
        detail=receipt.detail.replace("\x00", "")[:2000],
        received_at=now,
        occurred_at=receipt.occurred_at,
    )


def _of_stored(row: Any) -> _Row:
    return _Row(
        id=row.id,
        clue=Clue(row.message_id, row.provider_message_id, row.recipient),
        kind=ReceiptKind(row.kind),
        code=row.code,
        detail=row.detail,
        received_at=row.received_at,
        occurred_at=row.occurred_at,
    )


def _store(connection: Connection, provider_id: int, rows: Mapping[str, _Row], now: datetime) -> bool:
    """Insert them, in the order of their keys, so that two workers never wait for each other in a ring; False where
    one of them was there."""
    values = [
        {
            "id": row.id,
            "provider_id": provider_id,
            "event_id": key,
            "provider_message_id": row.clue.provider_message_id,
            "recipient": row.clue.recipient,
            "kind": row.kind.value,
            "code": row.code,
            "detail": row.detail,
            "occurred_at": row.occurred_at,
            "received_at": now,
            **_conclusion(row, now),
        }
        for key, row in sorted(rows.items())
    ]
    if not values:
        return True
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(StoredReceipt).on_conflict_do_nothing().returning(StoredReceipt.id)
    return len(connection.execute(statement, values).all()) == len(values)


def _conclusion(row: _Row, now: datetime) -> dict[str, Any]:
    """What is written about a receipt that was judged: its outcome, its message, when to look again."""
    retry_at = None
    if row.outcome is ReceiptOutcome.WAITING:
        age = now - row.received_at
        if age >= GIVE_UP:
            row.outcome = ReceiptOutcome.UNMATCHED
        else:
            retry_at = now + min(max(age, _FIRST_WAIT), _LONGEST_WAIT)
    found = row.target.id if row.target else row.clue.message_id
    return {"outcome": row.outcome.value, "message_id": found, "retry_at": retry_at}


def _judge(
    connection: Connection, provider_id: int, rows: Sequence[_Row], now: datetime
) -> tuple[dict[int, dict[str, Any]], Counter[tuple[int, int, str]]]:
    """Each receipt's outcome; the changes of messages by their ids, and what moves in which chunk's counters."""
    targets = find(connection, provider_id, [row.clue for row in rows])
    moved: Counter[tuple[int, int, str]] = Counter()
    changes: dict[int, dict[str, Any]] = {}
    for row, target in zip(rows, targets, strict=True):
        row.target = target
        if target is None:
            row.outcome = ReceiptOutcome.WAITING
            continue
        row.outcome, state = verdict(target.state, row.kind)
        if state is not None:
            _move(target, state, row, moved, changes, now)
    return changes, moved


def _write(
    connection: Connection,
    rows: Sequence[_Row],
    changes: dict[int, dict[str, Any]],
    moved: Counter[tuple[int, int, str]],
    now: datetime,
) -> None:
    _write_messages(connection, changes, now)
    _write_counters(connection, moved)
    _suppress(connection, rows)


def _move(
    target: Target,
    state: MessageState,
    row: _Row,
    moved: Counter[tuple[int, int, str]],
    changes: dict[int, dict[str, Any]],
    now: datetime,
) -> None:
    moved[target.job_id, target.chunk_no, target.state.value] -= 1
    moved[target.job_id, target.chunk_no, state.value] += 1
    target.state = state
    words = {} if state is MessageState.DELIVERED else {"new_code": row.code or None, "new_detail": row.detail or None}
    changes[target.id] = changes.get(target.id, {}) | {"key": target.id, "new_state": state.value, "now": now} | words


def _write_messages(connection: Connection, changes: dict[int, dict[str, Any]], now: datetime) -> None:
    """Delivered messages keep the code and words of the hand-over; the others get those of the receipt."""
    told = [change for change in changes.values() if "new_code" in change]
    plain = sorted(key for key, change in changes.items() if "new_code" not in change)
    if plain:
        delivered = {"state": MessageState.DELIVERED.value, "updated_at": now}
        connection.execute(update(Message).where(Message.id.in_(plain)).values(delivered))
    if told:
        statement = update(Message).where(Message.id == bindparam("key"))
        values: dict[str, Any] = {
            "state": bindparam("new_state"),
            "updated_at": bindparam("now"),
            "code": bindparam("new_code"),
            "detail": bindparam("new_detail"),
        }
        connection.execute(statement.values(values), told)


def _write_counters(connection: Connection, moved: Counter[tuple[int, int, str]]) -> None:
    by_chunk: dict[tuple[int, int], dict[str, int]] = {}
    for (job_id, chunk_no, state), count in moved.items():
        if count:
            by_chunk.setdefault((job_id, chunk_no), {})[state] = count
    for (job_id, chunk_no), counts in sorted(by_chunk.items()):
        connection.execute(
            update(Chunk)
            .where(Chunk.job_id == job_id, Chunk.chunk_no == chunk_no)
            .values({getattr(Chunk, state): getattr(Chunk, state) + count for state, count in counts.items()})
        )


def _suppress(connection: Connection, rows: Sequence[_Row]) -> None:
    """What recipients and mailboxes told the vendor holds for us; tests suppress nobody."""
    values: list[dict[str, Any]] = []
    for row in rows:
        target, entry = row.target, _SUPPRESSING.get(row.kind)
        counts = row.outcome in (ReceiptOutcome.APPLIED, ReceiptOutcome.NOTED)
        if target is None or entry is None or target.is_test or not counts:
            continue
        if row.kind is ReceiptKind.BOUNCED and target.channel != "email":
            continue
        values.append(
            {
                "channel": target.channel,
                "address": target.recipient.lower(),
                "scope": entry[0].value,
                "reason": entry[1].value,
                "note": f"{row.code} {row.detail}".strip()[:500],
                "message_id": target.id,
            }
        )
    if values:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(Suppression).on_conflict_do_nothing(), values)


def _write_conclusions(connection: Connection, rows: Sequence[_Row], now: datetime) -> None:
    names = ("outcome", "message_id", "retry_at")
    statement = update(StoredReceipt).where(StoredReceipt.id == bindparam("key"))
    values: list[dict[str, Any]] = []
    for row in rows:
        conclusion = _conclusion(row, now)
        values.append({"key": row.id, **{f"new_{name}": conclusion[name] for name in names}})
    if values:
        connection.execute(statement.values({name: bindparam(f"new_{name}") for name in names}), values)
