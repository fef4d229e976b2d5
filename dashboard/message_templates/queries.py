"""Reading templates: the list with its filters, the versions, and what a version sends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeVarTuple

from sqlalchemy import ColumnElement, Select, String, and_, cast, exists, false, func, or_, select
from sqlalchemy.orm import aliased, undefer

from dashboard.accounts.models import User
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.extensions import db
from dashboard.ids import parse_public_id
from dashboard.message_templates.models import (
    Category,
    Channel,
    Template,
    TemplateAttachment,
    TemplateState,
    TemplateVersion,
    VersionKind,
)
from dashboard.problems import NotFound
from worker.rendering.channels import content_from
from worker.rendering.content import Attachment, Content
from worker.rendering.variables import variable_paths

Columns = TypeVarTuple("Columns")
PAGE_SIZE = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: States in which a campaign still needs its template.
BUSY_STATES = (CampaignState.SCHEDULED, CampaignState.LATE, CampaignState.RUNNING)


@dataclass(frozen=True, slots=True)
class TemplateFilter:
    """The list's filters, as they stand in the URL; empty means all. Archived ones show only when asked for."""

    q: str = ""
    channel: str = ""
    category: str = ""
    tag: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """One line of the list: `number` of the published version, `campaigns` that use the template."""

    template: Template
    state: TemplateState
    number: int | None
    campaigns: int
    editor: str


@dataclass(frozen=True, slots=True)
class TemplatePage:
    """A page of the list; `newer` and `older` are cursors, None where there is no such page."""

    rows: tuple[TemplateRow, ...]
    newer: str | None
    older: str | None


# -- the list


def list_templates(
    filters: TemplateFilter, *, after: str = "", before: str = "", size: int = PAGE_SIZE
) -> TemplatePage:
    """Templates, the last changed first; `after` and `before` are cursors of an earlier page."""
    published = aliased(TemplateVersion)
    statement = (
        select(Template, published.number, _has_draft(), _campaign_count(), User.full_name, User.username)
        .outerjoin(published, published.id == Template.published_version_id)
        .outerjoin(User, User.id == Template.updated_by)
        .where(*_conditions(filters))
    )
    backwards = bool(before) and not after
    cursor = _read_cursor(before if backwards else after)
    rows = list(db.session.execute(_seek(statement, cursor, backwards).limit(size + 1)))
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    lines = tuple(
        TemplateRow(template, _state(template, draft), number, campaigns, full_name or username or "")
        for template, number, draft, campaigns, full_name, username in rows
    )
    return TemplatePage(
        rows=lines,
        newer=_cursor(lines[0].template) if lines and (more if backwards else cursor is not None) else None,
        older=_cursor(lines[-1].template) if lines and (True if backwards else more) else None,
    )


def _seek(statement: Select[*Columns], cursor: tuple[datetime, int] | None, backwards: bool) -> Select[*Columns]:
    place = (Template.updated_at, Template.id)
    if cursor is not None:
        moment, identifier = cursor
        if backwards:
            statement = statement.where(or_(place[0] > moment, and_(place[0] == moment, place[1] > identifier)))
        else:
            statement = statement.where(or_(place[0] < moment, and_(place[0] == moment, place[1] < identifier)))
    if backwards:
        return statement.order_by(place[0].asc(), place[1].asc())
    return statement.order_by(place[0].desc(), place[1].desc())


def _cursor(template: Template) -> str:
    """Microseconds of the last change and the public id: a page is found again whatever changed in between."""
    return f"{(template.updated_at - _EPOCH) // timedelta(microseconds=1)}-{template.public_id}"


def _read_cursor(text: str) -> tuple[datetime, int] | None:
    head, _, tail = text.partition("-")
    try:
        return _EPOCH + timedelta(microseconds=int(head)), parse_public_id(Template.PREFIX, tail)
    except (ValueError, OverflowError):
        return None


def _has_draft() -> ColumnElement[bool]:
    return exists(
        select(TemplateVersion.id).where(
            TemplateVersion.template_id == Template.id, TemplateVersion.kind == VersionKind.DRAFT
        )
    ).correlate(Template)


def _campaign_count() -> ColumnElement[int]:
    counted = select(func.count(Campaign.id)).where(Campaign.template_id == Template.id).correlate(Template)
    return counted.scalar_subquery()


def _conditions(filters: TemplateFilter) -> list[ColumnElement[bool]]:
    conditions = [_state_condition(filters.state)]
    if filters.q:
        word = filters.q.strip().lower()
        conditions.append(
            or_(
                func.lower(Template.name).contains(word, autoescape=True),
                func.lower(Template.description).contains(word, autoescape=True),
                func.lower(cast(Template.tags, String)).contains(word, autoescape=True),
            )
        )
    if filters.channel:
        conditions.append(Template.channel == filters.channel)
    if filters.category:
        conditions.append(Template.category == filters.category)
    if filters.tag:  # a tag is stored as a JSON text, so it is found with its quotes, as json.dumps writes it
        conditions.append(cast(Template.tags, String).contains(json.dumps(filters.tag), autoescape=True))
    return conditions


def _state_condition(state: str) -> ColumnElement[bool]:
    here = Template.archived_at.is_(None)
    match state:
        case "":
            return here
        case TemplateState.ARCHIVED:
            return Template.archived_at.is_not(None)
        case TemplateState.DRAFT:
            return and_(here, Template.published_version_id.is_(None))
        case TemplateState.PUBLISHED:
            return and_(here, Template.published_version_id.is_not(None), ~_has_draft())
        case TemplateState.UNPUBLISHED_CHANGES:
            return and_(here, Template.published_version_id.is_not(None), _has_draft())
        case _:
            return false()


def _state(template: Template, has_draft: bool) -> TemplateState:
    if template.archived_at is not None:
        return TemplateState.ARCHIVED
    if template.published_version_id is None:
        return TemplateState.DRAFT
    return TemplateState.UNPUBLISHED_CHANGES if has_draft else TemplateState.PUBLISHED


def state_of(template: Template) -> TemplateState:
    """The state that a person sees."""
    return _state(template, draft_of(template) is not None)


def any_template() -> bool:
    """Whether there is one at all, archived ones included."""
    return db.session.scalar(select(Template.id).limit(1)) is not None


def all_tags() -> list[str]:
    """Every tag in use, in alphabetical order."""
    lists = db.session.scalars(select(Template.tags).where(Template.archived_at.is_(None)).limit(2000))
    return sorted({tag for tags in lists for tag in tags}, key=str.lower)


# -- one template


def template(template_id: int) -> Template:
    """The template; NotFound where there is none."""
    found = db.session.get(Template, template_id)
    if found is None:
        raise NotFound("There is no such template. It may have been removed, or the link is incomplete.")
    return found


def choices(category: str | None = None) -> list[tuple[str, str]]:
    """(public id, name) of every published template, for selects, by name."""
    statement = (
        select(Template)
        .where(Template.archived_at.is_(None), Template.published_version_id.is_not(None))
        .order_by(func.lower(Template.name))
    )
    if category:
        statement = statement.where(Template.category == category)
    return [(row.public_id, row.name) for row in db.session.scalars(statement)]


def draft_of(template: Template) -> TemplateVersion | None:
    """The draft, which exists only while it differs from what is published."""
    return db.session.scalar(
        select(TemplateVersion)
        .where(TemplateVersion.template_id == template.id, TemplateVersion.kind == VersionKind.DRAFT)
        .limit(1)
    )


def published_version(template: Template) -> TemplateVersion | None:
    """The version that new sends use, or None where nothing was published yet."""
    if template.published_version_id is None:
        return None
    return db.session.get(TemplateVersion, template.published_version_id)


def working_version(template: Template) -> TemplateVersion:
    """What the editor opens: the draft, else what is published."""
    version = draft_of(template) or published_version(template)
    if version is None:
        raise NotFound("This template has no content.")
    return version


def version_number(template: Template, number: int) -> TemplateVersion:
    """The published version of that number; NotFound where there is none."""
    version = db.session.scalar(
        select(TemplateVersion).where(TemplateVersion.template_id == template.id, TemplateVersion.number == number)
    )
    if version is None:
        raise NotFound(f"{template.name} has no version {number}.")
    return version


def versions_of(template: Template) -> Sequence[tuple[TemplateVersion, str]]:
    """(version, who made it) of every published version, the latest first."""
    rows = db.session.execute(
        select(TemplateVersion, User.full_name, User.username)
        .outerjoin(User, User.id == TemplateVersion.created_by)
        .where(TemplateVersion.template_id == template.id, TemplateVersion.kind == VersionKind.PUBLISHED)
        .order_by(TemplateVersion.number.desc())
    )
    return [(version, full_name or username or "") for version, full_name, username in rows]


def campaigns_of(template: Template, limit: int = 50) -> Sequence[Campaign]:
    """The campaigns that use the template, the latest first."""
    statement = select(Campaign).where(Campaign.template_id == template.id)
    return db.session.scalars(statement.order_by(Campaign.id.desc()).limit(limit)).all()


def busy_campaigns(template: Template) -> Sequence[Campaign]:
    """Campaigns that are going to send it, or are sending it now."""
    statement = select(Campaign).where(Campaign.template_id == template.id, Campaign.state.in_(BUSY_STATES))
    return db.session.scalars(statement.order_by(Campaign.name)).all()


# -- content


def attachment_rows(ids: Sequence[int], *, with_data: bool = False) -> list[TemplateAttachment]:
    """The attachments of these ids in this order; unknown ids are left out."""
    if not ids:
        return []
    statement = select(TemplateAttachment).where(TemplateAttachment.id.in_(ids))
    if with_data:
        statement = statement.options(undefer(TemplateAttachment.data))
    found = {row.id: row for row in db.session.scalars(statement)}
    return [found[identifier] for identifier in ids if identifier in found]


def attachments_of(ids: Sequence[int]) -> tuple[Attachment, ...]:
    """The files themselves, as a message carries them."""
    rows = attachment_rows(ids, with_data=True)
    return tuple(Attachment(row.filename, row.content_type, row.data) for row in rows)


def content_of(version: TemplateVersion, *, with_attachments: bool = True) -> Content:
    """What a version sends; leave the attachments out where only its text matters."""
    attachments = attachments_of(version.attachment_ids) if with_attachments else ()
    return content_from(version.template.channel, version.content, attachments)


@lru_cache(maxsize=2000)
def variables_of_id(version_id: int) -> frozenset[str]:
    """`template_variables` by the version's id; kept, because the content behind an id never changes."""
    statement = select(Template.channel, TemplateVersion.content).join(TemplateVersion.template)
    row = db.session.execute(statement.where(TemplateVersion.id == version_id)).first()
    return frozenset(use.root for use in variable_paths(content_from(*row))) if row else frozenset()


def template_variables(version: TemplateVersion) -> frozenset[str]:
    """Names of the variables that a version reads, guarded ones too; parts that do not parse are left out."""
    return variables_of_id(version.id)


def required_variables(version: TemplateVersion) -> frozenset[str]:
    """Names that every recipient must have a value for: read at least once without default() or `is defined`."""
    uses = variable_paths(content_of(version, with_attachments=False))
    return frozenset(use.root for use in uses if not use.certain)


def current_versions() -> list[tuple[Template, int | None, int | None]]:
    """(template, id of its draft, id of what is published) of every template, archived ones too, by name."""
    draft = aliased(TemplateVersion)
    statement = (
        select(Template, draft.id)
        .outerjoin(draft, and_(draft.template_id == Template.id, draft.kind == VersionKind.DRAFT))
        .order_by(func.lower(Template.name))
    )
    return [(row, draft_id, row.published_version_id) for row, draft_id in db.session.execute(statement)]


CHANNEL_CHOICES = [
    (Channel.EMAIL.value, "Email"),
    (Channel.SMS.value, "SMS"),
    (Channel.PUSH.value, "Push"),
]
CATEGORY_CHOICES = [
    (Category.TRANSACTIONAL.value, "Transactional"),
    (Category.PROMOTIONAL.value, "Promotional"),
    (Category.OTP.value, "One-time password"),
]
