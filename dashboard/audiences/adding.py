"""Rows on their way into an audience, new or not: a file, pasted text, or a web address."""

from __future__ import annotations

import io
from dataclasses import dataclass

from dashboard.audiences import import_services, services
from dashboard.audiences.models import AudienceImport
from dashboard.audiences.uploads import Source, check_size
from dashboard.extensions import transaction
from dashboard.problems import DomainError


@dataclass(frozen=True, slots=True)
class Rows:
    """`kind` is upload, paste or url; a stream for the first two, an address for the last."""

    kind: str
    filename: str = ""
    stream: Source | None = None
    url: str = ""

    @classmethod
    def pasted(cls, text: str) -> Rows:
        return cls("paste", "pasted rows", io.BytesIO(text.encode("utf-8", "replace")))


def add_rows(*, audience_id: int, rows: Rows, created_by: int | None = None) -> AudienceImport:
    """An import of these rows into an audience. What cannot be taken (TooLarge, DiskFull) leaves no import behind."""
    row = import_services.create_import(
        audience_id=audience_id, source=rows.kind, filename=rows.filename, url=rows.url, created_by=created_by
    )
    if rows.stream is None:
        return row
    try:
        return import_services.receive_all(import_id=row.id, source=rows.stream)
    except DomainError:
        import_services.cancel_import(import_id=row.id)
        raise


def create_from_rows(*, name: str, rows: Rows, created_by: int | None = None) -> AudienceImport:
    """A new audience with an import of these rows; what cannot be taken leaves no audience behind."""
    audience = services.create_audience(name=name, created_by=created_by)
    try:
        return add_rows(audience_id=audience.id, rows=rows, created_by=created_by)
    except DomainError:
        services.delete_audience(audience_id=audience.id, typed_name=name)
        raise


def begin_upload(
    *, audience_id: int | None, name: str, filename: str, size: int, created_by: int | None = None
) -> AudienceImport:
    """An import that waits for its slices, in a new audience called `name` where `audience_id` is None."""
    if size <= 0:
        raise DomainError("This file is empty. Export it again, then upload it.", code="empty")
    check_size(size)
    with transaction():
        if audience_id is None:
            if not name:
                raise DomainError("Give the audience a name.", field="name", code="no_name")
            audience_id = services.create_audience(name=name, created_by=created_by).id
        return import_services.create_import(
            audience_id=audience_id, source="upload", filename=filename, size=size, created_by=created_by
        )


def fetch_again(*, import_id: int, created_by: int | None = None) -> AudienceImport:
    """A new import from the same web address, after one that failed."""
    row = import_services.get_import(import_id)
    url = str(row.options.get("url", ""))
    if not url:
        raise DomainError("This import did not come from a web address.", code="no_url")
    return add_rows(audience_id=row.audience_id, rows=Rows("url", url=url), created_by=created_by)
