"""The ledger in the dialects of SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Connection, Engine

from dashboard.messages.models import MessageState
from worker.engine.ledger import COUNTED, END_CHUNK, Ledger, Rows
from worker.engine.plan import JobFacts
from worker.engine.rows import Change, NewRow, Row

_PER_ROW = ("id", "record_no", "recipient", "state", "code", "detail", "attempts", "handed_over_at", "updated_at")
_PER_CHUNK = (
    "job_id", "chunk_no", "campaign_id", "event_id", "template_id", "template_version_id", "provider_id", "channel",
    "category", "is_test", "maybe_twice",
)  # fmt: skip
_ADD = f"INSERT INTO messages ({', '.join(_PER_CHUNK + _PER_ROW)})"
_SENDING = MessageState.SENDING
_WORTH_A_STATEMENT = 20  # rows: SQLite parses a statement with a chunk's values in 40 µs
_TO_SEND = (_SENDING, None, None)
_TAKEN = (MessageState.SENT, 1, False)  # what becomes of most: taken at the first try, which stands alone
_NAMES = {state: state.value for state in MessageState}  # an attribute of an enum takes 0.3 µs, and a row needs two


def ledger_for(engine: Engine) -> Ledger:
    """The ledger for the database behind an engine."""
    return PostgresLedger() if engine.dialect.name == "postgresql" else SqliteLedger()


def _per_chunk(facts: JobFacts, chunk_no: int) -> tuple[Any, ...]:
    return (
        facts.job_id,
        chunk_no,
        facts.campaign_id,
        facts.event_id,
        facts.template_id,
        facts.template_version_id,
        facts.provider_id,
        facts.channel,
        facts.category,
        facts.is_test,
        False,
    )


@lru_cache(maxsize=64)
def _add_to_send(same: tuple[Any, ...], first: int) -> str:
    """SQLite's statement for rows of one chunk that are handed over now; takes (record_no, recipient, moment)."""
    values = ", ".join(map(_literal, same))
    return f"{_ADD} VALUES ({values}, ?1 + {first:d}, ?1, ?2, 'sending', NULL, NULL, 1, ?3, ?3)"


def _literal(value: int | str | None) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "NULL" if value is None else f"{value:d}"


@cache
def _for_sqlite(statement: str) -> str:
    return statement.replace("= ANY(?)", "IN (SELECT value FROM json_each(?))")


@cache
def _for_postgres(statement: str) -> str:
    return statement.replace("?", "%s")


class SqliteLedger(Ledger):
    """Lists by executemany; a list inside a statement as one JSON text, so the statement is parsed once.

    What most rows have in common stands in the statement: every parameter costs 0.1 µs a row.
    """

    _add = _ADD + f" VALUES ({', '.join('?' * len(_PER_CHUNK + _PER_ROW))})"
    _settle = (
        "UPDATE messages SET state = ?, attempts = ?, maybe_twice = ?, provider_message_id = ?, code = ?, detail = ?,"
        " not_before = ?, updated_at = ? WHERE id = ? AND state = 'sending'"
    )
    _settle_taken = (
        "UPDATE messages SET state = 'sent', attempts = 1, maybe_twice = 0, provider_message_id = ?, code = ?,"
        " detail = ?, not_before = NULL, updated_at = ? WHERE id = ? AND state = 'sending'"
    )
    _resume = (
        "UPDATE messages SET state = 'sending', provider_id = ?, attempts = ?, not_before = NULL, handed_over_at = ?,"
        " updated_at = ? WHERE id = ? AND state IN ('queued', 'held')"
    )
    _suppress = (
        "UPDATE messages SET state = 'suppressed', code = ?, not_before = NULL, updated_at = ?"
        " WHERE id = ? AND state IN ('queued', 'held')"
    )

    def add(
        self, connection: Connection, facts: JobFacts, chunk_no: int, rows: Sequence[NewRow], now: datetime
    ) -> None:
        """See `Ledger.add`."""
        if not rows:
            return
        same, first, moment = _per_chunk(facts, chunk_no), facts.first_message_id, self._moment(now)
        to_send = []
        if len(rows) >= _WORTH_A_STATEMENT:
            to_send = [(row[0], row[1], moment) for row in rows if row[2:] == _TO_SEND]
        if to_send:
            connection.exec_driver_sql(_add_to_send(same, first), to_send)
        if len(to_send) < len(rows):
            values = [
                (*same, first + number, number, recipient, _NAMES[state], code, detail)
                + ((1, moment, moment) if state is _SENDING else (0, None, moment))
                for number, recipient, state, code, detail in rows
                if not to_send or (state, code, detail) != _TO_SEND
            ]
            self._run(connection, self._add, values)

    def settle(self, connection: Connection, changes: Sequence[Change], now: datetime) -> int:
        """See `Ledger.settle`."""
        if not changes:
            return 0
        moment = self._moment(now)
        taken = [(*change[4:7], moment, change[0]) for change in changes if change[1:4] == _TAKEN]
        settled = self._run(connection, self._settle_taken, taken).rowcount if taken else 0
        if len(taken) == len(changes):
            return settled
        values = [
            (
                *(_NAMES[state], attempts, maybe_twice, reference, code, detail),
                *(None if not_before is None else self._moment(not_before), moment, id_),
            )
            for id_, state, attempts, maybe_twice, reference, code, detail, not_before in changes
            if (state, attempts, maybe_twice) != _TAKEN
        ]
        return settled + self._run(connection, self._settle, values).rowcount

    def resume(self, connection: Connection, provider_id: int, rows: Sequence[Row], now: datetime) -> None:
        """See `Ledger.resume`."""
        if rows:
            moment = self._moment(now)
            values = [(provider_id, row.attempt, moment, moment, row.id) for row in rows]
            self._run(connection, self._resume, values)

    def suppress(self, connection: Connection, reasons: Mapping[int, str], now: datetime) -> None:
        """See `Ledger.suppress`."""
        if reasons:
            moment = self._moment(now)
            self._run(connection, self._suppress, [(reason, moment, id_) for id_, reason in reasons.items()])

    def _run(self, connection: Connection, statement: str, values: Any) -> Rows:
        return connection.exec_driver_sql(_for_sqlite(statement), values)

    def _list(self, values: Sequence[Any]) -> Any:
        return json.dumps(values)

    def _moment(self, moment: datetime) -> Any:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")

    def _read_moment(self, value: Any) -> datetime:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)


def _numbers(values: Iterable[int]) -> str:
    """An array as PostgreSQL reads it: the driver looks at every element of a list, for 1 µs each."""
    return f"{{{','.join(map(str, values))}}}"


def _texts(values: Sequence[str | None]) -> str:
    """The same of texts."""
    words = [value for value in values if value is not None]
    if not words:
        return f"{{{','.join(('NULL',) * len(values))}}}"
    if len(words) < len(values) or any(mark in "".join(words) for mark in '"\\'):
        return f"{{{','.join(map(_quoted, values))}}}"
    return '{"' + '","'.join(words) + '"}'


def _quoted(value: str | None) -> str:
    return "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _ends(ids: Collection[int]) -> tuple[int, int]:
    return min(ids), max(ids)


def _settled_taken(changes: Sequence[Change], now: datetime) -> tuple[Any, ...]:
    """Parameters of PostgreSQL's `_settle_taken`."""
    ids, _, _, _, references, codes, details, _ = zip(*changes, strict=True)
    return (now, _numbers(ids), *map(_texts, (references, codes, details)), *_ends(ids))


def _settled(changes: Sequence[Change], now: datetime) -> tuple[Any, ...]:
    """Parameters of PostgreSQL's `_settle`."""
    ids, states, attempts, twice, references, codes, details, moments = zip(*changes, strict=True)
    return (
        now,
        _numbers(ids),
        _texts([_NAMES[state] for state in states]),
        _numbers(attempts),
        _numbers(map(int, twice)),
        *map(_texts, (references, codes, details)),
        _texts([None if moment is None else moment.isoformat() for moment in moments]),
        *_ends(ids),
    )


class PostgresLedger(Ledger):
    """One statement a window with its columns as arrays: 38,000 rows/s updated against 1,600 singly, measured.

    Each names the smallest and the largest id beside the list, so that it touches one partition, not all. What most
    rows have in common stands in the statement, which spares the server 3 µs a row.
    """

    _add = (
        f"{_ADD} SELECT {', '.join('?' * len(_PER_CHUNK))},"  # noqa: S608 - names of ours
        " ? + record_no, record_no, recipient, state, code, detail,"
        " CASE state WHEN 'sending' THEN 1 ELSE 0 END, CASE state WHEN 'sending' THEN ? END, ?"
        " FROM unnest(?::int[], ?::text[], ?::text[], ?::text[], ?::text[])"
        " AS new(record_no, recipient, state, code, detail)"
    )
    _add_to_send = (
        f"{_ADD} SELECT {', '.join('?' * len(_PER_CHUNK))},"  # noqa: S608 - names of ours
        " ? + record_no, record_no, recipient, 'sending', NULL, NULL, 1, ?, ?"
        " FROM unnest(?::int[], ?::text[]) AS new(record_no, recipient)"
    )
    _settle_taken = (
        "UPDATE messages SET state = 'sent', attempts = 1, maybe_twice = false,"
        " provider_message_id = new.provider_message_id, code = new.code, detail = new.detail, not_before = NULL,"
        " updated_at = ? FROM unnest(?::bigint[], ?::text[], ?::text[], ?::text[])"
        " AS new(id, provider_message_id, code, detail)"
        " WHERE messages.id = new.id AND messages.id BETWEEN ? AND ? AND messages.state = 'sending'"
    )
    _settle = (
        "UPDATE messages SET state = new.state, attempts = new.attempts, maybe_twice = new.maybe_twice = 1,"
        " provider_message_id = new.provider_message_id, code = new.code, detail = new.detail,"
        " not_before = new.not_before, updated_at = ?"
        " FROM unnest(?::bigint[], ?::text[], ?::int[], ?::int[], ?::text[], ?::text[], ?::text[],"
        " ?::timestamptz[])"
        " AS new(id, state, attempts, maybe_twice, provider_message_id, code, detail, not_before)"
        " WHERE messages.id = new.id AND messages.id BETWEEN ? AND ? AND messages.state = 'sending'"
    )
    #: In the order in which the statements one by one would lock: chunk, messages, job.
    _end_job = (
        f"WITH ours AS ({END_CHUNK} RETURNING job_id), ended AS (UPDATE jobs SET state = 'finished', finished_at = ?"  # noqa: S608
        " FROM ours WHERE jobs.id = ours.job_id AND jobs.state = 'running') "
        + _settle.replace(" WHERE ", ", ours WHERE ")
    )
    _resume = (
        "UPDATE messages SET state = 'sending', provider_id = ?, attempts = new.attempts, not_before = NULL,"
        " handed_over_at = ?, updated_at = ? FROM unnest(?::bigint[], ?::int[]) AS new(id, attempts)"
        " WHERE messages.id = new.id AND messages.id BETWEEN ? AND ? AND messages.state IN ('queued', 'held')"
    )
    _suppress = (
        "UPDATE messages SET state = 'suppressed', code = new.code, not_before = NULL, updated_at = ?"
        " FROM unnest(?::bigint[], ?::text[]) AS new(id, code)"
        " WHERE messages.id = new.id AND messages.id BETWEEN ? AND ? AND messages.state IN ('queued', 'held')"
    )

    def add(
        self, connection: Connection, facts: JobFacts, chunk_no: int, rows: Sequence[NewRow], now: datetime
    ) -> None:
        """See `Ledger.add`."""
        if not rows:
            return
        same = (*_per_chunk(facts, chunk_no), facts.first_message_id, now, now)
        to_send = [row[:2] for row in rows if row[2:] == _TO_SEND]
        if to_send:
            numbers, recipients = zip(*to_send, strict=True)
            self._run(connection, self._add_to_send, (*same, _numbers(numbers), _texts(recipients)))
        others = rows if not to_send else [row for row in rows if row[2:] != _TO_SEND]
        if others:
            numbers, recipients, states, codes, details = zip(*others, strict=True)
            texts = map(_texts, (recipients, [_NAMES[state] for state in states], codes, details))
            self._run(connection, self._add, (*same, _numbers(numbers), *texts))

    def settle(self, connection: Connection, changes: Sequence[Change], now: datetime) -> int:
        """See `Ledger.settle`."""
        taken = [change for change in changes if change[1:4] == _TAKEN]
        others = changes if not taken else [change for change in changes if change[1:4] != _TAKEN]
        settled = 0
        if taken:
            settled += self._run(connection, self._settle_taken, _settled_taken(taken, now)).rowcount
        if others:
            settled += self._run(connection, self._settle, _settled(others, now)).rowcount
        return settled

    def end_job(
        self,
        connection: Connection,
        *,
        job_id: int,
        owner: str,
        counted: Mapping[str, int],
        changes: Sequence[Change],
        now: datetime,
    ) -> bool:
        """See `Ledger.end_job`: one statement."""
        if not changes:
            return super().end_job(connection, job_id=job_id, owner=owner, counted=counted, changes=changes, now=now)
        values = (*(counted.get(name, 0) for name in COUNTED), job_id, 0, owner, now, *_settled(changes, now))
        return self._run(connection, self._end_job, values).rowcount > 0

    def resume(self, connection: Connection, provider_id: int, rows: Sequence[Row], now: datetime) -> None:
        """See `Ledger.resume`."""
        if rows:
            ids = [row.id for row in rows]
            values = (provider_id, now, now, _numbers(ids), _numbers(row.attempt for row in rows), *_ends(ids))
            self._run(connection, self._resume, values)

    def suppress(self, connection: Connection, reasons: Mapping[int, str], now: datetime) -> None:
        """See `Ledger.suppress`."""
        if reasons:
            self._run(connection, self._suppress, (now, list(reasons), list(reasons.values()), *_ends(reasons)))

    def _run(self, connection: Connection, statement: str, values: Any) -> Rows:
        return connection.exec_driver_sql(_for_postgres(statement), values)

    def _list(self, values: Sequence[Any]) -> Any:
        return _texts(values) if values and isinstance(values[0], str) else _numbers(values)

    def _moment(self, moment: datetime) -> Any:
        return moment

    def _read_moment(self, value: Any) -> datetime:
        moment: datetime = value
        return moment.astimezone(UTC)
