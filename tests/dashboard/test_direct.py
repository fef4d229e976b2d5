"""Statements in the driver's own text: what is written and read is what SQLAlchemy would write and read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.direct import Batch, Look, Rows
from dashboard.extensions import BigId, db, only_write, single_reads, transaction
from dashboard.ids import new_id
from dashboard.jobs.models import Job
from tests.statements import recorded

_DATASETS = Rows(DatasetVersion, "id", "ready", "record_count", "columns", "created_at")
_RECORDS = Rows(Record, "dataset_version_id", "record_no", "email", "variables")
_LOOK = Look(
    select(DatasetVersion.id, DatasetVersion.ready, DatasetVersion.columns, DatasetVersion.created_at).where(
        DatasetVersion.id == bindparam("id", type_=BigId)
    )
)
_MOMENT = datetime(2026, 11, 26, 17, 30, 5, 123456, UTC)
_ODD = [{"name": "it's 100 % ünïque", "filled": None}]


def _dataset(number: int) -> dict[str, Any]:
    return {"id": number, "ready": True, "record_count": 2, "columns": _ODD, "created_at": _MOMENT}


def _record(dataset: int, number: int) -> dict[str, Any]:
    return {"dataset_version_id": dataset, "record_no": number, "email": f"{number}@example.com", "variables": "{}"}


def _write(*steps: tuple[Rows, list[dict[str, Any]]]) -> None:
    batch = Batch()
    for rows, values in steps:
        batch.add(rows, *values)
    with transaction():
        only_write(db.session.connection())
        batch.write(db.session.connection())


def _emails(dataset: int) -> list[str | None]:
    wanted = select(Record.email).where(Record.dataset_version_id == dataset).order_by(Record.record_no)
    with single_reads() as connection:
        return list(connection.scalars(wanted))


def test_what_is_written_is_what_objects_read(app: Flask) -> None:
    number = new_id()
    _write((_DATASETS, [_dataset(number)]))
    row = db.session.get_one(DatasetVersion, number)
    assert (row.ready, row.record_count, row.columns, row.created_at) == (True, 2, _ODD, _MOMENT)
    assert (row.email_count, row.audience_id) == (0, None)


def test_a_look_gives_the_types_of_its_columns(app: Flask) -> None:
    number = new_id()
    _write((_DATASETS, [_dataset(number)]))
    with single_reads() as connection:
        assert _LOOK.first(connection, {"id": number}) == (number, True, _ODD, _MOMENT)
        assert _LOOK.first(connection, {"id": new_id()}) is None


@pytest.mark.parametrize("count", [1, 3])
def test_rows_of_several_tables_are_written_in_their_order(app: Flask, count: int) -> None:
    number = new_id()
    _write((_DATASETS, [_dataset(number)]), (_RECORDS, [_record(number, one) for one in range(count)]))
    assert _emails(number) == [f"{one}@example.com" for one in range(count)]


def test_the_same_table_may_come_again(app: Flask) -> None:
    first, second = new_id(), new_id()
    _write(
        (_DATASETS, [_dataset(first)]),
        (_RECORDS, [_record(first, 0)]),
        (_DATASETS, [_dataset(second)]),
        (_RECORDS, [_record(second, 0)]),
    )
    assert _emails(first) == _emails(second) == ["0@example.com"]


def test_many_rows_are_cut_into_statements_that_the_driver_remembers(app: Flask) -> None:
    numbers = [new_id() for _ in range(40)]
    _write(*((_DATASETS, [_dataset(number)]) for number in numbers))
    with single_reads() as connection:
        assert all(_LOOK.first(connection, {"id": number}) for number in numbers)


def test_one_row_that_cannot_be_written_leaves_nothing(app: Flask) -> None:
    number = new_id()
    with pytest.raises(IntegrityError):
        _write((_DATASETS, [_dataset(number)]), (_RECORDS, [_record(number, 0)]), (_RECORDS, [_record(number, 0)]))
    assert db.session.get(DatasetVersion, number) is None


def test_what_comes_then_finds_what_was_written(app: Flask) -> None:
    number, seen = new_id(), []
    batch = Batch()
    batch.add(_DATASETS, _dataset(number))
    batch.then(lambda connection: seen.append(_LOOK.first(connection, {"id": number})))
    with transaction():
        batch.write(db.session.connection())
    assert seen == [(number, True, _ODD, _MOMENT)]


def test_single_rows_are_one_statement_on_postgresql(app: Flask) -> None:
    number = new_id()
    with recorded("INSERT", "WITH") as statements:
        _write((_DATASETS, [_dataset(number)]), (_RECORDS, [_record(number, 0)]))
    assert len(statements) == (1 if db.engine.dialect.name == "postgresql" else 2)


def test_a_default_made_for_each_row_has_to_be_given() -> None:
    with pytest.raises(TypeError, match=r"jobs\.id"):
        Rows(Job, "created_at")
    with pytest.raises(TypeError, match="created_at"):
        Rows(DatasetVersion, "id")
