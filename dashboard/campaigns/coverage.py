"""Which source gives each variable of a template its value, and in how many records none does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import case, func, select

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.campaigns.recent_results import RecentResults
from dashboard.campaigns.record_fields import ADDRESS_COLUMNS, field_text
from dashboard.extensions import db
from dashboard.jobs.services import freeze_globals
from dashboard.message_templates.models import Channel
from worker.rendering.channels import Compiled
from worker.rendering.values import SYSTEM_VARIABLES

#: Counting stops here and says "at least": the page must answer while the operator looks at it.
TIME_LIMIT_SECONDS = 2.0
_RANGE = 20_000


class Verdict(StrEnum):
    """States of the object kind "check" in dashboard.status."""

    PASSED = "passed"
    INFO = "info"
    WARNING = "warning"
    BLOCKING = "blocking"


@dataclass(frozen=True, slots=True)
class Gaps:
    """Of `looked_at` records: how many lack the field (`missing`) and how many have it empty (`blank`)."""

    missing: Mapping[str, int] = field(default_factory=dict)
    blank: Mapping[str, int] = field(default_factory=dict)
    looked_at: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One variable of the template. `record`: the audience has a column of that name."""

    name: str
    required: bool
    record: bool
    global_value: str | None
    system: bool
    missing: int
    blank: int
    looked_at: int
    complete: bool

    @property
    def lacking(self) -> int:
        """Records that would fail for want of this variable."""
        provided = self.system or self.global_value is not None or not self.required
        return 0 if provided else self.missing

    @property
    def verdict(self) -> Verdict:
        if self.lacking:
            return Verdict.BLOCKING
        if self.record and self.required and not self.system and self.blank:
            return Verdict.WARNING  # a default in the template stands in for an empty cell too
        if not (self.record or self.system or self.global_value is not None):
            return Verdict.INFO
        return Verdict.PASSED


@dataclass(frozen=True, slots=True)
class Coverage:
    """The matrix of a template and a dataset; `unused` names columns that the template does not show."""

    rows: tuple[CoverageRow, ...]
    unused: tuple[str, ...]

    @property
    def blocking(self) -> tuple[CoverageRow, ...]:
        return tuple(row for row in self.rows if row.verdict is Verdict.BLOCKING)

    @property
    def blanks(self) -> tuple[CoverageRow, ...]:
        return tuple(row for row in self.rows if row.verdict is Verdict.WARNING)


_recent: RecentResults[Gaps] = RecentResults()


def variable_columns(dataset: DatasetVersion) -> tuple[str, ...]:
    """Names under which templates reach the columns of a dataset."""
    return tuple(dict.fromkeys(_name_of(column) for column in dataset.columns if _name_of(column)))


def _name_of(column: Mapping[str, object]) -> str:
    target = str(column.get("target", ""))
    return str(column.get("variable") or column.get("name") or "") if target == "variable" else target


def cover(compiled: Compiled, dataset: DatasetVersion) -> Coverage:
    """The coverage of a compiled template by a dataset, the global variables and the system's own values."""
    columns = variable_columns(dataset)
    wanted = sorted(compiled.variables - SYSTEM_VARIABLES.keys())
    gaps = count_gaps(dataset, [name for name in wanted if name in columns])
    given = freeze_globals()
    rows = [_row(name, compiled, columns, gaps, given, dataset) for name in sorted(compiled.variables)]
    shown = compiled.variables | {"email", "phone", "external_id", "push_token"}
    return Coverage(rows=tuple(rows), unused=tuple(name for name in columns if name not in shown))


def _row(
    name: str,
    compiled: Compiled,
    columns: Sequence[str],
    gaps: Gaps,
    given: Mapping[str, str],
    dataset: DatasetVersion,
) -> CoverageRow:
    counted = name in gaps.missing
    return CoverageRow(
        name=name,
        required=name in compiled.required,
        record=name in columns,
        global_value=given.get(name),
        system=name in SYSTEM_VARIABLES,
        missing=gaps.missing[name] if counted else dataset.record_count,
        blank=gaps.blank.get(name, 0),
        looked_at=gaps.looked_at if counted else dataset.record_count,
        complete=gaps.complete if counted else True,
    )


def count_gaps(dataset: DatasetVersion, names: Sequence[str]) -> Gaps:
    """Missing and empty values of these fields, over the whole dataset or as far as the time limit allows."""
    if not names or not dataset.record_count:
        return Gaps(looked_at=dataset.record_count)
    key = (dataset.id, tuple(sorted(names)))
    return _recent.get(key, lambda: _count_gaps(dataset.id, dataset.record_count, sorted(names)))


def _count_gaps(dataset_version_id: int, record_count: int, names: Sequence[str]) -> Gaps:
    stop_at = time.monotonic() + TIME_LIMIT_SECONDS
    missing, blank = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    sums = []
    for name in names:
        value = field_text(name)
        sums.append(func.sum(case((value.is_(None), 1), else_=0)))
        sums.append(func.sum(case((func.trim(value) == "", 1), else_=0)))
    first = 0
    while first < record_count and (first == 0 or time.monotonic() < stop_at):
        numbers = db.session.execute(
            select(*sums).where(
                Record.dataset_version_id == dataset_version_id, Record.record_no.between(first, first + _RANGE - 1)
            )
        ).one()
        for index, name in enumerate(names):
            missing[name] += int(numbers[2 * index] or 0)
            blank[name] += int(numbers[2 * index + 1] or 0)
        first += _RANGE
    looked_at = min(first, record_count)
    return Gaps(missing=missing, blank=blank, looked_at=looked_at, complete=looked_at == record_count)


def address_columns(dataset: DatasetVersion, channel: str = "email") -> list[str]:
    """Columns that can hold a recipient of the channel ("": of any): its own where the audience has it, then every
    variable."""
    variables = variable_columns(dataset)
    there = {*(str(column.get("target")) for column in dataset.columns), *variables}
    own = [one.address_column for one in Channel if channel in ("", one)]
    return [*(name for name in own if name in there), *(name for name in variables if name not in ADDRESS_COLUMNS)]
