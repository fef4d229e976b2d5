"""Audit entries for tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dashboard.audit.models import AuditEntry
from dashboard.extensions import db, transaction
from dashboard.ids import id_at, new_id


def add_entry(action: str = "user.create", *, at: datetime | None = None, **values: Any) -> AuditEntry:
    """An entry in the log; `at` also decides its id, as it does in life."""
    with transaction():
        entry = AuditEntry(action=action, **values)
        if at is not None:
            entry.id, entry.at = id_at(at) + new_id() % 1000, at
        db.session.add(entry)
    return entry
