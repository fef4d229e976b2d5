"""Providers without their secrets, and the routes to them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictBool

from dashboard.api.identifiers import PublicId, found_id, named_id
from dashboard.api.paging import Paged
from dashboard.api.resource import Input, Output, Reply, needs, resource
from dashboard.api_keys.models import Scope
from dashboard.providers import queries, services
from dashboard.providers.models import Provider
from dashboard.providers.routes import set_default

api = resource("Providers", "Who carries messages, and the default for each kind of message.")


class ProviderPath(Input):
    provider: PublicId


class RoutePath(Input):
    channel: Literal["email", "sms", "push"]
    category: Literal["transactional", "promotional", "otp"]


class RouteIn(Input):
    provider: PublicId | None = Field(description="null leaves the category without a default.")


class EnabledIn(Input):
    enabled: StrictBool


class SenderOut(Output):
    address: str
    name: str
    default: bool


class ProviderOut(Output):
    """A provider; what it signs in with is never shown."""

    id: str
    name: str
    channel: str
    vendor: str
    enabled: bool
    archived: bool
    rate_per_second: float = Field(description="0: no limit.")
    last_error: str
    senders: list[SenderOut]


class ProvidersOut(Paged):
    items: list[ProviderOut]


class RouteOut(Output):
    """The default provider of a kind of message."""

    channel: str
    category: str
    provider: str | None


class RoutesOut(Paged):
    items: list[RouteOut]


@api.get("/providers", responses={200: ProvidersOut})
@needs(Scope.SEND, Scope.CAMPAIGNS)
def index() -> Reply:
    """List providers"""
    return ProvidersOut(items=[_out(row) for row in queries.listed()], next=None)


@api.get("/providers/<provider>", responses={200: ProviderOut})
@needs(Scope.SEND, Scope.CAMPAIGNS)
def show(path: ProviderPath) -> Reply:
    """A provider"""
    return _out(queries.find(_id(path)))


@api.post("/providers/<provider>/enabled", responses={200: ProviderOut})
@needs(Scope.ADMIN)
def set_enabled(path: ProviderPath, body: EnabledIn) -> Reply:
    """Enable or disable a provider

    Campaigns that run on a disabled provider pause themselves.
    """
    return _out(services.set_enabled(provider_id=_id(path), enabled=body.enabled))


@api.get("/routes", responses={200: RoutesOut})
@needs(Scope.SEND, Scope.CAMPAIGNS)
def routes() -> Reply:
    """Which provider is the default for what"""
    cells = [cell for row in queries.routing() for cell in row.cells]
    items = [
        RouteOut(
            channel=cell.channel,
            category=cell.category,
            provider=cell.provider.public_id if cell.provider else None,
        )
        for cell in cells
    ]
    return RoutesOut(items=items, next=None)


@api.put("/routes/<channel>/<category>", responses={200: RouteOut})
@needs(Scope.ADMIN)
def set_route(path: RoutePath, body: RouteIn) -> Reply:
    """Set the default provider of a kind of message"""
    provider_id = named_id("prv", body.provider, "provider")
    set_default(channel=path.channel, category=path.category, provider_id=provider_id)
    return RouteOut(channel=path.channel, category=path.category, provider=body.provider)


def _id(path: ProviderPath) -> int:
    return found_id("prv", path.provider, "provider")


def _out(row: Provider) -> ProviderOut:
    return ProviderOut(
        id=row.public_id,
        name=row.name,
        channel=row.channel,
        vendor=row.vendor,
        enabled=row.enabled,
        archived=row.archived_at is not None,
        rate_per_second=row.rate_per_second or 0,
        last_error=row.last_error,
        senders=[
            SenderOut(address=sender.address, name=sender.display_name, default=sender.is_default)
            for sender in row.senders
        ],
    )
