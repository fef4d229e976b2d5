"""The migration that cuts the ledger into months, over rows that are there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask_migrate import upgrade
from sqlalchemy import insert, select

from dashboard.extensions import db, read_connection, utc_now, write_connection
from dashboard.ids import id_at
from dashboard.messages.models import Message, MessageEvent
from dashboard.messages.partitions import TABLES, parts
from tests.migrations.test_schema import FOLDER, empty_app

BEFORE = "0011"
MOMENTS = [datetime(2024, 2, 29, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), datetime(2031, 12, 31, tzinfo=UTC)]


def row(number: int, moment: datetime) -> dict[str, object]:
    return {
        "id": id_at(moment), "job_id": 1, "record_no": number, "chunk_no": 0, "template_id": 1,
        "template_version_id": 1, "provider_id": 1, "channel": "email", "category": "otp", "is_test": False,
        "recipient": f"person{number}@example.com", "state": "sent", "attempts": 1, "maybe_twice": False,
        "updated_at": utc_now(),
    }  # fmt: skip


def event(moment: datetime) -> dict[str, object]:
    return {"id": id_at(moment), "message_id": id_at(moment), "at": moment, "kind": "note", "code": "", "detail": ""}


def test_rows_that_are_there_become_the_first_part(
    database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    app = empty_app(database_kind, tmp_path / "cut", request)
    with app.app_context():
        upgrade(directory=str(FOLDER), revision=BEFORE)
        with write_connection() as connection:
            connection.execute(insert(Message), [row(number, moment) for number, moment in enumerate(MOMENTS)])
            connection.execute(insert(MessageEvent), [event(moment) for moment in MOMENTS])
        upgrade(directory=str(FOLDER))
        with write_connection() as connection:  # the month after the newest row is there at once
            connection.execute(insert(Message), [row(9, datetime(2032, 1, 1, tzinfo=UTC))])
        with read_connection() as connection:
            found = connection.execute(select(Message.id, Message.recipient).order_by(Message.id)).all()
            events = list(connection.scalars(select(MessageEvent.id).order_by(MessageEvent.id)))
            names = {part.name for part in parts(connection)}
        db.engine.dispose()
    assert [name for _, name in found] == [f"person{number}@example.com" for number in (0, 1, 2, 9)]
    assert events == [id_at(moment) for moment in MOMENTS]
    expected = {f"{table}_{month}" for table in TABLES for month in ("until_2032_01", "2032_01", "2032_02", "2032_03")}
    assert names == (expected if database_kind == "postgres" else set())
