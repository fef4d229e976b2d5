"""Reading the records of a dataset version: pages of them, one, or one that shows something."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.extensions import db

PAGE = 50
_FOUND = 50


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record for people: `values` in the order of the version's columns, "" where it has none."""

    record_no: int
    values: tuple[str, ...]
    record: Record


def record_at(dataset_version_id: int, record_no: int) -> Record | None:
    """One record by its number."""
    return db.session.get(Record, (dataset_version_id, record_no))


def rows(version: DatasetVersion, first: int = 0, count: int = PAGE) -> list[RecordRow]:
    """`count` records from number `first` on: numbers have no gaps, so a page is a range of the key."""
    statement = (
        select(Record)
        .where(Record.dataset_version_id == version.id, Record.record_no >= first, Record.record_no < first + count)
        .order_by(Record.record_no)
    )
    return shown(version, db.session.scalars(statement).all())


def find(version: DatasetVersion, term: str) -> list[RecordRow]:
    """Records whose email, phone or external id begins with the term, whatever its case; 50 at most.

    It reads the whole version (no index on addresses: it would cost a third of every import), 0.3 s a million.
    """
    term = term.strip().lower()
    if not term:
        return []
    digits = term.translate(str.maketrans("", "", " -()/."))
    conditions = [
        Record.email.startswith(term, autoescape=True),
        func.lower(Record.external_id).startswith(term, autoescape=True),
    ]
    if digits.lstrip("+").isdigit() and len(digits) > 3:
        conditions.append(Record.phone.contains(digits.lstrip("+0"), autoescape=True))
    statement = select(Record).where(Record.dataset_version_id == version.id, or_(*conditions))
    return shown(version, db.session.scalars(statement.order_by(Record.record_no).limit(_FOUND)).all())


def pick_record(dataset_version_id: int, how: str, text: str = "") -> Record | None:
    """A record that shows something: first, random, longest (most text), missing (fewest values), search (address).

    None where there is none; ValueError for another `how`.
    """
    version = db.session.get(DatasetVersion, dataset_version_id)
    if version is None or not version.record_count:
        return None
    match how:
        case "first":
            return record_at(version.id, 0)
        case "random":
            return record_at(version.id, random.randrange(version.record_count))
        case "longest":
            return _best(version.id, func.length(Record.variables).desc())
        case "missing":
            # Blank cells are not stored, so the record with the fewest names has most of them missing.
            names = func.length(Record.variables) - func.length(func.replace(Record.variables, '":', ""))
            return _best(version.id, names)
        case "search":
            found = find(version, text)
            return found[0].record if found else None
    raise ValueError(how)


def shown(version: DatasetVersion, records: Sequence[Record]) -> list[RecordRow]:
    return [RecordRow(record.record_no, _values(version.columns, record), record) for record in records]


def _best(dataset_version_id: int, order: Any) -> Record | None:
    statement = select(Record).where(Record.dataset_version_id == dataset_version_id)
    return db.session.scalar(statement.order_by(order, Record.record_no).limit(1))


def _values(columns: Sequence[dict[str, Any]], record: Record) -> tuple[str, ...]:
    variables = json.loads(record.variables)
    return tuple(
        str(
            variables.get(column["variable"], "")
            if column["target"] == "variable"
            else getattr(record, column["target"]) or ""
        )
        for column in columns
    )
