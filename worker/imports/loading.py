"""The load pass: staged rows become the records of a new dataset version, numbered from 0 without gaps.

The cursor is saved in the transaction that writes a batch, so a worker that takes over goes on exactly there. The
version becomes visible (and the audience's current one) in the last transaction; until then nobody reads it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, literal, select, update

from dashboard.audiences.models import Audience, DatasetVersion, ImportState, Record
from dashboard.extensions import read_connection, utc_now, write_connection
from worker.imports.base import Base, base_of
from worker.imports.bulk import insert_records, insert_staged
from worker.imports.columns import merged_columns
from worker.imports.duplicates import Found
from worker.imports.leases import Work, claim
from worker.imports.outcomes import in_words
from worker.imports.staging import Place, Rows, batches

_RECORDS: Table = Record.__table__  # type: ignore[assignment]
_STORED: Final = ("email", "phone", "external_id", "push_token", "variables")


@dataclass(frozen=True, slots=True)
class LoadPace:
    """Seconds until others get their turn, and records in one transaction (20 ms of SQLite's write lock)."""

    slice_seconds: float = 20.0
    batch: int = 6_000


def run_load(import_id: int, pace: LoadPace = LoadPace()) -> bool:
    """Load an import, or a slice of it; False: there is more, call again. True: done, failed, or not ours."""
    work = claim(import_id, ImportState.LOADING)
    if work is None:
        return True
    done = in_words(work, lambda: _Load(work, pace).run())
    if done:
        _tidy(work)
    return done


def _tidy(work: Work) -> None:
    """The uploaded file and what was staged go once they are loaded; the rejects stay for download."""
    with read_connection() as connection:
        ready = connection.scalar(select(DatasetVersion.ready).where(DatasetVersion.id == work.version_id))
    if ready:
        work.files.remove_working_files()


class _Load:
    def __init__(self, work: Work, pace: LoadPace) -> None:
        if work.version_id is None:
            raise ValueError(f"import {work.id} is loading without a dataset version")
        self.work = work
        self.version_id = work.version_id
        self.base: Base = base_of(work.audience_id, work.options["mode"])
        found = Found.load(work.files.dropped)
        self.dropped, self.base_dropped = found.dropped, found.base_dropped
        cursor = work.cursor
        self.copied: int = cursor.get("copied", 0)  # records of the base looked at
        self.place = Place(*cursor.get("place", Place()))  # how much of the staged file is read
        self.next: int = cursor.get("next", 0)  # the next record's number
        self._pace = pace
        self._ends = time.monotonic() + pace.slice_seconds

    def run(self) -> bool:
        while self.copied < self.base.count:
            self._copy_range()
            if time.monotonic() > self._ends:
                return False
        for place, blocks in batches(self.work.files.staged, self.place, self._pace.batch):
            with write_connection() as connection:
                self.next += insert_staged(connection, self.version_id, self.next, list(map(self._kept, blocks)))
                self.place = place
                self._save(connection)
            if time.monotonic() > self._ends:
                return False
        self._finish()
        return True

    def _save(self, connection: Connection) -> None:
        cursor = {"copied": self.copied, "place": self.place, "next": self.next}
        self.work.save(connection, cursor=cursor, rows_done=self.next)

    def _kept(self, rows: Rows) -> Rows:
        """The rows without duplicates."""
        return rows.without(self.dropped.between(rows.numbers[0], rows.numbers[-1]))

    def _copy_range(self) -> None:
        """The next records of the version that is added to; those that new rows replace are left out."""
        first, last = self.copied, min(self.copied + self._pace.batch, self.base.count) - 1
        with write_connection() as connection:
            if self.base_dropped.any_between(first, last):
                self.next += self._copy_some(connection, first, last)
            else:
                self._copy_all(connection, first, last)
                self.next += last - first + 1
            self.copied = last + 1
            self._save(connection)

    def _copy_all(self, connection: Connection, first: int, last: int) -> None:
        old = _RECORDS.c
        shift = self.next - first
        values = select(literal(self.version_id), old.record_no + shift, *[old[name] for name in _STORED]).where(
            old.dataset_version_id == self.base.version_id, old.record_no.between(first, last)
        )
        names = ["dataset_version_id", "record_no", *_STORED]
        connection.execute(insert(_RECORDS).from_select(names, values))

    def _copy_some(self, connection: Connection, first: int, last: int) -> int:
        old = _RECORDS.c
        rows = connection.execute(
            select(old.record_no, *[old[name] for name in _STORED])
            .where(old.dataset_version_id == self.base.version_id, old.record_no.between(first, last))
            .order_by(old.record_no)
        )
        kept = [tuple(row[1:]) for row in rows if row.record_no not in self.base_dropped]
        insert_records(connection, self.version_id, self.next, kept)
        return len(kept)

    def _finish(self) -> None:
        """Make the version the audience's current one, with its counts; all of it or nothing."""
        rejected = self.work.report.get("rejected", 0)
        state = ImportState.LOADED_WITH_REJECTS if rejected else ImportState.LOADED
        columns = merged_columns(self.base.columns, self.work.report["columns"], self._replaced())
        with write_connection() as connection:
            self.work.finish(state, connection, rows_done=self.next, cursor={})
            connection.execute(
                update(DatasetVersion)
                .where(DatasetVersion.id == self.version_id)
                .values(
                    ready=True,
                    record_count=self.next,
                    email_count=_filled(columns, "email"),
                    phone_count=_filled(columns, "phone"),
                    columns=columns,
                )
            )
            connection.execute(
                update(Audience)
                .where(Audience.id == self.work.audience_id)
                .values(current_version_id=self.version_id, updated_at=utc_now())
            )

    def _replaced(self) -> Iterator[dict[str, Any]]:
        """The records that new rows take the place of, one range of the base at a time."""
        old = _RECORDS.c
        for first in range(0, self.base.count, self._pace.batch):
            last = first + self._pace.batch - 1
            if not self.base_dropped.any_between(first, last):
                continue
            with read_connection() as connection:
                rows = connection.execute(
                    select(old.record_no, *[old[name] for name in _STORED]).where(
                        old.dataset_version_id == self.base.version_id, old.record_no.between(first, last)
                    )
                ).mappings()
                yield from (dict(row) for row in rows.all() if row["record_no"] in self.base_dropped)


def _filled(columns: Sequence[Mapping[str, Any]], target: str) -> int:
    """Records that have this address: the check counted them, reading them all again would fill the page cache."""
    return sum(int(column["filled"]) for column in columns if column["target"] == target)
