"""Finds which messages changed their state since endpoints were last told, and writes deliveries about them.

Sending does not pay for it: the counters of a chunk move in the transaction that moves its messages, so a chunk whose
counters differ from those of the last look has news, and only its messages are read. One letter is kept of each record
(what endpoints were told of it), so the difference is exact whatever the clocks say and whenever a worker dies: the
letters and the deliveries are written in one transaction. Of several changes between two looks the last one is told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Engine, and_, delete, func, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dashboard.endpoints.announcing import delivery_row
from dashboard.endpoints.kinds import MESSAGE_KINDS, MESSAGE_STATES
from dashboard.endpoints.models import ToldChunk, WebhookDelivery, WebhookEndpoint
from dashboard.extensions import read_connection, write_connection
from dashboard.ids import id_at, new_id, public_id
from dashboard.jobs.models import ACTIVE_JOB_STATES, Chunk, Job
from dashboard.messages.models import Message, MessageState
from dashboard.sends.models import MessageReference

#: States in one delivery: a campaign of a million is ten thousand requests and not a million.
BATCH: Final = 100
#: Chunks in one transaction.
_CHUNKS: Final = 10
BUDGET_SECONDS: Final = 20.0
#: Jobs that are under way, or that were made (campaigns: ended) so recently, are looked at with every call; others up
#: to a month old, of which late receipts may tell, with every late call.
RECENT: Final = timedelta(hours=1)
LATE: Final = timedelta(days=35)
_LETTERS: Final = {
    MessageState(kind.partition(".")[2]).value: letter for kind, letter in zip(MESSAGE_KINDS, b"sdbfcuexk", strict=True)
}
#: Large primes: two sets of counters practically never have the same sum.
_WEIGHTS: Final = dict(
    zip(
        _LETTERS,
        (1_000_000_007, 1_299_709_003, 1_500_450_271, 1_700_000_009, 1_900_000_043, 2_038_074_743, 2_147_483_647,
         2_305_843_009, 2_500_000_001),
        strict=True,
    )
)  # fmt: skip
_SIGNATURE: Final = sum(
    (getattr(Chunk, state) * literal(weight, BigInteger) for state, weight in _WEIGHTS.items()),
    start=literal(0, BigInteger),
)


@dataclass(frozen=True, slots=True)
class _Listener:
    id: int
    kinds: frozenset[str]
    since: datetime


@dataclass(slots=True)
class _News:
    """A chunk with what is new in it: (kind, when, JSON) of every message."""

    chunk: Any
    states: bytes
    changes: list[tuple[str, datetime, str]] = field(default_factory=list)


def listeners(connection: Connection) -> list[_Listener]:
    """The enabled endpoints that want to hear of messages."""
    rows = connection.execute(
        select(WebhookEndpoint.id, WebhookEndpoint.kinds, WebhookEndpoint.listening_since).where(
            WebhookEndpoint.enabled
        )
    )
    found = [_Listener(number, frozenset(kinds) & MESSAGE_KINDS.keys(), since) for number, kinds, since in rows]
    return [listener for listener in found if listener.kinds]


def tell_states(engine: Engine, now: datetime, *, late: bool = False, seconds: float = BUDGET_SECONDS) -> int:
    """Write deliveries about every message whose state is news, for at most about so long; how many deliveries."""
    ends_at, written = time.monotonic() + seconds, 0
    while True:
        with read_connection(engine) as connection:
            listening = listeners(connection)
            chunks = connection.execute(_with_news(now, late)).all() if listening else []
            news = [_news_of(connection, chunk) for chunk in chunks]
        if not news:
            return written
        with write_connection(engine) as connection:
            won = [one for one in news if _take(connection, one, now)]
            parts = [part for listener in listening for part in _deliveries(listener, won)]
            rows = _rows(parts, now)
            if rows:
                connection.execute(insert(WebhookDelivery), rows)
        written += len(rows)
        if len(chunks) < _CHUNKS or time.monotonic() > ends_at:
            return written


def forget_old(engine: Engine, now: datetime) -> None:
    """Let go of what is kept of chunks that are not looked at any more."""
    with write_connection(engine) as connection:
        old = id_at(now - 2 * LATE)
        ended = ~select(Job.id).where(Job.id == ToldChunk.job_id, Job.state.in_(ACTIVE_JOB_STATES)).exists()
        connection.execute(delete(ToldChunk).where(ToldChunk.job_id < old, ended))


def _with_news(now: datetime, late: bool) -> Any:
    looked_at = [
        Job.state.in_(ACTIVE_JOB_STATES),
        Job.id >= id_at(now - (LATE if late else RECENT)),
        and_(Job.campaign_id.is_not(None), Job.finished_at > now - RECENT),
    ]
    told = and_(ToldChunk.job_id == Chunk.job_id, ToldChunk.chunk_no == Chunk.chunk_no)
    return (
        select(
            Chunk.job_id, Chunk.chunk_no, Chunk.first_record, Chunk.last_record, _SIGNATURE.label("signature"),
            ToldChunk.signature.label("old_signature"), ToldChunk.states, Job.first_message_id, Job.kind,
        )
        .join(Job, Job.id == Chunk.job_id)
        .outerjoin(ToldChunk, told)
        .where(or_(*looked_at), Job.is_test.is_(False), func.coalesce(ToldChunk.signature, 0) != _SIGNATURE)
        .order_by(func.coalesce(ToldChunk.told_at, now - LATE), Chunk.job_id, Chunk.chunk_no)
        .limit(_CHUNKS)
    )  # fmt: skip


def _news_of(connection: Connection, chunk: Any) -> _News:
    """Compare a chunk's messages with what was told of them. They are read after the counters, so nothing is missed:
    what moved in between is told now, and the chunk is looked at once more."""
    first, count = chunk.first_message_id + chunk.first_record, chunk.last_record - chunk.first_record + 1
    columns = (
        Message.id, Message.job_id, Message.campaign_id, Message.channel, Message.recipient, Message.state,
        Message.provider_message_id, Message.code, Message.detail, Message.updated_at,
    )  # fmt: skip
    told = chunk.states if chunk.states is not None else bytes(count)
    letters, changed = bytearray(count), []
    for row in connection.execute(select(*columns).where(Message.id.between(first, first + count - 1))):
        letter = _LETTERS.get(row.state, 0)
        letters[row.id - first] = letter
        if letter and letter != told[row.id - first]:
            changed.append(row)
    references = _references(connection, [row.id for row in changed]) if chunk.kind != "campaign" else {}
    changes = [(f"message.{row.state}", row.updated_at, _json(row, references.get(row.id))) for row in changed]
    return _News(chunk, bytes(letters), changes)


def _references(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    columns = select(MessageReference.message_id, MessageReference.reference)
    for first in range(0, len(ids), 500):
        part = columns.where(MessageReference.message_id.in_(ids[first : first + 500]))
        found.update((message_id, reference) for message_id, reference in connection.execute(part))
    return found


def _json(row: Any, reference: str | None) -> str:
    message = public_id("msg", row.id)
    values = {
        "event_id": f"{message}.{row.state}",
        "type": f"message.{row.state}",
        "at": row.updated_at.isoformat(),
        "id": message,
        "reference": reference,
        "job": public_id("run", row.job_id),
        "campaign": public_id("cmp", row.campaign_id) if row.campaign_id else None,
        "channel": row.channel,
        "recipient": row.recipient,
        "state": row.state,
        "code": row.code,
        "detail": row.detail,
        "provider_message_id": row.provider_message_id,
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _take(connection: Connection, news: _News, now: datetime) -> bool:
    """Write down what is told of a chunk; False where another worker told it since we looked."""
    chunk = news.chunk
    values = {"signature": chunk.signature, "states": news.states, "told_at": now}
    if chunk.old_signature is None:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        row = {"job_id": chunk.job_id, "chunk_no": chunk.chunk_no, **values}
        statement = dialect.insert(ToldChunk).values(row).on_conflict_do_nothing().returning(ToldChunk.job_id)
        return connection.execute(statement).first() is not None
    mine = (ToldChunk.job_id == chunk.job_id, ToldChunk.chunk_no == chunk.chunk_no)
    unchanged = ToldChunk.signature == chunk.old_signature
    return bool(connection.execute(update(ToldChunk).where(*mine, unchanged).values(values)).rowcount)


def _deliveries(listener: _Listener, news: Sequence[_News]) -> list[tuple[int, list[str]]]:
    """(endpoint, JSON of its messages) of every delivery to one endpoint."""
    wanted = [
        text
        for one in news
        for kind, moment, text in one.changes
        if kind in listener.kinds and moment >= listener.since
    ]
    return [(listener.id, wanted[first : first + BATCH]) for first in range(0, len(wanted), BATCH)]


def _rows(parts: Sequence[tuple[int, list[str]]], now: datetime) -> list[dict[str, Any]]:
    """A block of ids: single ones of the same millisecond would clash."""
    first, begin = new_id(), f'{{"type":"{MESSAGE_STATES}","timestamp":"{now.isoformat()}","data":{{"messages":['
    return [
        delivery_row(
            first + number,
            endpoint_id,
            public_id("wev", first + number),
            MESSAGE_STATES,
            f"{begin}{','.join(texts)}]}}}}",
            now,
            items=len(texts),
        )
        for number, (endpoint_id, texts) in enumerate(parts)
    ]
