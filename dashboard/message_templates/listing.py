"""What the list and the reading view of a template show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_login import current_user

from dashboard.campaigns.models import Campaign
from dashboard.events.models import Event
from dashboard.htmx import canonical_url
from dashboard.message_templates import conflicts, editor, previews, queries
from dashboard.message_templates.event_uses import events_of
from dashboard.message_templates.models import Channel, Template, TemplateAttachment, TemplateState, TemplateVersion
from dashboard.message_templates.preview_choice import PreviewChoice
from dashboard.message_templates.preview_data import collect
from dashboard.message_templates.previews import Preview
from dashboard.message_templates.queries import CATEGORY_CHOICES, CHANNEL_CHOICES, TemplateFilter
from dashboard.message_templates.starters import starters
from worker.rendering.channels import content_from
from worker.rendering.content import Attachment, Content

STATE_CHOICES = (
    ("", "All but archived"),
    (TemplateState.DRAFT.value, "Draft"),
    (TemplateState.PUBLISHED.value, "Published"),
    (TemplateState.UNPUBLISHED_CHANGES.value, "Unpublished changes"),
    (TemplateState.ARCHIVED.value, "Archived"),
)
_SHOWN_VERSIONS = 5


@dataclass(frozen=True, slots=True)
class Pager:
    """Addresses of the neighbouring pages of the list, None where there is none."""

    newer_url: str | None
    older_url: str | None
    summary: str = ""


def context(arguments: Mapping[str, str]) -> dict[str, Any]:
    """The list as its address asks for it."""
    filters = TemplateFilter(
        q=arguments.get("q", "").strip(),
        channel=arguments.get("channel", ""),
        category=arguments.get("category", ""),
        tag=arguments.get("tag", ""),
        state=arguments.get("state", ""),
    )
    page = queries.list_templates(filters, after=arguments.get("after", ""), before=arguments.get("before", ""))
    chips = _chips(filters)
    return {
        "filters": filters,
        "page": page,
        "pager": Pager(
            canonical_url(before=page.newer, after=None) if page.newer else None,
            canonical_url(after=page.older, before=None) if page.older else None,
        ),
        "chips": chips,
        "channels": [("", "All channels"), *CHANNEL_CHOICES],
        "categories": [("", "All categories"), *CATEGORY_CHOICES],
        "states": STATE_CHOICES,
        "tags": [("", "All tags"), *((tag, tag) for tag in queries.all_tags())],
        "anything": bool(page.rows) or bool(chips) or queries.any_template(),
        "starters": starters(Channel.EMAIL),
    }


def _chips(filters: TemplateFilter) -> list[dict[str, str]]:
    """The filters in use, each with the address without it."""
    words = {
        "q": ("Text", filters.q),
        "channel": ("Channel", dict(CHANNEL_CHOICES).get(filters.channel, filters.channel)),
        "category": ("Category", dict(CATEGORY_CHOICES).get(filters.category, filters.category)),
        "tag": ("Tag", filters.tag),
        "state": ("State", dict(STATE_CHOICES).get(filters.state, filters.state)),
    }
    return [
        {"label": label, "value": value, "remove_url": canonical_url(**{name: None, "after": None, "before": None})}
        for name, (label, value) in words.items()
        if getattr(filters, name)
    ]


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything of the reading view. `shown` is the version in the preview."""

    state: TemplateState
    shown: TemplateVersion
    published: TemplateVersion | None
    preview: Preview
    content: Content
    attachments: list[TemplateAttachment]
    versions: Sequence[tuple[TemplateVersion, str]]
    campaigns: Sequence[Campaign]
    events: Sequence[Event]
    audiences: list[tuple[str, str]]
    editor: str


def reading(template: Template, choice: PreviewChoice, number: str) -> Reading:
    """The reading view: the version of that number, else the draft or what is published."""
    shown = queries.version_number(template, int(number)) if number.isdecimal() else queries.working_version(template)
    content = queries.content_of(shown, with_attachments=False)
    rows = queries.attachment_rows(shown.attachment_ids)
    files = tuple(Attachment(row.filename, row.content_type, b"") for row in rows)
    needed = {use.root for use in previews.uses_in(content)}
    preview = previews.make_preview(
        content=content_from(template.channel, shown.content, files),
        category=template.category,
        data=collect(choice, template.sample, needed),
        owner=current_user.id,
        strict=choice.strict,
    )
    return Reading(
        state=queries.state_of(template),
        shown=shown,
        published=queries.published_version(template),
        preview=preview,
        content=content,
        attachments=rows,
        versions=queries.versions_of(template)[:_SHOWN_VERSIONS],
        campaigns=queries.campaigns_of(template, limit=10),
        events=events_of(template),
        audiences=editor.audience_choices(),
        editor=conflicts.last_editor(template),
    )
