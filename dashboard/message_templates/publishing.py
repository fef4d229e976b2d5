"""What the pages of versions show: the list, two of them compared, and the review before publishing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_login import current_user

from dashboard.campaigns.models import Campaign
from dashboard.events.models import Event
from dashboard.message_templates import previews, queries
from dashboard.message_templates.differences import FieldDifference, content_differences
from dashboard.message_templates.event_uses import broken_by, sending_events
from dashboard.message_templates.models import Template, TemplateState, TemplateVersion
from dashboard.message_templates.preview_choice import PreviewChoice
from dashboard.message_templates.preview_data import collect
from dashboard.message_templates.previews import Remark
from dashboard.problems import NotFound


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One published version of the list; `previous` is the number before it, None for the first."""

    version: TemplateVersion
    by: str
    current: bool
    previous: int | None


@dataclass(frozen=True, slots=True)
class VersionList:
    state: TemplateState
    draft: TemplateVersion | None
    lines: tuple[VersionLine, ...]

    @property
    def latest(self) -> int | None:
        return self.lines[0].version.number if self.lines else None


def version_list(template: Template) -> VersionList:
    """Every published version, the latest first, and whether a draft waits."""
    versions = queries.versions_of(template)
    numbers = [version.number for version, _ in versions]
    lines = tuple(
        VersionLine(version, by, version.id == template.published_version_id, older)
        for (version, by), older in zip(versions, [*numbers[1:], None], strict=False)
    )
    return VersionList(queries.state_of(template), queries.draft_of(template), lines)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions side by side; `new` is the draft where its number is None."""

    old: TemplateVersion
    new: TemplateVersion
    differences: tuple[FieldDifference, ...]
    numbers: tuple[int, ...]


def compared(template: Template, left: int, right: int | None) -> Comparison:
    """What changed from version `left` to version `right` (None: to the draft). NotFound where one is missing."""
    old = queries.version_number(template, left)
    new = queries.version_number(template, right) if right is not None else queries.draft_of(template)
    if new is None:
        raise NotFound("There are no unpublished changes to compare.")
    numbers = tuple(version.number or 0 for version, _ in queries.versions_of(template))
    return Comparison(old, new, content_differences(queries.content_of(old), queries.content_of(new)), numbers)


@dataclass(frozen=True, slots=True)
class Review:
    """What publishing would change: the difference, what stands in its way, and whom it reaches."""

    template: Template
    next_number: int
    published: TemplateVersion | None
    draft: TemplateVersion | None
    differences: tuple[FieldDifference, ...]
    blocking: tuple[Remark, ...]
    warnings: tuple[Remark, ...]
    campaigns: Sequence[Campaign]
    events: Sequence[Event]
    broken: Sequence[tuple[Event, list[str]]]


def review(template: Template) -> Review:
    """Look at the draft as publishing will: compile it, check it, compare it with what is in use."""
    draft, published = queries.draft_of(template), queries.published_version(template)
    blocking: tuple[Remark, ...] = ()
    warnings: tuple[Remark, ...] = ()
    differences: tuple[FieldDifference, ...] = ()
    if draft is not None:
        content = queries.content_of(draft, with_attachments=False)
        preview = previews.make_preview(
            content=content,
            category=template.category,
            data=collect(PreviewChoice(), template.sample),
            owner=current_user.id,
        )
        errors = [remark for remark in preview.remarks if remark.kind == "blocking"]
        blocking = tuple(remark for remark in errors if remark.stops_publishing)
        warnings = tuple(
            remark
            for remark in preview.remarks
            if remark.kind == "warning" or (remark in errors and remark not in blocking)
        )
        if published is not None:
            differences = content_differences(queries.content_of(published), queries.content_of(draft))
    latest = queries.versions_of(template)
    return Review(
        template=template,
        next_number=(latest[0][0].number or 0) + 1 if latest else 1,
        published=published,
        draft=draft,
        differences=differences,
        blocking=blocking,
        warnings=warnings,
        events=sending_events(template),
        broken=broken_by(template, queries.content_of(draft, with_attachments=False)) if draft else [],
        campaigns=[c for c in queries.busy_campaigns(template) if c.template_version_id is None],
    )
