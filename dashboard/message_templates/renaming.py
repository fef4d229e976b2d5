"""A global variable gets another name: every template that reads it is rewritten with it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from dashboard.campaigns.models import Campaign
from dashboard.extensions import db
from dashboard.message_templates import queries
from dashboard.message_templates.models import Template, TemplateVersion
from dashboard.message_templates.services import add_published, replace_draft
from dashboard.problems import DomainError
from worker.rendering.content import Content
from worker.rendering.variables import rename_variable, variable_paths


@dataclass(frozen=True, slots=True)
class VariableUser:
    """A template that reads a variable: in its draft, in what is published, or in both."""

    template: Template
    in_draft: bool
    in_published: bool


def templates_using(name: str) -> list[VariableUser]:
    """Every template, archived ones too, whose draft or published version reads the variable, by name."""
    found = []
    for template, draft_id, published_id in queries.current_versions():
        in_draft = draft_id is not None and name in queries.variables_of_id(draft_id)
        in_published = published_id is not None and name in queries.variables_of_id(published_id)
        if in_draft or in_published:
            found.append(VariableUser(template, in_draft, in_published))
    return found


def use_counts() -> dict[str, int]:
    """For every variable name the number of templates that read it, in the draft or in what is published."""
    counts: dict[str, int] = {}
    for _template, *ids in queries.current_versions():
        names: set[str] = set()
        for version_id in ids:
            names |= queries.variables_of_id(version_id) if version_id is not None else frozenset()
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    return counts


def pinned_campaigns(name: str) -> list[Campaign]:
    """Campaigns going to be sent, or being sent, with an older version of their template that reads the variable."""
    rows = db.session.execute(
        select(Campaign, Template.published_version_id)
        .join(Template, Template.id == Campaign.template_id)
        .where(Campaign.state.in_(queries.BUSY_STATES), Campaign.template_version_id.is_not(None))
        .order_by(Campaign.name)
    )
    return [
        campaign
        for campaign, _published in rows
        if campaign.template_version_id is not None and name in queries.variables_of_id(campaign.template_version_id)
    ]


def rename_in_templates(old: str, new: str, *, user_id: int | None) -> list[Template]:
    """Rewrite every draft, and publish a new version of every template whose published one reads the variable.

    Call it inside `transaction()`. DomainError where a template already means something else by the new name.
    """
    changed = []
    for user in templates_using(old):
        template = user.template
        draft, published = queries.draft_of(template), queries.published_version(template)
        if published is not None and user.in_published:
            content = _renamed(template, published, old, new)
            note = f"Variable {old} renamed to {new}"
            add_published(template, content.to_dict(), published.attachment_ids, note, user_id)
        if draft is not None:
            content = _renamed(template, draft, old, new) if user.in_draft else queries.content_of(draft)
            replace_draft(template, content.to_dict(), draft.attachment_ids, draft.created_by)
        if old in template.sample and new not in template.sample:
            template.sample = {new if name == old else name: value for name, value in template.sample.items()}
        template.version += 1
        changed.append(template)
    return changed


def _renamed(template: Template, version: TemplateVersion, old: str, new: str) -> Content:
    before = queries.content_of(version, with_attachments=False)
    after = rename_variable(before, old, new)
    roots = [use.root for use in variable_paths(before)]
    expected = sorted(new if root == old else root for root in roots)
    if new in roots or sorted(use.root for use in variable_paths(after)) != expected:
        raise DomainError(
            f"“{template.name}” already uses the name {new} for something else. Choose another name.",
            field="name",
            code="taken_in_template",
        )
    return after
