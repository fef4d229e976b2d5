"""The ledger's bulk statements: plain SQL, one round trip for a whole window, never an ORM object per recipient.

Two dialects of the same statements (`worker.engine.dialects`). SQLite takes lists by executemany and `json_each`,
PostgreSQL takes arrays (`unnest`, `ANY`): 2 to 12 times faster than what an ORM sends, measured. Every method runs
inside the caller's transaction; moments are datetimes with zone. Parameters are written `?`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, CursorResult

from dashboard.extensions import utc_now
from dashboard.ids import new_id
from dashboard.messages.models import MessageState
from worker.engine.plan import JobFacts
from worker.engine.rows import Change, NewRow, Note, RecordRow, Row

#: The counters of a chunk that the engine moves.
COUNTED = (
    "queued", "held", "sending", "sent", "bounced", "expired", "failed", "unknown", "suppressed", "cancelled",
)  # fmt: skip

Rows = CursorResult[*tuple[Any, ...]]

_COUNT = ", ".join(f"{name} = {name} + ?" for name in COUNTED)
_OURS = " WHERE job_id = ? AND chunk_no = ? AND lease_owner = ? AND state = 'leased'"
_MOVE_CHUNK = (
    # Never backwards: after a commit whose answer was lost, the books may have an older cursor than the database.
    f"UPDATE chunks SET cursor = CASE WHEN cursor < ? THEN ? ELSE cursor END, lease_until = ?, {_COUNT}{_OURS}"  # noqa: S608
)
_FINISH = "UPDATE jobs SET state = 'finished', finished_at = ? WHERE id = ? AND state = 'running'"
END_CHUNK = f"UPDATE chunks SET state = 'done', lease_owner = '', lease_until = NULL, {_COUNT}{_OURS}"  # noqa: S608
#: Rows by their numbers. Ids are the numbers from the job's first id on, so the primary key finds them, in the one
#: partition (of PostgreSQL) that has them. Takes the parameters of `_range`.
_ROWS = (
    "id BETWEEN (SELECT first_message_id FROM jobs WHERE jobs.id = ?) + ?"
    " AND (SELECT first_message_id FROM jobs WHERE jobs.id = ?) + ?"
)
#: Set every counter to what the rows say; states are the names of the counters too.
_RECOUNT = (
    "UPDATE chunks SET "  # noqa: S608 - names of ours
    + ", ".join(
        f"{state.value} = (SELECT count(*) FROM messages WHERE {_ROWS}"  # noqa: S608
        f" AND state = '{state.value}')"
        for state in MessageState
    )
    + " WHERE job_id = ? AND chunk_no = ?"
)


def _range(job_id: int, first: int, last: int) -> tuple[int, int, int, int]:
    """Parameters of _ROWS for the records first … last (inclusive)."""
    return job_id, first, job_id, last


class Ledger(ABC):
    """Statements on messages, records, suppressions and the counters of chunks."""

    def records(self, connection: Connection, version_id: int, first: int, last: int) -> list[RecordRow]:
        """Records first … last (inclusive) of a dataset version, in order."""
        statement = (
            "SELECT record_no, email, phone, external_id, variables, push_token FROM records"
            " WHERE dataset_version_id = ? AND record_no BETWEEN ? AND ? ORDER BY record_no"
        )
        return list(map(RecordRow._make, self._tuples(connection, statement, (version_id, first, last))))

    def records_at(self, connection: Connection, version_id: int, numbers: Sequence[int]) -> dict[int, RecordRow]:
        """The records with these numbers."""
        statement = (
            "SELECT record_no, email, phone, external_id, variables, push_token FROM records"
            " WHERE dataset_version_id = ? AND record_no = ANY(?)"
        )
        rows = self._run(connection, statement, (version_id, self._list(numbers)))
        return {row[0]: RecordRow(*row) for row in rows}

    def suppressed(
        self, connection: Connection, channel: str, addresses: Collection[str], scopes: Sequence[str]
    ) -> dict[str, str]:
        """Address -> reason, for those of the addresses (normalized) that are not to be written to."""
        statement = "SELECT address, reason FROM suppressions WHERE channel = ? AND address = ANY(?) AND scope = ANY(?)"
        values = (channel, self._list(list(addresses)), self._list(scopes))
        return {row[0]: row[1] for row in self._run(connection, statement, values)}

    def sending(self, connection: Connection, job_id: int, first: int, last: int) -> list[tuple[int, int, int, bool]]:
        """(id, record_no, attempts, maybe_twice) of rows that stand as handed over or about to be."""
        statement = (
            "SELECT id, record_no, attempts, maybe_twice FROM messages"  # noqa: S608
            f" WHERE {_ROWS} AND state = 'sending'"
        )
        rows = self._run(connection, statement, _range(job_id, first, last))
        return [(row[0], row[1], row[2], bool(row[3])) for row in rows]

    def due(
        self, connection: Connection, job_id: int, first: int, last: int, now: datetime, limit: int
    ) -> list[tuple[int, int, str, int, bool, str]]:
        """(id, record_no, recipient, attempts, maybe_twice, state) of rows put off or held whose time has come."""
        statement = (
            "SELECT id, record_no, recipient, attempts, maybe_twice, state FROM messages"  # noqa: S608
            f" WHERE {_ROWS} AND state IN ('queued', 'held')"
            " AND (not_before IS NULL OR not_before <= ?) ORDER BY id LIMIT ?"
        )
        rows = self._run(connection, statement, (*_range(job_id, first, last), self._moment(now), limit))
        return [(row[0], row[1], row[2], row[3], bool(row[4]), row[5]) for row in rows]

    def next_due(
        self, connection: Connection, job_id: int, first: int, last: int, now: datetime
    ) -> tuple[datetime, datetime] | None:
        """The earliest and the latest time of the rows put off or held; None where there are none."""
        statement = (
            "SELECT min(coalesce(not_before, ?)), max(coalesce(not_before, ?)) FROM messages"  # noqa: S608
            f" WHERE {_ROWS} AND state IN ('queued', 'held')"
        )
        moment = self._moment(now)
        earliest, latest = self._run(connection, statement, (moment, moment, *_range(job_id, first, last))).one()
        return None if earliest is None else (self._read_moment(earliest), self._read_moment(latest))

    def cancel(self, connection: Connection, job_id: int, first: int, last: int, state: str, now: datetime) -> int:
        """Rows that are put off (`queued`) or held become cancelled; how many."""
        statement = (
            "UPDATE messages SET state = 'cancelled', not_before = NULL, updated_at = ?"  # noqa: S608
            f" WHERE {_ROWS} AND state = ?"
        )
        return self._run(connection, statement, (self._moment(now), *_range(job_id, first, last), state)).rowcount

    def hold(self, connection: Connection, job_id: int, held: Mapping[datetime, Sequence[int]], now: datetime) -> None:
        """Rows put off or held are held until these moments; moment -> message ids."""
        statement = (
            "UPDATE messages SET state = 'held', not_before = ?, updated_at = ?"
            " WHERE job_id = ? AND id = ANY(?) AND state IN ('queued', 'held')"
        )
        for moment, ids in held.items():
            self._run(connection, statement, (self._moment(moment), self._moment(now), job_id, self._list(ids)))

    def expire(self, connection: Connection, job_id: int, ids: Sequence[int], now: datetime) -> None:
        """Rows put off become expired; what the provider said last stays."""
        if ids:
            statement = (
                "UPDATE messages SET state = 'expired', code = coalesce(code, 'expired'), not_before = NULL,"
                " updated_at = ? WHERE job_id = ? AND id = ANY(?) AND state IN ('queued', 'held')"
            )
            self._run(connection, statement, (self._moment(now), job_id, self._list(ids)))

    def job_state(self, connection: Connection, job_id: int) -> str:
        """The state of a job as committed."""
        return str(self._run(connection, "SELECT state FROM jobs WHERE id = ?", (job_id,)).scalar_one())

    def start_job(self, connection: Connection, job_id: int, now: datetime) -> None:
        """Write down the first hand-over of a job."""
        statement = "UPDATE jobs SET started_at = ? WHERE id = ? AND started_at IS NULL"
        self._run(connection, statement, (self._moment(now), job_id))

    def move_chunk(
        self,
        connection: Connection,
        *,
        job_id: int,
        chunk_no: int,
        owner: str,
        cursor: int,
        lease_until: datetime,
        counted: Mapping[str, int],
    ) -> bool:
        """Move cursor, counters and lease of a chunk that `owner` holds; False where the lease is lost."""
        deltas = (counted.get(name, 0) for name in COUNTED)
        values = (cursor, cursor, self._moment(lease_until), *deltas, job_id, chunk_no, owner)
        return self._run(connection, _MOVE_CHUNK, values).rowcount == 1

    def end_chunk(
        self, connection: Connection, *, job_id: int, chunk_no: int, owner: str, counted: Mapping[str, int]
    ) -> bool:
        """Move the counters of a chunk that `owner` holds and end its work; False where the lease is lost."""
        values = (*(counted.get(name, 0) for name in COUNTED), job_id, chunk_no, owner)
        return self._run(connection, END_CHUNK, values).rowcount == 1

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
        """Settle the rows of a job of one chunk that `owner` holds, end the chunk and the job; False where the lease is
        lost, and nothing is done. After `only_write` there have to be changes, and the answer says nothing."""
        if not self.end_chunk(connection, job_id=job_id, chunk_no=0, owner=owner, counted=counted):
            return False
        self.settle(connection, changes, now)
        self._run(connection, _FINISH, (self._moment(now), job_id))
        return True

    def recount(self, connection: Connection, job_id: int, chunk_no: int, first: int, last: int) -> None:
        """Set the counters of a chunk to what its rows say (a row was not in the state it had to be in)."""
        values = (*(_range(job_id, first, last) * len(MessageState)), job_id, chunk_no)
        self._run(connection, _RECOUNT, values)

    def give_back(
        self,
        connection: Connection,
        *,
        job_id: int,
        chunk_no: int,
        owner: str,
        state: str,
        not_before: datetime | None = None,
    ) -> None:
        """End the lease: the chunk is ready, waiting until `not_before`, or done."""
        statement = (
            "UPDATE chunks SET state = ?, not_before = ?, lease_owner = '', lease_until = NULL"
            " WHERE job_id = ? AND chunk_no = ? AND lease_owner = ?"
        )
        moment = None if not_before is None else self._moment(not_before)
        self._run(connection, statement, (state, moment, job_id, chunk_no, owner))

    def note(self, connection: Connection, notes: Sequence[Note]) -> None:
        """Lines for the histories of messages; ids are consecutive from one drawn at random."""
        if not notes:
            return
        first, now = new_id(), self._moment(utc_now())
        # Two workers could draw the same ids in one millisecond: a line lost there is better than a window lost.
        statement = (
            "INSERT INTO message_events (id, message_id, at, kind, code, detail) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING"
        )
        rows = [
            (first + number, note.message_id, now, note.kind, note.code[:60], note.detail[:2000])
            for number, note in enumerate(notes)
        ]
        self._run(connection, statement, rows)

    def refer(self, connection: Connection, changes: Sequence[Change]) -> None:
        """Keep the vendor's ids of messages that were taken, and of their parts, for vendors whose receipts know no
        other."""
        values = [
            (reference[:200], change.id)
            for change in changes
            if change.provider_message_id and change.state is MessageState.SENT
            for reference in {change.provider_message_id, *change.provider_message_id.split()}
        ]
        if values:
            statement = (
                "INSERT INTO provider_references (provider_id, reference, message_id)"
                " SELECT provider_id, ?, id FROM messages WHERE id = ? ON CONFLICT DO NOTHING"
            )
            self._run(connection, statement, values)

    def _tuples(self, connection: Connection, statement: str, values: Any) -> list[tuple[Any, ...]]:
        """All rows as the driver gives them: SQLAlchemy's own, made one by one, would take 4 µs a record."""
        with self._run(connection, statement, values) as result:
            return cast(list[tuple[Any, ...]], result.cursor.fetchall()) if result.cursor else []

    @abstractmethod
    def add(
        self, connection: Connection, facts: JobFacts, chunk_no: int, rows: Sequence[NewRow], now: datetime
    ) -> None:
        """Insert rows; the ones to be sent count their first attempt and stand as handed over now."""

    @abstractmethod
    def settle(self, connection: Connection, changes: Sequence[Change], now: datetime) -> int:
        """Rows that stand as `sending` become what the changes say; how many did."""

    @abstractmethod
    def resume(self, connection: Connection, provider_id: int, rows: Sequence[Row], now: datetime) -> None:
        """Rows put off become `sending`, by that provider and with the attempt that they carry."""

    @abstractmethod
    def suppress(self, connection: Connection, reasons: Mapping[int, str], now: datetime) -> None:
        """Rows put off become `suppressed`; message id -> reason."""

    @abstractmethod
    def _run(self, connection: Connection, statement: str, values: Any) -> Rows:
        """Run a statement in this dialect; a list of tuples runs it for each of them."""

    @abstractmethod
    def _list(self, values: Sequence[Any]) -> Any: ...

    @abstractmethod
    def _moment(self, moment: datetime) -> Any: ...

    @abstractmethod
    def _read_moment(self, value: Any) -> datetime: ...
