"""Tokens of devices."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from dashboard.api.identifiers import PublicId, found_id
from dashboard.api.paging import Paged, cursor_of, next_of
from dashboard.api.resource import Input, Output, Reply, needs, resource
from dashboard.api_keys.models import Scope
from dashboard.problems import NotFound
from dashboard.push_tokens import queries, services
from dashboard.push_tokens.models import Platform, PushToken

api = resource("Push tokens", "Devices that notifications can be sent to.")


class PushTokenPath(Input):
    push_token: PublicId


class PushTokensIn(Input):
    customer_id: str = Field("", max_length=160)
    token: str = Field("", max_length=4096)
    after: str | None = Field(None, max_length=40)


class PushTokenIn(Input):
    token: str = Field(
        min_length=1,
        max_length=4096,
        description="What the device registered with at its vendor; for browsers the subscription as JSON.",
    )
    platform: Platform
    app: str = Field("", max_length=160, description="For several apps: which one.")
    customer_id: str = Field("", max_length=160, description="Your own id of the device's owner.")


class PushTokenUpdateIn(Input):
    token: str | None = Field(None, min_length=1, max_length=4096, description="The device's new token.")
    platform: Platform | None = None
    app: str | None = Field(None, max_length=160)
    customer_id: str | None = Field(None, max_length=160)


class PushTokenOut(Output):
    """A device. One that is `gone` was called dead by its vendor and gets nothing."""

    id: str
    token: str
    platform: Platform
    app: str
    customer_id: str
    state: str
    reason: str
    last_seen_at: datetime
    created_at: datetime


class PushTokensOut(Paged):
    items: list[PushTokenOut]


@api.get("/push-tokens", responses={200: PushTokensOut})
@needs(Scope.SEND, Scope.AUDIENCES)
def index(query: PushTokensIn) -> Reply:
    """List devices, newest first"""
    page = queries.page(customer_id=query.customer_id, token=query.token, after=cursor_of("dev", query.after))
    return PushTokensOut(items=[_out(row) for row in page.rows], next=next_of(page, "dev"))


@api.post("/push-tokens", responses={200: PushTokenOut})
@needs(Scope.SEND, Scope.AUDIENCES)
def register(body: PushTokenIn) -> Reply:
    """Register a device

    A token that is known is brought up to date. Apps may call this at every start.
    """
    return _out(services.register(token=body.token, platform=body.platform, app=body.app, customer_id=body.customer_id))


@api.get("/push-tokens/<push_token>", responses={200: PushTokenOut})
@needs(Scope.SEND, Scope.AUDIENCES)
def show(path: PushTokenPath) -> Reply:
    """A device"""
    row = queries.find(_id(path))
    if row is None:
        raise NotFound("There is no such device. It may have been removed.")
    return _out(row)


@api.put("/push-tokens/<push_token>", responses={200: PushTokenOut})
@needs(Scope.SEND, Scope.AUDIENCES)
def update(path: PushTokenPath, body: PushTokenUpdateIn) -> Reply:
    """Change a device, or give it a new token

    What is left out stays as it is.
    """
    return _out(
        services.change(
            token_id=_id(path),
            token=body.token,
            platform=body.platform,
            app=body.app,
            customer_id=body.customer_id,
        )
    )


@api.delete("/push-tokens/<push_token>", responses={200: PushTokenOut})
@needs(Scope.SEND, Scope.AUDIENCES)
def remove(path: PushTokenPath) -> Reply:
    """Remove a device"""
    row = queries.find(_id(path))
    if row is None:
        raise NotFound("There is no such device. It may have been removed.")
    answer = _out(row)
    services.remove(token_id=row.id)
    return answer


def _id(path: PushTokenPath) -> int:
    return found_id("dev", path.push_token, "device")


def _out(row: PushToken) -> PushTokenOut:
    return PushTokenOut(
        id=row.public_id,
        token=row.token,
        platform=Platform(row.platform),
        app=row.app,
        customer_id=row.customer_id,
        state=row.state,
        reason=row.reason,
        last_seen_at=row.last_seen_at,
        created_at=row.created_at,
    )
