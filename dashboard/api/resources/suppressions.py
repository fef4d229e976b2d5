"""The suppression list."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from dashboard.api.errors import Refused
from dashboard.api.identifiers import PublicId, found_id
from dashboard.api.paging import Paged, cursor_of, next_of
from dashboard.api.resource import Input, Output, Reply, caller, needs, resource
from dashboard.api_keys.models import Scope
from dashboard.problems import NotFound
from dashboard.suppressions import queries, services
from dashboard.suppressions.models import Suppression, SuppressionReason, SuppressionScope

api = resource("Suppressions", "Addresses that are not written to.")


class SuppressionPath(Input):
    suppression: PublicId


class SuppressionsIn(Input):
    address: str = Field("", max_length=320, description="The address begins with it.")
    channel: Literal["", "email", "sms", "push"] = ""
    scope: Literal["", "promotional", "all"] = ""
    reason: str = Field("", max_length=16)
    after: str | None = Field(None, max_length=40)


class SuppressIn(Input):
    addresses: list[str] = Field(min_length=1, max_length=1000, description="Addresses of the channel.")
    channel: Literal["email", "sms", "push"] = "email"
    scope: Literal["promotional", "all"] = "promotional"
    note: str = Field("", max_length=500)


class LiftIn(Input):
    reason: str = Field(min_length=1, max_length=500, description="For those who ask later.")


class SuppressionOut(Output):
    """An address that is not written to."""

    id: str
    channel: str
    address: str
    scope: str
    reason: str
    note: str
    created_at: datetime


class SuppressionsOut(Paged):
    items: list[SuppressionOut]


class AddedOut(Output):
    """What became of one address."""

    index: int
    address: str
    ok: bool
    outcome: str


class AddedListOut(Output):
    items: list[AddedOut]


@api.get("/suppressions", responses={200: SuppressionsOut})
@needs(Scope.AUDIENCES)
def index(query: SuppressionsIn) -> Reply:
    """List suppressed addresses, newest first"""
    filters = queries.Filters(
        address=query.address.lower(), channel=query.channel, scope=query.scope, reason=query.reason
    )
    page = queries.page(filters, after=cursor_of("sup", query.after), before=None)
    return SuppressionsOut(items=[_out(row) for row in page.rows], next=next_of(page, "sup"))


@api.post("/suppressions", responses={200: AddedListOut})
@needs(Scope.AUDIENCES)
def create(body: SuppressIn) -> Reply:
    """Suppress addresses

    Every address has a result of its own; good ones are added whatever the others are.
    """
    single = [" ".join(address.split()) or "-" for address in body.addresses]
    results = services.suppress_lines(
        text="\n".join(single), scope=SuppressionScope(body.scope), note=body.note, channel=body.channel
    )
    return AddedListOut(
        items=[
            AddedOut(index=index, address=body.addresses[index], ok=one.ok, outcome=one.outcome)
            for index, one in enumerate(results)
        ]
    )


@api.get("/suppressions/<suppression>", responses={200: SuppressionOut})
@needs(Scope.AUDIENCES)
def show(path: SuppressionPath) -> Reply:
    """A suppressed address"""
    return _out(_load(path))


@api.delete("/suppressions/<suppression>", responses={200: SuppressionOut})
@needs(Scope.AUDIENCES)
def lift(path: SuppressionPath, query: LiftIn) -> Reply:
    """Take an address off the list

    One that came from a spam complaint takes the scope admin.
    """
    row = _load(path)
    answer = _out(row)
    if row.reason == SuppressionReason.COMPLAINED and not caller().may(Scope.ADMIN):
        raise Refused(403, "scope_missing", "An address from a spam complaint takes the scope admin.")
    services.lift(suppression_id=row.id, reason=query.reason, complaints_too=True)
    return answer


def _load(path: SuppressionPath) -> Suppression:
    row = queries.find(found_id("sup", path.suppression, "suppression"))
    if row is None:
        raise NotFound("There is no such suppression. It may have been lifted.")
    return row


def _out(row: Suppression) -> SuppressionOut:
    return SuppressionOut(
        id=row.public_id,
        channel=row.channel,
        address=row.address,
        scope=row.scope,
        reason=row.reason,
        note=row.note,
        created_at=row.created_at,
    )
