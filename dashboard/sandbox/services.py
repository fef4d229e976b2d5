"""Emptying the sandbox's inbox."""

from __future__ import annotations

from sqlalchemy import delete

from dashboard.audit.services import record
from dashboard.extensions import db, transaction
from dashboard.providers.models import SandboxMail


def empty_inbox() -> int:
    """Delete every message; the number of them. The ledger keeps its rows."""
    with transaction():
        removed = db.session.connection().execute(delete(SandboxMail)).rowcount
        record("sandbox.empty", summary=f"{removed} messages deleted")
    return removed
