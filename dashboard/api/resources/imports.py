"""Imports: a CSV file on its way into an audience, step by step."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from flask import request
from flask_openapi3.models import RawModel
from pydantic import Field, JsonValue

from dashboard.api.errors import Refused
from dashboard.api.idempotency import OnceOfAFile
from dashboard.api.identifiers import PublicId, found_id
from dashboard.api.resource import Input, Output, Reply, as_response, caller, needs, resource
from dashboard.api_keys.models import Scope
from dashboard.audiences import import_services, queries
from dashboard.audiences.models import AudienceImport
from dashboard.audiences.uploads import TooLarge
from dashboard.current import current_settings
from dashboard.ids import public_id
from worker.imports.mapping import Column

api = resource("Imports", "Upload a CSV file, check it, load it as a new version of an audience.")


class CsvBody(RawModel):
    mimetypes = ["text/csv"]


class AudiencePath(Input):
    audience: PublicId


class ImportPath(Input):
    id: PublicId


class ImportIn(Input):
    filename: str = Field("upload.csv", min_length=1, max_length=255)


class ColumnIn(Input):
    name: str = Field(max_length=500)
    target: Literal["email", "phone", "external_id", "push_token", "variable", "ignore"]
    variable: str = Field("", max_length=80)


class CheckIn(Input):
    """How the file is read. What is left out is taken as guessed from the file."""

    columns: list[ColumnIn] | None = Field(None, max_length=500)
    mode: Literal["replace", "append"] | None = None
    duplicates: Literal["first", "last", "reject"] | None = None
    default_country: str | None = Field(None, pattern="^[A-Z]{2}$")


class ImportColumnOut(Output):
    name: str
    target: str
    variable: str


class ImportOut(Output):
    """An import."""

    id: str
    audience: str
    state: str = Field(
        description="uploading, mapping, checking, ready, loading, loaded, loaded_with_rejects, failed …"
    )
    filename: str
    received: int
    rows_done: int
    rows_total: int
    columns: list[ImportColumnOut]
    report: dict[str, JsonValue] = Field(description="What the check found.")
    problem: str
    created_at: datetime
    updated_at: datetime


@api.post("/audiences/<audience>/imports", responses={201: ImportOut})
@needs(Scope.AUDIENCES)
def create(path: AudiencePath, body: ImportIn) -> Reply:
    """Begin an import

    Then PUT the file to /imports/{id}/data, POST to /imports/{id}/check, and to /imports/{id}/load.
    """
    audience = queries.audience(found_id("adn", path.audience, "audience"))
    made = import_services.create_import(
        audience_id=audience.id, source="upload", filename=body.filename, created_by=caller().created_by
    )
    return _out(made), 201


@api.put("/imports/<id>/data", responses={200: ImportOut})
@needs(Scope.AUDIENCES, once=False)
def upload(path: ImportPath, raw: CsvBody) -> Reply:  # noqa: ARG001 - names the type for the document
    """Upload the file

    The body is the CSV file itself. Its columns are guessed; look at `columns` before the check.
    """
    if request.mimetype != "text/csv":
        raise Refused(415, "unsupported_media_type", "The body has to be CSV.", hint="Send Content-Type: text/csv.")
    row, once = _load(path), OnceOfAFile(caller().id)
    request.max_content_length = current_settings().upload_limit
    try:
        import_services.receive_once(
            import_id=row.id, source=once, first=once.first, done=lambda made: once.keep(as_response(_out(made)))
        )
    except TooLarge as problem:
        raise Refused(413, "too_large", problem.message) from problem
    return once.answer


@api.get("/imports/<id>", responses={200: ImportOut})
@needs(Scope.AUDIENCES)
def show(path: ImportPath) -> Reply:
    """State of an import"""
    return _out(_load(path))


@api.post("/imports/<id>/check", responses={202: ImportOut})
@needs(Scope.AUDIENCES)
def check(path: ImportPath, body: CheckIn) -> Reply:
    """Check the file

    A worker reads every row; ask for the import until it is ready.
    """
    row = _load(path)
    options = row.options
    given = [column.model_dump() for column in body.columns] if body.columns is not None else options.get("mapping", [])
    checked = import_services.start_check(
        import_id=row.id,
        columns=[Column.from_dict(column) for column in given],
        duplicates=body.duplicates or options.get("duplicates", "first"),
        duplicate_by=options.get("duplicate_by", ""),
        mode=body.mode or options.get("mode", "replace"),
        default_country=body.default_country or options.get("default_country", current_settings().default_country),
        version=None,
    )
    return _out(checked), 202


@api.post("/imports/<id>/load", responses={202: ImportOut})
@needs(Scope.AUDIENCES)
def load(path: ImportPath) -> Reply:
    """Load the valid rows as a new version of the audience"""
    return _out(import_services.start_load(import_id=_load(path).id, started_by=caller().created_by)), 202


@api.post("/imports/<id>/cancel", responses={200: ImportOut})
@needs(Scope.AUDIENCES)
def cancel(path: ImportPath) -> Reply:
    """Cancel an import that is not loaded"""
    return _out(import_services.cancel_import(import_id=_load(path).id))


def _load(path: ImportPath) -> AudienceImport:
    return import_services.get_import(found_id("imp", path.id, "import"))


def _out(row: AudienceImport) -> ImportOut:
    mapping: list[dict[str, Any]] = row.options.get("mapping", [])
    return ImportOut(
        id=row.public_id,
        audience=public_id("adn", row.audience_id),
        state=row.state,
        filename=row.filename,
        received=row.received,
        rows_done=row.rows_done,
        rows_total=row.rows_total,
        columns=[
            ImportColumnOut(name=column["name"], target=column["target"], variable=column.get("variable", ""))
            for column in mapping
        ],
        report=row.report,
        problem=row.problem,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
