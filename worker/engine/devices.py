"""Devices that are gone: nothing is sent to their tokens again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dashboard.ids import new_id, time_of
from dashboard.messages.models import Message, MessageState
from dashboard.push_tokens.models import DeviceState, PushToken
from dashboard.suppressions.models import Suppression, SuppressionReason, SuppressionScope
from worker.engine.rows import Change
from worker.providers.base import UNREGISTERED


def retire_devices(connection: Connection, channel: str, changes: Sequence[Change], now: datetime) -> None:
    """Suppress the tokens that these settled rows call dead, and mark them in the registry. Only push costs anything.

    One that the app registered again after the job was made is alive: the news is older than the registration.
    """
    if channel != "push":
        return
    words = {
        change.id: change.detail or "" for change in changes
        if change.code == UNREGISTERED and change.state is MessageState.BOUNCED
    }  # fmt: skip
    if not words:
        return
    rows = connection.execute(
        select(Message.id, Message.recipient).where(Message.id.in_(words)).order_by(Message.id)
    ).all()
    dead = {row.recipient: row.id for row in rows if not _came_back(connection, row.recipient, time_of(row.id))}
    for recipient, message_id in sorted(dead.items()):
        gone = {"state": DeviceState.GONE.value, "reason": words[message_id][:500], "gone_at": now}
        connection.execute(update(PushToken).where(PushToken.address == recipient).values(gone))
    if dead:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        values = [
            _entry(recipient, message_id, words[message_id], now) for recipient, message_id in sorted(dead.items())
        ]
        connection.execute(dialect.insert(Suppression).on_conflict_do_nothing(), values)


def _came_back(connection: Connection, address: str, since: datetime) -> bool:
    seen = select(PushToken.id).where(PushToken.address == address, PushToken.last_seen_at > since)
    return connection.execute(seen).first() is not None


def _entry(recipient: str, message_id: int, words: str, now: datetime) -> dict[str, object]:
    return {
        "id": new_id(),
        "channel": "push",
        "address": recipient.lower(),
        "scope": SuppressionScope.ALL.value,
        "reason": SuppressionReason.BOUNCED.value,
        "note": f"{UNREGISTERED} {words}".strip()[:500],
        "message_id": message_id,
        "created_at": now,
    }
