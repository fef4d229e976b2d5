"""Finding the record that a preview shows: by number, by chance, the longest, one with gaps, or by its address.

Looking for the longest or the one with most gaps reads the first records only: a preview must answer within a third
of a second, and an audience may have millions.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable

from sqlalchemy import func, or_, select

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.extensions import db

LOOKED_AT = 5000


def record_count(dataset_version_id: int) -> int:
    """How many records the dataset version has."""
    version = db.session.get(DatasetVersion, dataset_version_id)
    return version.record_count if version else 0


def find_record(
    dataset_version_id: int, *, step: str, row: int, text: str = "", needed: Iterable[str] = ()
) -> Record | None:
    """The record to show: `step` as in `preview_choice.STEPS` ("" is the one at `row`), `text` the address searched.

    Stepping before the first or behind the last record stays there; None where nothing matches.
    """
    count = record_count(dataset_version_id)
    if count == 0:
        return None
    match step:
        case "search":
            return _by_address(dataset_version_id, text)
        case "longest":
            return _longest(dataset_version_id)
        case "missing":
            return _with_gaps(dataset_version_id, frozenset(needed))
        case "random":
            number = random.randrange(count)
        case "previous":
            number = max(row - 1, 0)
        case "next":
            number = min(row + 1, count - 1)
        case "first":
            number = 0
        case _:
            number = row
    return db.session.get(Record, (dataset_version_id, number))


def _by_address(dataset_version_id: int, text: str) -> Record | None:
    """The first record whose address or external id begins like the text; an exact one is preferred."""
    if not text:
        return None
    here = Record.dataset_version_id == dataset_version_id
    exact = select(Record).where(here, or_(Record.email == text, Record.phone == text, Record.external_id == text))
    found = db.session.scalar(exact.limit(1))
    if found is not None:
        return found
    begins = func.lower(Record.email).startswith(text.lower(), autoescape=True)
    return db.session.scalar(select(Record).where(here, begins).order_by(Record.record_no).limit(1))


def _longest(dataset_version_id: int) -> Record | None:
    return db.session.scalar(
        select(Record)
        .where(Record.dataset_version_id == dataset_version_id, Record.record_no < LOOKED_AT)
        .order_by(func.length(Record.variables).desc(), Record.record_no)
        .limit(1)
    )


def _with_gaps(dataset_version_id: int, needed: frozenset[str]) -> Record | None:
    """The record with most blanks, or most variables missing that the template needs; None where none has any."""
    rows = db.session.execute(
        select(Record.record_no, Record.variables)
        .where(Record.dataset_version_id == dataset_version_id, Record.record_no < LOOKED_AT)
        .order_by(Record.record_no)
    )
    worst, most = None, 0
    for number, variables in rows:
        values = json.loads(variables)
        gaps = sum(1 for value in values.values() if value in ("", None)) + sum(
            1 for name in needed if name not in values
        )
        if gaps > most:
            worst, most = number, gaps
    return None if worst is None else db.session.get(Record, (dataset_version_id, worst))
