"""What the migrations make of events that are there: a first version, and messages that know their event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask_migrate import upgrade
from sqlalchemy import text

from dashboard.events.definition import Definition
from dashboard.events.models import Event, EventVersion
from dashboard.extensions import db
from dashboard.ids import new_id
from dashboard.messages.models import Message
from tests.migrations.test_schema import FOLDER, empty_app

WINDOW = {"opens": "09:00", "closes": "18:00", "days": [0], "zone": "Asia/Kolkata"}
VARIABLES = [{"path": "country", "type": "text", "required": True, "sample": "IN", "pii": False}]
NOW = "2026-11-26 10:00:00+00:00"


def insert(table: str, **values: Any) -> None:
    """A row as an older release wrote it."""
    names = ", ".join(values)
    with db.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            values = {name: value.removesuffix("+00:00") if value == NOW else value for name, value in values.items()}
        places = ", ".join(f":{name}" for name in values)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)


def test_events_begin_their_history_and_messages_know_theirs(
    database_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    app = empty_app(database_kind, tmp_path / "older", request)
    event, receipt, message = new_id(), new_id(), new_id()
    with app.app_context():
        upgrade(directory=str(FOLDER), revision="0021")
        rules = {"idempotency_path": "country", "dedup_seconds": 60, "cap_count": 3, "cap_seconds": 7}
        insert(
            "events", id=event, version=4, slug="paid", name="Order paid", description="", group_name="Orders",
            subgroup="", enabled=False, variables=json.dumps(VARIABLES), conditions="{}", **rules, expires_seconds=0,
            send_window=json.dumps(WINDOW), updated_by=7, created_at=NOW, updated_at=NOW,
        )  # fmt: skip
        insert(
            "event_deliveries", id=new_id(), event_id=event, channel="sms", subscribed=False, category="",
            delay_seconds=5, fallback_of="", fallback_seconds=600,
        )  # fmt: skip
        insert(
            "event_receipts", id=receipt, event_id=event, received_at=NOW, state="sent", reason="", place="",
            payload="{}", recipient="{}", customer_key="", is_test=False,
        )  # fmt: skip
        insert(
            "event_sends", id=new_id(), receipt_id=receipt, channel="sms", template_id=1, category="", state="sent",
            reason="", after_seconds=0, message_id=message,
        )  # fmt: skip
        for number in range(2):
            insert(
                "messages", id=message + number, job_id=1, record_no=0, chunk_no=0, template_id=1,
                template_version_id=1, provider_id=1, channel="sms", category="transactional", recipient="+47",
                is_test=False, state="sent", attempts=1, maybe_twice=False, updated_at=NOW,
            )  # fmt: skip
        upgrade(directory=str(FOLDER))
        version = db.session.query(EventVersion).one()
        assert (version.number, version.created_by) == (1, 7)
        assert version.content == Definition.of(db.session.get_one(Event, event)).written()
        owners = [db.session.get_one(Message, message + number).event_id for number in range(2)]
        assert owners == [event, None]
        db.session.remove()
        db.engine.dispose()
