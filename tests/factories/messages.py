"""Rows of the ledger, and what they hang on."""

from __future__ import annotations

from typing import Any

from dashboard.extensions import db, transaction
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
