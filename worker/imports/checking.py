"""The check pass: the whole file is read and judged, valid rows are staged on disk, nothing is loaded.

Steps: hash the file, scan it, find duplicates, read it once more for the rows that these take out, sum up. The cursor
in the database says which step, how far, and how long the files on disk were then, so a worker that takes over after
a kill -9 cuts off what came later and goes on.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from dashboard.audiences.models import ImportState
from dashboard.extensions import read_connection
from dashboard.suppressions.models import Suppression
from worker.imports.base import base_of
from worker.imports.blocks import Batch, Position
from worker.imports.duplicates import Finder, Found
from worker.imports.leases import Work, claim
from worker.imports.outcomes import in_words
from worker.imports.reading import BLOCK_BYTES, Reader
from worker.imports.reasons import REASONS
from worker.imports.rejects import RejectsFile, is_rejects_header
from worker.imports.rows import Checked, Reject, RowChecker, words
from worker.imports.staging import NULL, Rows, StagingFile, blocks
from worker.imports.tally import Tally

_BATCH: Final = 5_000
#: Bytes of a row of which a search for duplicates expects to see one; only its speed depends on that.
_USUAL_ROW: Final = 50


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a worker keeps an import before others get their turn, and how often it saves its cursor (seconds)."""

    slice_seconds: float = 20.0
    checkpoint_seconds: float = 1.0
    block_bytes: int = BLOCK_BYTES


def run_check(import_id: int, pace: Pace = Pace()) -> bool:
    """Check an import, or a slice of it; False: there is more, call again. True: done, failed, or not ours."""
    work = claim(import_id, ImportState.CHECKING)
    if work is None:
        return True
    return in_words(work, lambda: _Check(work, pace).run())


class _Check:
    def __init__(self, work: Work, pace: Pace) -> None:
        self.work = work
        self.columns = work.columns
        self.checker = RowChecker(
            self.columns,
            country=work.options["default_country"],
            given_back=is_rejects_header([column.name for column in self.columns]),
        )
        self.rule: str = work.options["duplicates"]
        self.key: str = work.options["duplicate_by"]
        cursor = work.cursor
        if not self._files_are_there(cursor):
            cursor = {}
        self.step: str = cursor.get("step", "hash")
        self.position = Position(cursor.get("offset", 0), cursor.get("row", 0))
        self.last_row: int = cursor.get("last_row", 0)
        self.tally = Tally.from_dict(cursor.get("tally") or {}, len(self.columns))
        self.staging = StagingFile(work.files.staged, cursor.get("staged", 0))
        header = [column.name for column in self.columns]
        self.rejects = RejectsFile(work.files.rejects, header, cursor.get("rejects", 0))
        self._pace = pace
        self._ends = time.monotonic() + pace.slice_seconds
        self._suppressions = _any_suppressions()
        # Hashes are taken while the rows are at hand; whoever takes over in the middle takes them from the staged rows.
        begins = self.step in ("hash", "scan") and self.position == Position()
        self._finder = Finder(work.files.folder, work.size // _USUAL_ROW) if begins and self.rule != "all" else None

    def _files_are_there(self, cursor: dict[str, Any]) -> bool:
        """After a power cut the disk may hold less than the cursor says: then everything is read again."""
        for path, name in ((self.work.files.staged, "staged"), (self.work.files.rejects, "rejects")):
            if cursor.get(name, 0) > (path.stat().st_size if path.exists() else 0):
                return False
        return cursor.get("step") != "rejects" or self.work.files.dropped.exists()

    def run(self) -> bool:
        try:
            if self.step == "hash":
                self._hash()
                self.step = "scan"
            if self.step == "scan" and not self._scan():
                return False
            if self.step == "duplicates":
                self._find_duplicates()
                self.step = "rejects"
                self._save()
            if self.step == "rejects" and not self._reject_duplicates():
                return False
            self._sum_up()
            return True
        finally:
            self.staging.close()
            self.rejects.close()
            if self._finder:
                self._finder.close()

    def _save(self) -> None:
        cursor = {
            "step": self.step,
            "offset": self.position.offset,
            "row": self.position.row,
            "last_row": self.last_row,
            "staged": self.staging.flush(),
            "rejects": self.rejects.flush(),
            "tally": self.tally.to_dict(),
        }
        self.work.save(cursor=cursor, rows_done=self.tally.rows)

    def _reader(self) -> Reader:
        return Reader(self.work.files.data, self.work.dialect, self.position, self._pace.block_bytes)

    def _is_due(self) -> bool:
        return time.monotonic() - self.work.saved_at >= self._pace.checkpoint_seconds

    def _hash(self) -> None:
        if not self.work.sha256:
            digest = hashlib.sha256()
            with self.work.files.data.open("rb") as file:
                while piece := file.read(256 * 1024):
                    digest.update(piece)
                    self.work.keep_alive()
            self.work.save(sha256=digest.hexdigest())

    def _scan(self) -> bool:
        with self._reader() as reader:
            for batch in reader:
                self._take(batch)
                self.position = batch.after
                if time.monotonic() > self._ends:
                    self._save()
                    return False
                if self._is_due():
                    self._save()
        self.last_row = self.position.row
        self.step, self.position = "duplicates", Position()
        self._save()
        return True

    def _take(self, batch: Batch) -> None:
        checked = self.checker.check(batch)
        self.staging.add(checked.rows)
        if self._finder:
            self._add_to(self._finder, checked.rows)
        for reject in checked.rejects:
            self._write(reject)
        self.tally.add(checked)
        self.tally.take_samples(batch, checked)
        self.tally.suppressed += self._count_suppressed(checked)

    def _write(self, reject: Reject, expected: str = "") -> None:
        text, usual = words(reject)
        self.rejects.add(reject.cells, reject.row, reject.code, text, expected or usual)

    def _count_suppressed(self, checked: Checked) -> int:
        if not self._suppressions or not checked.rows:
            return 0
        found = 0
        with read_connection() as connection:
            for channel, target in (("email", "email"), ("sms", "phone")):
                addresses = [address for address in checked.rows.values(target) or () if address != NULL]
                for first in range(0, len(addresses), _BATCH):
                    part = addresses[first : first + _BATCH]
                    where = (Suppression.channel == channel, Suppression.address.in_(set(part)))
                    known = set(connection.scalars(select(Suppression.address).where(*where)))
                    found += sum(address in known for address in part) if known else 0
        return found

    def _add_to(self, finder: Finder, rows: Rows) -> None:
        keys = rows.values(self.key)
        if keys:
            finder.add_rows(keys, rows.numbers)

    def _find_duplicates(self) -> None:
        """One go, half a second a million rows; what is found is kept on disk for the step that follows."""
        if self.rule == "all":
            Found().save(self.work.files.dropped)
            return
        if self._finder is None:
            self._finder = Finder(self.work.files.folder, self.tally.valid)
            for _, rows in blocks(self.work.files.staged):
                self._add_to(self._finder, rows)
                self.work.keep_alive()
        base = base_of(self.work.audience_id, self.work.options["mode"])
        for first, keys in base.keys(self.key):
            self._finder.add_base(first, keys)
            self.work.keep_alive()
        found = self._finder.find(
            self.rule, last_row=self.last_row, base_count=base.count, keep_alive=self.work.keep_alive
        )
        found.save(self.work.files.dropped)

    def _reject_duplicates(self) -> bool:
        """Read the file again for the rows that are dropped: only there are their original cells."""
        found = Found.load(self.work.files.dropped)
        if not found.dropped.count():
            return True
        with self._reader() as reader:
            for batch in reader:
                self._reject_in(batch, found)
                self.position = batch.after
                if time.monotonic() > self._ends:
                    self._save()
                    return False
                if self._is_due():
                    self._save()
        return True

    def _reject_in(self, batch: Batch, found: Found) -> None:
        dropped = found.dropped.between(batch.numbers[0], batch.numbers[-1]) if batch.numbers else []
        if not dropped:
            return
        again = batch.pick(dropped)
        checked = self.checker.check(again)
        self.tally.drop(checked)
        self.tally.suppressed -= self._count_suppressed(checked)
        values = checked.rows.values(self.key) or []
        for number, row, value in zip(dropped, again.rows, values, strict=True):
            self._reject_duplicate(number, row, value, found)

    def _reject_duplicate(self, number: int, row: list[str], value: str, found: Found) -> None:
        code = "duplicate_in_audience" if number in found.in_audience else "duplicate_in_file"
        other = found.other_row(number)
        where = f"row {other} has the same address" if other else REASONS[code].expected
        column = next(column.name for column in self.columns if column.target == self.key)
        reject = Reject(number, row, code, column, value, where)
        self._write(reject)
        self.tally.reject(reject)

    def _sum_up(self) -> None:
        base = base_of(self.work.audience_id, self.work.options["mode"])
        dropped = Found.load(self.work.files.dropped).base_dropped.count()
        report = {
            "rows": self.tally.rows,
            "to_load": self.tally.valid,
            "rejected": self.tally.rejected,
            "blank": self.tally.blank,
            "suppressed": self.tally.suppressed,
            "groups": sorted(self.tally.groups, key=lambda group: -group["count"]),
            "columns": self.tally.columns(self.columns),
            "base_version_id": base.version_id,
            "base_kept": base.count - dropped,
            "base_replaced": dropped,
        }
        self.staging.flush()
        self.rejects.flush()
        self.work.finish(
            ImportState.READY, report=report, rows_total=self.tally.rows, rows_done=0, cursor={}, problem=""
        )


def _any_suppressions() -> bool:
    with read_connection() as connection:
        return connection.execute(select(Suppression.id).limit(1)).first() is not None
