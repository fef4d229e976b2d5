"""Templates and their versions.

A template has at most one draft (its content differs from what is published), any number of published versions
(immutable, numbered) and snapshots (immutable, unnumbered: what a test send of a draft used). `published_version_id`
names the version in use. Saving a draft replaces its row, so the content behind a version's id never changes.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.extensions import Base, BigId, Identified, Versioned, utc_now


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"

    @property
    def address_column(self) -> str:
        """The column of a record that its addresses stand in."""
        return {"email": "email", "sms": "phone", "push": "push_token"}[self.value]


class Category(StrEnum):
    TRANSACTIONAL = "transactional"
    PROMOTIONAL = "promotional"
    OTP = "otp"


class VersionKind(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    SNAPSHOT = "snapshot"


class TemplateState(StrEnum):
    """What a person sees of a template; derived, see `queries.state_of`."""

    DRAFT = "draft"
    PUBLISHED = "published"
    UNPUBLISHED_CHANGES = "unpublished_changes"
    ARCHIVED = "archived"


class Template(Identified, Versioned, Base):
    __tablename__ = "templates"
    PREFIX = "tpl"

    name: Mapped[str] = mapped_column(String(160), unique=True)
    slug: Mapped[str] = mapped_column(String(180), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    channel: Mapped[str] = mapped_column(String(10), default=Channel.EMAIL, index=True)
    category: Mapped[str] = mapped_column(String(20), default=Category.PROMOTIONAL)
    sample: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # sample values: variable name -> value
    published_version_id: Mapped[int | None] = mapped_column(BigId)
    archived_at: Mapped[datetime | None]
    created_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_by: Mapped[int | None] = mapped_column(BigId)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
    cloned_from_id: Mapped[int | None] = mapped_column(BigId)


class TemplateVersion(Identified, Base):
    __tablename__ = "template_versions"
    __table_args__ = (
        UniqueConstraint("template_id", "number"),
        Index("ix_template_versions_template_kind", "template_id", "kind"),
    )
    PREFIX = "tpv"

    template_id: Mapped[int] = mapped_column(BigId, ForeignKey("templates.id"))
    kind: Mapped[str] = mapped_column(String(10))
    number: Mapped[int | None]  # of published versions: 1, 2, 3 …
    content: Mapped[dict[str, Any]] = mapped_column(
        JSON
    )  # to_dict() of the channel's content, see worker.rendering.channels
    attachment_ids: Mapped[list[int]] = mapped_column(JSON, default=list)
    note: Mapped[str] = mapped_column(Text, default="")
    created_by: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    template: Mapped[Template] = relationship()


class TemplateAttachment(Identified, Base):
    """A file that goes out with a template; never changed, so versions may share it."""

    __tablename__ = "template_attachments"
    PREFIX = "att"

    template_id: Mapped[int] = mapped_column(BigId, ForeignKey("templates.id"), index=True)
    filename: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(120))
    size: Mapped[int]  # bytes
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
