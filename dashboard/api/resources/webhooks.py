"""Webhook endpoints and the deliveries to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from dashboard.api.identifiers import PublicId, Version, found_id
from dashboard.api.paging import Paged, cursor_of, limit_field, next_of
from dashboard.api.resource import Input, Output, Reply, needs, resource
from dashboard.api_keys.models import Scope
from dashboard.endpoints import queries, services
from dashboard.endpoints.models import WebhookDelivery, WebhookEndpoint
from dashboard.ids import public_id

api = resource("Webhooks", "Addresses of applications that are told what happens, and what was delivered to them.")

Kind = Literal[
    "message.sent", "message.delivered", "message.bounced", "message.failed", "message.complained", "message.unknown",
    "message.expired", "message.suppressed", "message.cancelled", "campaign.finished", "event.received",
]  # fmt: skip
Kinds = Annotated[list[Kind], Field(min_length=1, max_length=20)]


class EndpointPath(Input):
    endpoint: PublicId


class DeliveryPath(Input):
    delivery: PublicId


class EndpointIn(Input):
    name: str = Field(min_length=1, max_length=120)
    url: str = Field(min_length=1, max_length=2000, description="A whole address that begins with https://.")
    kinds: Kinds


class EndpointUpdateIn(EndpointIn):
    version: Version = None


class EndpointEnabledIn(Input):
    enabled: StrictBool


class DeliveriesIn(Input):
    state: Literal["", "pending", "delivered", "failed"] = ""
    after: str | None = Field(None, max_length=40)
    limit: int = limit_field()


class EndpointOut(Output):
    """A webhook endpoint, without its secret."""

    id: str
    name: str
    url: str
    kinds: list[str]
    state: str = Field(description="enabled, failing, disabled (by a person) or stopped (by itself).")
    disabled_reason: str
    failing_since: datetime | None
    version: int
    created_at: datetime


class EndpointsOut(Paged):
    items: list[EndpointOut]


class SecretOut(Output):
    """A new secret. It is not shown again."""

    id: str
    secret: str
    old_secret_until: datetime | None


class DeletedEndpointOut(Output):
    """What was deleted."""

    id: str
    name: str


class DeliveryOut(Output):
    """One event for one endpoint, and how its last try went."""

    id: str
    endpoint: str
    event_id: str = Field(description="The header webhook-id.")
    kind: str
    state: str
    attempts: int
    next_try_at: datetime | None
    last_status: int | None
    last_answer: str
    last_error: str
    created_at: datetime


class DeliveryDetailOut(DeliveryOut):
    """A delivery with what was sent."""

    payload: str


class DeliveriesOut(Paged):
    items: list[DeliveryOut]


class RedeliveredOut(Output):
    """How many deliveries are made once more."""

    count: int


@api.get("/webhook-endpoints", responses={200: EndpointsOut})
@needs(Scope.ADMIN)
def index() -> Reply:
    """List webhook endpoints, newest first"""
    return EndpointsOut(items=[_out(row) for row in queries.listed()], next=None)


@api.post("/webhook-endpoints", responses={201: EndpointOut})
@needs(Scope.ADMIN)
def create(body: EndpointIn) -> Reply:
    """Make a webhook endpoint

    Ask for its secret with a call of its own, so that no answer that is kept holds it.
    """
    endpoint, _ = services.create_endpoint(name=body.name, url=body.url, kinds=body.kinds)
    return _out(endpoint), 201


@api.get("/webhook-endpoints/<endpoint>", responses={200: EndpointOut})
@needs(Scope.ADMIN)
def show(path: EndpointPath) -> Reply:
    """A webhook endpoint"""
    return _out(queries.get_endpoint(_id(path)))


@api.put("/webhook-endpoints/<endpoint>", responses={200: EndpointOut})
@needs(Scope.ADMIN)
def update(path: EndpointPath, body: EndpointUpdateIn) -> Reply:
    """Change a webhook endpoint"""
    return _out(
        services.update_endpoint(
            endpoint_id=_id(path), name=body.name, url=body.url, kinds=body.kinds, version=body.version
        )
    )


@api.delete("/webhook-endpoints/<endpoint>", responses={200: DeletedEndpointOut})
@needs(Scope.ADMIN)
def delete(path: EndpointPath) -> Reply:
    """Delete a webhook endpoint with its deliveries"""
    number = _id(path)
    return DeletedEndpointOut(id=public_id("whe", number), name=services.delete_endpoint(endpoint_id=number))


@api.post("/webhook-endpoints/<endpoint>/enabled", responses={200: EndpointOut})
@needs(Scope.ADMIN)
def set_enabled(path: EndpointPath, body: EndpointEnabledIn) -> Reply:
    """Enable or disable a webhook endpoint

    What waits for a try goes on when it is enabled; what happens meanwhile is not told.
    """
    return _out(services.set_enabled(endpoint_id=_id(path), enabled=body.enabled))


@api.post("/webhook-endpoints/<endpoint>/secret", responses={200: SecretOut})
@needs(Scope.ADMIN, once=False)
def new_secret(path: EndpointPath) -> Reply:
    """Make a new signing secret

    Deliveries are signed with the old one too for 24 hours. An Idempotency-Key has no effect: each call makes a secret.
    """
    endpoint, secret = services.rotate_secret(endpoint_id=_id(path))
    return SecretOut(id=endpoint.public_id, secret=secret, old_secret_until=endpoint.old_secret_until)


@api.post("/webhook-endpoints/<endpoint>/test", responses={202: DeliveryOut})
@needs(Scope.ADMIN)
def send_test(path: EndpointPath) -> Reply:
    """Send a test delivery"""
    return _delivery(services.send_test(endpoint_id=_id(path))), 202


@api.post("/webhook-endpoints/<endpoint>/redeliver-failed", responses={202: RedeliveredOut})
@needs(Scope.ADMIN)
def redeliver_failed(path: EndpointPath) -> Reply:
    """Deliver everything once more that failed"""
    return RedeliveredOut(count=services.redeliver_failed(endpoint_id=_id(path))), 202


@api.get("/webhook-endpoints/<endpoint>/deliveries", responses={200: DeliveriesOut})
@needs(Scope.ADMIN)
def deliveries(path: EndpointPath, query: DeliveriesIn) -> Reply:
    """List the deliveries to an endpoint, newest first"""
    number = queries.get_endpoint(_id(path)).id
    page = queries.deliveries(number, state=query.state, after=cursor_of("whd", query.after), size=query.limit)
    return DeliveriesOut(items=[_delivery(row) for row in page.rows], next=next_of(page, "whd"))


@api.get("/webhook-deliveries/<delivery>", responses={200: DeliveryDetailOut})
@needs(Scope.ADMIN)
def delivery(path: DeliveryPath) -> Reply:
    """A delivery with its payload"""
    row = queries.get_delivery(found_id("whd", path.delivery, "delivery"))
    return DeliveryDetailOut(**_facts(row), payload=row.payload)


@api.post("/webhook-deliveries/<delivery>/redeliver", responses={202: DeliveryOut})
@needs(Scope.ADMIN)
def redeliver(path: DeliveryPath) -> Reply:
    """Deliver once more, with the same id and payload"""
    return _delivery(services.redeliver(delivery_id=found_id("whd", path.delivery, "delivery"))), 202


def _id(path: EndpointPath) -> int:
    return found_id("whe", path.endpoint, "webhook endpoint")


def _out(row: WebhookEndpoint) -> EndpointOut:
    return EndpointOut(
        id=row.public_id,
        name=row.name,
        url=row.url,
        kinds=row.kinds,
        state=row.state,
        disabled_reason=row.disabled_reason,
        failing_since=row.failing_since,
        version=row.version,
        created_at=row.created_at,
    )


def _delivery(row: WebhookDelivery) -> DeliveryOut:
    return DeliveryOut(**_facts(row))


def _facts(row: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "endpoint": public_id("whe", row.endpoint_id),
        "event_id": row.event_id,
        "kind": row.kind,
        "state": row.state,
        "attempts": row.attempts,
        "next_try_at": row.next_try_at,
        "last_status": row.last_status,
        "last_answer": row.last_answer,
        "last_error": row.last_error,
        "created_at": row.created_at,
    }
