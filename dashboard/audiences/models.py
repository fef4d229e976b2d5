"""Audiences, their dataset versions, the records in them, and the imports that make them.

A dataset version never changes once it is ready: campaigns keep the one they were launched with. `record_no` counts
from 0 without gaps, so a chunk is a range. Jobs that are not campaigns (test sends, API batches) bring their own
dataset version, with no audience.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, Identified, Versioned, utc_now


class Audience(Identified, Versioned, Base):
    __tablename__ = "audiences"
    PREFIX = "adn"

    name: Mapped[str] = mapped_column(String(160), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    current_version_id: Mapped[int | None] = mapped_column(BigId)
    archived_at: Mapped[datetime | None]
    created_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)


class DatasetVersion(Identified, Base):
    """`columns`: [{"name", "target", "variable", "filled", "sample"}], target one of
    email, phone, external_id, push_token, variable."""

    __tablename__ = "dataset_versions"
    PREFIX = "dsv"

    audience_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("audiences.id"), index=True)
    number: Mapped[int | None]
    ready: Mapped[bool] = mapped_column(default=False)
    record_count: Mapped[int] = mapped_column(default=0)
    email_count: Mapped[int] = mapped_column(default=0)
    phone_count: Mapped[int] = mapped_column(default=0)
    columns: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    import_id: Mapped[int | None] = mapped_column(BigId)
    created_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    @property
    def push_count(self) -> int:
        """Records with a device's token, as the import counted them."""
        return sum(int(column.get("filled", 0)) for column in self.columns if column["target"] == "push_token")


class Record(Base):
    """One recipient with the variables of its row; `variables` is a JSON object as text (bulk path, parsed once)."""

    __tablename__ = "records"
    # No index but the key: a second one would cost a third of the import, and a look-up scans one version only.
    __table_args__ = {"sqlite_with_rowid": False}

    dataset_version_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    record_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    email: Mapped[str | None] = mapped_column(String(320))
    phone: Mapped[str | None] = mapped_column(String(20))  # E.164
    external_id: Mapped[str | None] = mapped_column(String(200))
    push_token: Mapped[str | None] = mapped_column(Text)
    variables: Mapped[str] = mapped_column(Text, default="{}")


class ImportState(StrEnum):
    UPLOADING = "uploading"
    MAPPING = "mapping"  # bytes are here, the columns want a look
    CHECKING = "checking"
    READY = "ready"  # checked; nothing loaded yet
    LOADING = "loading"
    LOADED = "loaded"
    LOADED_WITH_REJECTS = "loaded_with_rejects"
    FAILED = "failed"
    CANCELLED = "cancelled"


IMPORT_TRANSITIONS: dict[ImportState, frozenset[ImportState]] = {
    ImportState.UPLOADING: frozenset({ImportState.MAPPING, ImportState.FAILED, ImportState.CANCELLED}),
    ImportState.MAPPING: frozenset({ImportState.CHECKING, ImportState.FAILED, ImportState.CANCELLED}),
    ImportState.CHECKING: frozenset(
        {ImportState.READY, ImportState.MAPPING, ImportState.FAILED, ImportState.CANCELLED}
    ),
    ImportState.READY: frozenset(
        {ImportState.LOADING, ImportState.MAPPING, ImportState.CHECKING, ImportState.CANCELLED}
    ),
    ImportState.LOADING: frozenset(
        {ImportState.LOADED, ImportState.LOADED_WITH_REJECTS, ImportState.FAILED, ImportState.CANCELLED}
    ),
    ImportState.LOADED: frozenset(),
    ImportState.LOADED_WITH_REJECTS: frozenset(),
    ImportState.FAILED: frozenset({ImportState.MAPPING, ImportState.CHECKING}),
    ImportState.CANCELLED: frozenset(),
}


class AudienceImport(Identified, Versioned, Base):
    """One upload on its way into an audience: a page that may be left and come back to.

    `options`: encoding, delimiter, quoting, has_header, mapping, default_country, duplicates (first|last|reject),
    mode (replace|append). `report`: what the check found (counts and groups with examples). `cursor`: how far the
    worker got, in bytes and rows, so that another one goes on after a kill.
    """

    __tablename__ = "audience_imports"
    PREFIX = "imp"

    audience_id: Mapped[int] = mapped_column(BigId, ForeignKey("audiences.id"), index=True)
    state: Mapped[str] = mapped_column(String(24), default=ImportState.UPLOADING, index=True)
    filename: Mapped[str] = mapped_column(String(255), default="")
    source: Mapped[str] = mapped_column(String(10), default="upload")  # upload | paste | url
    stored_path: Mapped[str] = mapped_column(String(400), default="")  # below FILES_DIR
    size: Mapped[int] = mapped_column(BigId, default=0)  # bytes announced
    received: Mapped[int] = mapped_column(BigId, default=0)  # bytes here
    sha256: Mapped[str] = mapped_column(String(64), default="")
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    guesses: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    report: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    cursor: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    rows_total: Mapped[int] = mapped_column(default=0)
    rows_done: Mapped[int] = mapped_column(default=0)
    dataset_version_id: Mapped[int | None] = mapped_column(BigId)
    problem: Mapped[str] = mapped_column(Text, default="")
    lease_owner: Mapped[str] = mapped_column(String(80), default="")
    lease_until: Mapped[datetime | None]
    created_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
