"""Providers without their secrets, and the routes to them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictBool, StrictInt, model_validator

from dashboard.api.identifiers import PublicId, found_id, named_id
from dashboard.api.paging import Paged
from dashboard.api.resource import Input, Output, Reply, needs, resource
from dashboard.api_keys.models import Scope
from dashboard.ids import public_id
from dashboard.providers import queries, routes, services
from dashboard.providers.models import Provider
from dashboard.providers.routes import HEAVIEST, MOST_IN_A_ROUTE, Entry

api = resource("Providers", "Who carries messages, and the default for each kind of message.")


class ProviderPath(Input):
    provider: PublicId


class RoutePath(Input):
    channel: Literal["email", "sms", "push"]
    category: Literal["transactional", "promotional", "otp"]


class RouteEntryIn(Input):
    provider: PublicId
    weight: StrictInt = Field(0, ge=0, le=HEAVIEST, description="Share among those that have one; 0 stands by.")


class RouteIn(Input):
    """The whole route in order, or only who is first in it."""

    provider: PublicId | None = Field(None, description="Put first; the others stand by. null empties the route.")
    providers: list[RouteEntryIn] | None = Field(None, max_length=MOST_IN_A_ROUTE, description="The route, in order.")

    @model_validator(mode="after")
    def _one_of_them(self) -> RouteIn:
        if ("provider" in self.model_fields_set) == (self.providers is not None):
            raise ValueError("give either provider or providers")
        return self

    def entries(self) -> list[Entry] | None:
        """The route for the services, None where only the first one is given. Raises Refused (422)."""
        if self.providers is None:
            return None
        found = []
        for number, one in enumerate(self.providers):
            provider_id = named_id("prv", one.provider, f"providers.{number}.provider")
            found.append(Entry(provider_id or 0, one.weight))
        return found


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


class RouteEntryOut(Output):
    provider: str
    weight: int


class RouteOut(Output):
    """The route of a kind of message. Those with a weight share the messages, the others stand by in order."""

    channel: str
    category: str
    provider: str | None = Field(description="The first one.")
    providers: list[RouteEntryOut]


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
def list_routes() -> Reply:
    """Which providers carry what"""
    cells = [cell for row in queries.routing() for cell in row.cells]
    return RoutesOut(items=[_route_out(cell.channel, cell.category) for cell in cells], next=None)


@api.put("/routes/<channel>/<category>", responses={200: RouteOut})
@needs(Scope.ADMIN)
def set_route(path: RoutePath, body: RouteIn) -> Reply:
    """Set the route of a kind of message

    Jobs made before keep the route that they were made with.
    """
    entries = body.entries()
    if entries is None:
        first = named_id("prv", body.provider, "provider")
        routes.set_default(channel=path.channel, category=path.category, provider_id=first)
    else:
        routes.set_route(channel=path.channel, category=path.category, entries=entries)
    return _route_out(path.channel, path.category)


def _route_out(channel: str, category: str) -> RouteOut:
    stops = [
        RouteEntryOut(provider=public_id("prv", entry.provider_id), weight=entry.weight)
        for entry in routes.entries_of(channel, category)
    ]
    first = stops[0].provider if stops else None
    return RouteOut(channel=channel, category=category, provider=first, providers=stops)


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
