"""Receipts into the ledger: each event once, states only forwards, counters in the same transaction.

A transaction locks messages that were handed over, then their chunks, both in order. The engine's windows lock chunks
and then rows that are being sent, which are none of these, so the two wait for each other at most briefly.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
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


def take(engine: Engine, provider_id: int, receipts: Sequence[Receipt]) -> Counter[str]:
    """Keep and apply what a provider said; how many receipts had which outcome, repeated ones as "duplicate"."""
    done: Counter[str] = Counter()
    for first in range(0, len(receipts), BATCH):
        with write_connection(engine) as connection:
            done += take_within(connection, provider_id, receipts[first : first + BATCH])
    return done


def take_within(connection: Connection, provider_id: int, receipts: Sequence[Receipt]) -> Counter[str]:
    """The same inside a transaction of the caller's, for at most `BATCH` receipts."""
    now = utc_now()
    fresh = _store(connection, provider_id, receipts, now)
    done = Counter({"duplicate": len(receipts) - len(fresh)} if len(fresh) < len(receipts) else {})
    return done + _apply(connection, provider_id, fresh, now)


def waiting_until(moment: datetime) -> Select[Any]:
    """Receipts that wait for their message and are to be looked at by that moment."""
    columns = StoredReceipt.__table__
    return select(columns).where(
        StoredReceipt.outcome == ReceiptOutcome.WAITING.value, StoredReceipt.retry_at <= moment
    )


def retry_waiting(engine: Engine, now: datetime | None = None) -> int:
    """Look again for the messages of receipts that wait and are due; how many were looked at."""
    now = now or utc_now()
    due = waiting_until(now).order_by(StoredReceipt.retry_at).limit(BATCH).with_for_update(skip_locked=True)
    with write_connection(engine) as connection:
        by_provider: dict[int, list[_Row]] = {}
        for row in connection.execute(due):
            by_provider.setdefault(row.provider_id, []).append(_of_stored(row))
        for provider_id, rows in sorted(by_provider.items()):
            _apply(connection, provider_id, rows, now)
    return sum(map(len, by_provider.values()))


def event_key(text: str) -> str:
    """An event's id as it is stored: long ones by their hash (SHA-256), since a column has its width."""
    return text if len(text) <= 200 else hashlib.sha256(text.encode()).hexdigest()


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


def _store(connection: Connection, provider_id: int, receipts: Sequence[Receipt], now: datetime) -> list[_Row]:
    """Insert what is new, in the order in which it happened; a repeated event is left out."""
    first = new_id()
    values: dict[str, dict[str, Any]] = {}
    for number, receipt in enumerate(receipts):
        values.setdefault(
            event_key(receipt.event_id),
            {
                "id": first + number,
                "provider_id": provider_id,
                "event_id": event_key(receipt.event_id),
                "message_id": receipt.reference,
                "provider_message_id": receipt.provider_message_id[:200],
                "recipient": receipt.recipient[:320],
                "kind": receipt.kind.value,
                "code": receipt.code[:60],
                "detail": receipt.detail.replace("\x00", "")[:2000],
                "occurred_at": receipt.occurred_at,
                "received_at": now,
                "outcome": ReceiptOutcome.WAITING.value,
                "retry_at": now + _FIRST_WAIT,
            },
        )
    if not values:
        return []
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(StoredReceipt).on_conflict_do_nothing().returning(StoredReceipt)
    rows = [_of_stored(row) for row in connection.execute(statement, list(values.values()))]
    return sorted(rows, key=lambda row: (row.occurred_at or now, row.id))


def _apply(connection: Connection, provider_id: int, rows: Sequence[_Row], now: datetime) -> Counter[str]:
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
    _write_messages(connection, changes)
    _write_counters(connection, moved)
    _suppress(connection, rows)
    _write_outcomes(connection, rows, now)
    return Counter(row.outcome.value for row in rows)


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


def _write_messages(connection: Connection, changes: dict[int, dict[str, Any]]) -> None:
    """Delivered messages keep the code and words of the hand-over; the others get those of the receipt."""
    told = [change for change in changes.values() if "new_code" in change]
    plain = [change for change in changes.values() if "new_code" not in change]
    statement = (
        update(Message)
        .where(Message.id == bindparam("key"))
        .values(state=bindparam("new_state"), updated_at=bindparam("now"))
    )
    if plain:
        connection.execute(statement, plain)
    if told:
        connection.execute(statement.values(code=bindparam("new_code"), detail=bindparam("new_detail")), told)


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
    values = []
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


def _write_outcomes(connection: Connection, rows: Sequence[_Row], now: datetime) -> None:
    values = []
    for row in rows:
        retry_at = None
        if row.outcome is ReceiptOutcome.WAITING:
            age = now - row.received_at
            if age >= GIVE_UP:
                row.outcome = ReceiptOutcome.UNMATCHED
            else:
                retry_at = now + min(max(age, _FIRST_WAIT), _LONGEST_WAIT)
        found = row.target.id if row.target else row.clue.message_id
        values.append({"key": row.id, "new_outcome": row.outcome.value, "found": found, "again": retry_at})
    if values:
        connection.execute(
            update(StoredReceipt)
            .where(StoredReceipt.id == bindparam("key"))
            .values(
                outcome=bindparam("new_outcome"), message_id=bindparam("found"), retry_at=bindparam("again")
            ),
            values,
        )  # fmt: skip
