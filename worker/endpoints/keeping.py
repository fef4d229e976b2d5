"""How long deliveries are kept: those that arrived three days, those that failed a month."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Engine, and_, delete, or_, select

from dashboard.endpoints.models import DeliveryState, WebhookDelivery
from dashboard.extensions import write_connection
from dashboard.ids import id_at

DELIVERED_DAYS: Final = 3
FAILED_DAYS: Final = 30
_AT_ONCE: Final = 2_000


def forget_deliveries(engine: Engine, now: datetime) -> int:
    """Delete what is too old, in small transactions; how many. What still waits for a try is kept."""
    old = or_(
        and_(WebhookDelivery.state == DeliveryState.DELIVERED.value, _before(now, DELIVERED_DAYS)),
        and_(WebhookDelivery.state == DeliveryState.FAILED.value, _before(now, FAILED_DAYS)),
    )
    gone = 0
    while True:
        ids = select(WebhookDelivery.id).where(old).order_by(WebhookDelivery.id).limit(_AT_ONCE)
        with write_connection(engine) as connection:
            count = connection.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(ids))).rowcount
        gone += count
        if count < _AT_ONCE:
            return gone


def _before(now: datetime, days: int) -> ColumnElement[bool]:
    return WebhookDelivery.id < id_at(now - timedelta(days=days))
