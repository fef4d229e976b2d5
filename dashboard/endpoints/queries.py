"""Reading webhook endpoints and their deliveries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select

from dashboard.endpoints.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from dashboard.extensions import db
from dashboard.paging import Slice, fetch_slice
from dashboard.problems import NotFound

#: More endpoints than this are not listed; the newest come first.
SHOWN: Final = 200


def listed() -> Sequence[WebhookEndpoint]:
    """The newest endpoints first."""
    return db.session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.id.desc()).limit(SHOWN)).all()


def get_endpoint(endpoint_id: int) -> WebhookEndpoint:
    """The endpoint; raises NotFound."""
    endpoint = db.session.get(WebhookEndpoint, endpoint_id)
    if endpoint is None:
        raise NotFound("There is no such webhook endpoint. It may have been deleted.")
    return endpoint


def counts(endpoint_id: int) -> dict[str, int]:
    """How many deliveries are kept by state; states without any are 0."""
    statement = (
        select(WebhookDelivery.state, func.count())
        .where(WebhookDelivery.endpoint_id == endpoint_id)
        .group_by(WebhookDelivery.state)
    )
    found = {row[0]: row[1] for row in db.session.execute(statement)}
    return {state.value: found.get(state.value, 0) for state in DeliveryState}


def deliveries(
    endpoint_id: int, *, state: str = "", after: int | None = None, before: int | None = None, size: int = 50
) -> Slice[WebhookDelivery]:
    """A page of the deliveries to an endpoint, newest first, of one state or of all."""
    statement = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
    if state in set(DeliveryState):
        statement = statement.where(WebhookDelivery.state == state)
    return fetch_slice(statement, WebhookDelivery.id, after=after, before=before, size=size)


def get_delivery(delivery_id: int, endpoint_id: int | None = None) -> WebhookDelivery:
    """The delivery (of that endpoint); raises NotFound."""
    delivery = db.session.get(WebhookDelivery, delivery_id)
    if delivery is None or endpoint_id not in (None, delivery.endpoint_id):
        raise NotFound("There is no such delivery. It may have been deleted when its time was over.")
    return delivery


def readable(payload: str) -> str:
    """The payload with a field a line."""
    return json.dumps(json.loads(payload), ensure_ascii=False, indent=2)
