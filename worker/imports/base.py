"""The records that an import in append mode adds to: those of the audience's version in use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from dashboard.audiences.models import Audience, DatasetVersion, Record
from dashboard.extensions import read_connection
from worker.imports.staging import escape

_RANGE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Base:
    """`version_id` None: there is nothing to add to."""

    version_id: int | None = None
    count: int = 0
    columns: tuple[dict[str, Any], ...] = ()

    def keys(self, target: str) -> Iterator[tuple[int, list[str]]]:
        """The value by which duplicates are found, of every record in its order; NULL where it has none.

        In ranges: the number of the first record, and the values as they would be staged.
        """
        if self.version_id is None:
            return
        column = getattr(Record, target)
        for first in range(0, self.count, _RANGE):
            with read_connection() as connection:
                values = connection.scalars(
                    select(column)
                    .where(
                        Record.dataset_version_id == self.version_id,
                        Record.record_no >= first,
                        Record.record_no < first + _RANGE,
                    )
                    .order_by(Record.record_no)
                ).all()
            yield first, [escape(value or "") for value in values]


def base_of(audience_id: int, mode: str) -> Base:
    """The version in use of the audience when rows are to be appended."""
    if mode != "append":
        return Base()
    with read_connection() as connection:
        row = connection.execute(
            select(DatasetVersion.id, DatasetVersion.record_count, DatasetVersion.columns)
            .join(Audience, Audience.current_version_id == DatasetVersion.id)
            .where(Audience.id == audience_id)
        ).first()
    return Base(row.id, row.record_count, tuple(row.columns)) if row else Base()
