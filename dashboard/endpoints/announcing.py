"""Announcing an event to the webhook endpoints that subscribe to its kind, in the transaction of the event itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from dashboard.direct import Look
from dashboard.endpoints.models import WebhookDelivery, WebhookEndpoint
from dashboard.extensions import after_commit, db, utc_now
from dashboard.ids import new_id, public_id
from worker.queues import Queue, enqueue

Data = Mapping[str, Any]


def announce(kind: str, data: Data | Callable[[], Data]) -> int:
    """Write a delivery for every endpoint that wants events of this kind; how many there are.

    Call it inside `transaction()`: the event and its deliveries are written together or not at all, and the lane is
    told after the commit. `data` is JSON-ready, or a function that makes it, called only where somebody listens.
    """
    ids = [number for number, kinds in _LISTENING.rows(db.session.connection(), {}) if kind in kinds]
    if ids:
        now = utc_now()
        payload = payload_of(kind, now, data() if callable(data) else data)
        first = new_id()
        event_id = public_id("wev", first)
        rows = [
            delivery_row(first + number, endpoint_id, event_id, kind, payload, now)
            for number, endpoint_id in enumerate(ids)
        ]
        db.session.execute(insert(WebhookDelivery), rows)
        after_commit(enqueue, "deliver_webhooks", queue=Queue.PERIODIC)
    return len(ids)


_LISTENING = Look(select(WebhookEndpoint.id, WebhookEndpoint.kinds).where(WebhookEndpoint.enabled))


def payload_of(kind: str, now: datetime, data: Data) -> str:
    """The body of a delivery as it is signed and sent."""
    body = {"type": kind, "timestamp": now.isoformat(), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def delivery_row(
    delivery_id: int, endpoint_id: int, event_id: str, kind: str, payload: str, now: datetime, items: int = 1
) -> dict[str, Any]:
    """The columns of a new delivery, due now."""
    return {
        "id": delivery_id,
        "endpoint_id": endpoint_id,
        "event_id": event_id,
        "kind": kind,
        "items": items,
        "payload": payload,
        "next_try_at": now,
        "created_at": now,
    }
