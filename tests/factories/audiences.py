"""Imports for tests, driven through the services as a person and the workers would."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from dashboard.audiences import import_services, services
from dashboard.audiences.models import Audience, AudienceImport, DatasetVersion, Record
from dashboard.extensions import db
from worker.imports.checking import Pace, run_check
from worker.imports.loading import LoadPace, run_load
from worker.imports.mapping import Column

HASTE = Pace(slice_seconds=600, checkpoint_seconds=0)


def new_audience(name: str = "Customers") -> Audience:
    return services.create_audience(name=name)


def new_import(content: bytes | str, audience: Audience | None = None, filename: str = "people.csv") -> AudienceImport:
    """An import whose file is uploaded: it waits for its mapping (or failed)."""
    audience = audience or new_audience()
    row = import_services.create_import(audience_id=audience.id, source="upload", filename=filename)
    data = content.encode() if isinstance(content, str) else content
    return import_services.receive_all(import_id=row.id, source=io.BytesIO(data))


def map_import(row: AudienceImport, **options: Any) -> AudienceImport:
    """Start the check with the guessed columns, or others."""
    values: dict[str, Any] = {
        "columns": [Column.from_dict(column) for column in row.options["mapping"]],
        "duplicates": "first",
        "duplicate_by": row.options["duplicate_by"],
        "mode": row.options["mode"],
        "default_country": row.options["default_country"],
        "version": None,
    }
    return import_services.start_check(import_id=row.id, **(values | options))


def check(row: AudienceImport, pace: Pace = HASTE, **options: Any) -> AudienceImport:
    """Map and check an import to its end."""
    map_import(row, **options)
    while not run_check(row.id, pace):
        pass
    return fresh(row.id)


def load(row: AudienceImport, pace: LoadPace | None = None) -> AudienceImport:
    """Load a checked import to its end."""
    import_services.start_load(import_id=row.id)
    while not run_load(row.id, pace or LoadPace()):
        pass
    return fresh(row.id)


def loaded_audience(content: bytes | str, name: str = "Customers", **options: Any) -> Audience:
    """An audience filled from a file."""
    audience = new_audience(name)
    load(check(new_import(content, audience), **options))
    return db.session.get_one(Audience, audience.id)


def fresh(import_id: int) -> AudienceImport:
    """The import as it stands in the database now."""
    db.session.rollback()
    db.session.expire_all()
    return import_services.get_import(import_id)


def records_of(version: DatasetVersion | int | None) -> Sequence[Record]:
    """Every record of a version, in order."""
    identifier = version.id if isinstance(version, DatasetVersion) else version
    db.session.rollback()
    return db.session.scalars(
        select(Record).where(Record.dataset_version_id == identifier).order_by(Record.record_no)
    ).all()
