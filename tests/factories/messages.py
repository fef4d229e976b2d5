"""Rows of the ledger, and what they hang on."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.messages.models import Message, MessageState


def add_message(**values: Any) -> Message:
    """One saved row of the ledger; its job and template need not exist."""
    defaults: dict[str, Any] = {
        "id": new_id(), "job_id": new_id(), "record_no": 0, "chunk_no": 0, "template_id": 1, "template_version_id": 1,
        "provider_id": 1, "channel": "email", "category": "promotional", "recipient": "ada@example.com",
        "state": MessageState.SENT, "attempts": 1,
    }  # fmt: skip
    row = Message(**(defaults | values))
    with transaction():
        db.session.add(row)
    return row


def add_messages(count: int, event_id: int | None = None) -> None:
    """Many sent messages of one job, a bulk insert."""
    first, job_id = new_id(), new_id()
    rows = [
        {
            "id": first + number, "job_id": job_id, "record_no": number, "chunk_no": 0, "template_id": 1,
            "template_version_id": 1, "provider_id": 1, "channel": "email", "category": "promotional",
            "recipient": f"person{number}@example.com", "is_test": False, "state": "sent", "attempts": 1,
            "maybe_twice": False, "updated_at": utc_now(), "event_id": event_id,
        }
        for number in range(count)
    ]  # fmt: skip
    with transaction():
        db.session.execute(insert(Message), rows)
