"""Writing down what people did, in the transaction that did it."""

from __future__ import annotations

from typing import Any

from flask import g, has_request_context, request
from flask_login import current_user

from dashboard.audit.models import AuditEntry
from dashboard.extensions import db


def record(
    action: str,
    row: Any = None,
    *,
    summary: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEntry:
    """Add an entry (`action` like "campaign.launch") about `row`, an identified object or None.

    Call it inside `transaction()`. Who and from where come from the request; without one it was the system.
    """
    entry = AuditEntry(
        action=action,
        object_kind=getattr(row, "__tablename__", ""),
        object_id=getattr(row, "id", None),
        summary=summary,
        before=before,
        after=after,
    )
    if has_request_context():
        entry.request_id = g.get("request_id", "")
        entry.remote_address = request.remote_addr or ""
        if current_user.is_authenticated:
            entry.user_id = current_user.id
            entry.user_name = current_user.username
        elif caller := g.get("api_caller"):
            entry.user_name = f"API key {caller.name}"[:80]
    db.session.add(entry)
    return entry
