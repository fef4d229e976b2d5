"""One delivery with its payload and answer, and delivering again."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from dashboard.endpoints import queries, services
from dashboard.endpoints.models import DeliveryState
from dashboard.htmx import redirect_to, respond
from dashboard.problems import DomainError
from dashboard.security import requires

bp = Blueprint("deliveries", __name__)


@bp.get('/<pid("whe"):endpoint_id>/deliveries/<pid("whd"):delivery_id>')
@requires("webhooks.manage")
def show(endpoint_id: int, delivery_id: int) -> ResponseReturnValue:
    delivery = queries.get_delivery(delivery_id, endpoint_id)
    return respond(
        "endpoints/delivery.html",
        "state",
        endpoint=queries.get_endpoint(endpoint_id),
        delivery=delivery,
        payload=queries.readable(delivery.payload),
        # A try takes a moment; a wait for the next one does not want watching.
        poll=delivery.state == DeliveryState.PENDING and delivery.step == 0,
    )


@bp.post('/<pid("whe"):endpoint_id>/deliveries/<pid("whd"):delivery_id>/redeliver')
@requires("webhooks.manage")
def redeliver(endpoint_id: int, delivery_id: int) -> ResponseReturnValue:
    queries.get_delivery(delivery_id, endpoint_id)
    try:
        services.redeliver(delivery_id=delivery_id)
    except DomainError as problem:
        return redirect_to(_page_of(endpoint_id, delivery_id), problem.message, "bad")
    return redirect_to(_page_of(endpoint_id, delivery_id), "It is being delivered once more.")


@bp.post('/<pid("whe"):endpoint_id>/redeliver-failed')
@requires("webhooks.manage")
def redeliver_failed(endpoint_id: int) -> ResponseReturnValue:
    page = url_for("endpoints.show", endpoint_id=endpoint_id)
    try:
        count = services.redeliver_failed(endpoint_id=endpoint_id)
    except DomainError as problem:
        return redirect_to(page, problem.message, "bad")
    words = f"{count:,} {'delivery is' if count == 1 else 'deliveries are'} being made once more."
    return redirect_to(page, words if count else "Nothing has failed.")


@bp.post('/<pid("whe"):endpoint_id>/test')
@requires("webhooks.manage")
def send_test(endpoint_id: int) -> ResponseReturnValue:
    try:
        delivery = services.send_test(endpoint_id=endpoint_id)
    except DomainError as problem:
        return redirect_to(url_for("endpoints.show", endpoint_id=endpoint_id), problem.message, "bad")
    return redirect_to(_page_of(endpoint_id, delivery.id), "A test is on its way.")


def _page_of(endpoint_id: int, delivery_id: int) -> str:
    return url_for("endpoints.deliveries.show", endpoint_id=endpoint_id, delivery_id=delivery_id)
