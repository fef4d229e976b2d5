"""Audiences: whom campaigns write to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, JsonValue

from dashboard.api.identifiers import Name, PublicId, Tags, Version, found_id
from dashboard.api.paging import Paged, cursor_of
from dashboard.api.resource import Input, Output, Reply, caller, needs, resource
from dashboard.api_keys.models import Scope
from dashboard.audiences import queries, services
from dashboard.audiences.models import Audience
from dashboard.audiences.records import rows
from dashboard.ids import public_id
from dashboard.problems import NotFound

api = resource("Audiences", "Records with addresses and variables, version by version.")


class AudiencePath(Input):
    audience: PublicId


class AudiencesIn(Input):
    q: str = Field("", max_length=200)
    tag: str = Field("", max_length=40)
    state: Literal["", "active", "archived"] = ""
    after: str | None = Field(None, max_length=40)


class RecordsIn(Input):
    first: int = Field(0, ge=0, le=2_000_000_000, description="Number of the first record.")
    limit: int = Field(50, ge=1, le=200)


class AudienceIn(Input):
    name: Name
    description: str = Field("", max_length=2000)
    tags: Tags = []


class AudienceUpdateIn(AudienceIn):
    version: Version = None


class AudienceOut(Output):
    """An audience and the version that campaigns take now."""

    id: str
    name: str
    description: str
    tags: list[str]
    archived: bool
    version: int = Field(description="Counts every change; pass it when you save.")
    records: int
    emails: int
    phones: int
    push_tokens: int
    columns: list[str] = Field(description="Names under which templates reach the columns.")
    current_version: str | None
    created_at: datetime
    updated_at: datetime


class AudiencesOut(Paged):
    items: list[AudienceOut]


class RecordOut(Output):
    record_no: int
    values: dict[str, JsonValue]


class RecordsOut(Output):
    items: list[RecordOut]


@api.get("/audiences", responses={200: AudiencesOut})
@needs(Scope.AUDIENCES, Scope.CAMPAIGNS)
def index(query: AudiencesIn) -> Reply:
    """List audiences, newest first"""
    filters = queries.AudienceFilter(q=query.q, tag=query.tag, state=query.state)
    page = queries.list_audiences(filters, after=cursor_of("adn", query.after), before=None)
    last = page.rows[-1].audience.public_id if page.rows and page.has_older else None
    return AudiencesOut(items=[_out(row.audience) for row in page.rows], next=last)


@api.post("/audiences", responses={201: AudienceOut})
@needs(Scope.AUDIENCES)
def create(body: AudienceIn) -> Reply:
    """Create an audience

    It has no records until an import is loaded.
    """
    made = services.create_audience(
        name=body.name, description=body.description, tags=body.tags, created_by=caller().created_by
    )
    return _out(made), 201


@api.get("/audiences/<audience>", responses={200: AudienceOut})
@needs(Scope.AUDIENCES, Scope.CAMPAIGNS)
def show(path: AudiencePath) -> Reply:
    """An audience"""
    return _out(_load(path))


@api.put("/audiences/<audience>", responses={200: AudienceOut})
@needs(Scope.AUDIENCES)
def update(path: AudiencePath, body: AudienceUpdateIn) -> Reply:
    """Rename or describe an audience"""
    return _out(
        services.update_audience(
            audience_id=_load(path).id,
            name=body.name,
            description=body.description,
            tags=body.tags,
            version=body.version,
        )
    )


@api.post("/audiences/<audience>/archive", responses={200: AudienceOut})
@needs(Scope.AUDIENCES)
def archive(path: AudiencePath) -> Reply:
    """Archive an audience"""
    return _out(services.archive_audience(audience_id=_load(path).id))


@api.post("/audiences/<audience>/unarchive", responses={200: AudienceOut})
@needs(Scope.AUDIENCES)
def unarchive(path: AudiencePath) -> Reply:
    """Take an audience out of the archive"""
    return _out(services.unarchive_audience(audience_id=_load(path).id))


@api.get("/audiences/<audience>/records", responses={200: RecordsOut})
@needs(Scope.AUDIENCES)
def records(path: AudiencePath, query: RecordsIn) -> Reply:
    """Records of the current version"""
    version = queries.current_version(_load(path))
    if version is None:
        return RecordsOut(items=[])
    names = [queries.name_in_templates(column) for column in version.columns]
    items = [
        RecordOut(record_no=row.record_no, values=_named(names, row.values))
        for row in rows(version, query.first, query.limit)
    ]
    return RecordsOut(items=items)


def _named(names: Sequence[str | None], values: Any) -> dict[str, Any]:
    return {name: value for name, value in zip(names, values, strict=False) if name}


def _load(path: AudiencePath) -> Audience:
    try:
        return queries.audience(found_id("adn", path.audience, "audience"))
    except NotFound as problem:
        raise NotFound(f"There is no audience {path.audience}.") from problem


def _out(audience: Audience) -> AudienceOut:
    version = queries.current_version(audience)
    return AudienceOut(
        id=audience.public_id,
        name=audience.name,
        description=audience.description,
        tags=audience.tags,
        archived=audience.archived_at is not None,
        version=audience.version,
        records=version.record_count if version else 0,
        emails=version.email_count if version else 0,
        phones=version.phone_count if version else 0,
        push_tokens=version.push_count if version else 0,
        columns=queries.column_names(version) if version else [],
        current_version=public_id("dsv", version.id) if version else None,
        created_at=audience.created_at,
        updated_at=audience.updated_at,
    )
