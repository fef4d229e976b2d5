"""Changing templates: drafts, published versions, copies, the archive. Each function is one transaction."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError

from dashboard.audit.services import record
from dashboard.extensions import db, transaction, utc_now
from dashboard.message_templates import attachments, queries
from dashboard.message_templates.content_rules import part_words
from dashboard.message_templates.differences import content_differences
from dashboard.message_templates.event_uses import refuse_breaking, refuse_sent_by_events
from dashboard.message_templates.models import Template, TemplateVersion, VersionKind
from dashboard.message_templates.starters import starter
from dashboard.problems import Conflict, DomainError, NotFound, check_version
from worker.rendering.channels import compile_content, content_from
from worker.rendering.content import Content
from worker.rendering.errors import TemplateSyntaxProblem


@dataclass(frozen=True, slots=True)
class Draft:
    """All that the editor saves. `content` comes without attachments; `attachment_ids` names them in order."""

    name: str
    category: str
    content: Content
    description: str = ""
    tags: Sequence[str] = ()
    sample: Mapping[str, Any] = field(default_factory=dict)
    attachment_ids: Sequence[int] = ()


def create_template(*, name: str, category: str, starter_key: str, created_by: int | None = None) -> Template:
    """A new template whose draft is the starter's content, so that the editor is never blank."""
    chosen = starter(starter_key)
    draft = Draft(
        name=name,
        category=category,
        content=chosen.content,
        description=chosen.description if name == chosen.name else "",
        sample=chosen.sample,
    )
    return create_from_draft(draft=draft, created_by=created_by)


def create_from_draft(*, draft: Draft, created_by: int | None = None, cloned_from_id: int | None = None) -> Template:
    """A new template with this content as its draft. DomainError(field="name") where the name is taken."""
    with transaction():
        _check_name(draft.name, None)
        template = Template(
            name=draft.name,
            slug=_free_slug(draft.name),
            description=draft.description,
            tags=list(draft.tags),
            channel=draft.content.channel,
            category=draft.category,
            sample=dict(draft.sample),
            created_by=created_by,
            updated_by=created_by,
            cloned_from_id=cloned_from_id,
        )
        db.session.add(template)
        _flush()
        replace_draft(template, draft.content.to_dict(), draft.attachment_ids, created_by)
        record("template.create", template, summary=draft.name)
    return template


def save_draft(*, template_id: int, draft: Draft, version: int | None, saved_by: int | None = None) -> Template:
    """Save what the editor holds. The draft goes away where it says the same as what is published.

    Conflict where somebody saved since `version` was read; DomainError for a taken name, or attachments that are
    too large together or belong to another template.
    """
    with transaction():
        template = _changeable(template_id)
        check_version(template, version)
        _check_name(draft.name, template.id)
        attachments.check_linked(template.id, draft.attachment_ids)
        before, changed = _facts(template), _changed_fields(template, draft)
        template.name = draft.name
        template.description = draft.description
        template.tags = list(draft.tags)
        template.category = draft.category
        template.sample = dict(draft.sample)
        _touch(template, saved_by)
        _flush()
        replace_draft(template, draft.content.to_dict(), draft.attachment_ids, saved_by)
        attachments.forget_unused(template.id)
        record(
            "template.save", template, summary=", ".join(changed) or "no change", before=before, after=_facts(template)
        )
    return template


def publish(
    *, template_id: int, version: int | None = None, note: str = "", published_by: int | None = None
) -> TemplateVersion:
    """Make the draft the next numbered version, which new sends use from now on.

    DomainError where there is nothing to publish, the template does not compile, or an event that is on would break.
    """
    with transaction():
        template = _changeable(template_id)
        check_version(template, version)
        draft = queries.draft_of(template)
        if draft is None:
            raise DomainError("There is nothing to publish: the draft is the same as the published version.")
        content = queries.content_of(draft, with_attachments=False)
        refuse_broken(content)
        refuse_breaking(template, content)
        published = add_published(template, draft.content, draft.attachment_ids, note, published_by)
        db.session.delete(draft)
        record("template.publish", template, summary=f"version {published.number}", after={"note": note})
    return published


def add_published(
    template: Template, content: Mapping[str, Any], attachment_ids: Sequence[int], note: str, user_id: int | None
) -> TemplateVersion:
    """Add the next numbered version and make it the one in use; call it inside `transaction()`."""
    last = db.session.scalar(select(func.max(TemplateVersion.number)).where(TemplateVersion.template_id == template.id))
    published = TemplateVersion(
        template_id=template.id,
        kind=VersionKind.PUBLISHED,
        number=(last or 0) + 1,
        content=dict(content),
        attachment_ids=list(attachment_ids),
        note=note,
        created_by=user_id,
    )
    db.session.add(published)
    db.session.flush()
    template.published_version_id = published.id
    _touch(template, user_id)
    return published


def restore_version(
    *, template_id: int, number: int, version: int | None = None, restored_by: int | None = None
) -> Template:
    """Put the content of an older version into the draft; what is published stays until the draft is published."""
    with transaction():
        template = _changeable(template_id)
        check_version(template, version)
        old = queries.version_number(template, number)
        _touch(template, restored_by)
        replace_draft(template, old.content, old.attachment_ids, restored_by)
        record("template.restore", template, summary=f"version {number} into the draft")
    return template


def discard_draft(*, template_id: int, version: int | None = None, discarded_by: int | None = None) -> Template:
    """Throw unpublished changes away and go on from what is published."""
    with transaction():
        template = _changeable(template_id)
        check_version(template, version)
        published, draft = queries.published_version(template), queries.draft_of(template)
        if published is None or draft is None:
            raise DomainError("There are no unpublished changes to discard.")
        db.session.delete(draft)
        _touch(template, discarded_by)
        record("template.discard", template, summary=f"back to version {published.number}")
    return template


def clone_template(*, template_id: int, name: str, cloned_by: int | None = None) -> Template:
    """A new template with the same draft, sample values and attachments. DomainError where the name is taken."""
    with transaction():
        original = queries.template(template_id)
        working = queries.working_version(original)
        copy = create_from_draft(
            draft=Draft(
                name=name,
                category=original.category,
                content=queries.content_of(working, with_attachments=False),
                description=original.description,
                tags=original.tags,
                sample=original.sample,
            ),
            created_by=cloned_by,
            cloned_from_id=original.id,
        )
        ids = attachments.copy_to(copy.id, working.attachment_ids)
        if ids:
            replace_draft(copy, working.content, ids, cloned_by)
    return copy


def archive_template(*, template_id: int, archived_by: int | None = None) -> Template:
    """Take it out of the lists and selects. DomainError while a campaign or an event is going to send it."""
    with transaction():
        template = queries.template(template_id)
        busy = queries.busy_campaigns(template)
        if busy:
            names = ", ".join(f"“{campaign.name}”" for campaign in busy[:5])
            raise DomainError(
                f"{template.name} is used by {names}, which is scheduled or running. "
                "Give that campaign another template or cancel it first.",
                code="in_use",
            )
        refuse_sent_by_events(template)
        if template.archived_at is None:
            template.archived_at = utc_now()
            template.version += 1
            _touch(template, archived_by)
            record("template.archive", template, summary=template.name)
    return template


def unarchive_template(*, template_id: int, unarchived_by: int | None = None) -> Template:
    """Offer it again."""
    with transaction():
        template = queries.template(template_id)
        if template.archived_at is not None:
            template.archived_at = None
            template.version += 1
            _touch(template, unarchived_by)
            record("template.unarchive", template, summary=template.name)
    return template


def refuse_broken(content: Content) -> None:
    """DomainError with the place of the first error where the template does not compile."""
    try:
        compile_content(content)
    except TemplateSyntaxProblem as problem:
        part = part_words(problem.part, content.channel)
        raise DomainError(
            f"{part}, line {problem.line}, column {problem.column}: {problem.message}",
            code=problem.code,
        ) from problem


# -- steps


def _changeable(template_id: int) -> Template:
    template = queries.template(template_id)
    if template.archived_at is not None:
        raise Conflict(f"{template.name} is archived. Take it out of the archive first.")
    return template


def _check_name(name: str, own_id: int | None) -> None:
    taken = db.session.scalar(
        select(Template).where(func.lower(Template.name) == name.lower(), Template.id != (own_id or 0))
    )
    if taken is not None:
        where = ", in the archive" if taken.archived_at else ""
        raise DomainError(f"There is already a template of this name{where}.", field="name", code="taken")


def _free_slug(name: str) -> str:
    """The name in plain letters for addresses and file names, numbered where it is taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:160] or "template"
    taken = set(
        db.session.scalars(
            select(Template.slug).where(or_(Template.slug == base, Template.slug.startswith(f"{base}-")))
        )
    )
    number, slug = 1, base
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug


def _flush() -> None:
    """Two people may take a name at once on PostgreSQL; the second one hears of it like everybody else."""
    try:
        db.session.flush()
    except IntegrityError as error:
        raise DomainError("There is already a template of this name.", field="name", code="taken") from error


def replace_draft(
    template: Template, content: Mapping[str, Any], attachment_ids: Sequence[int], user_id: int | None
) -> None:
    """A new draft row (the content behind a version's id never changes), or none where nothing differs from what is
    published. Call it inside `transaction()`."""
    old = queries.draft_of(template)
    if old is not None:
        db.session.delete(old)
    published = queries.published_version(template)
    same = published is not None and (dict(content), list(attachment_ids)) == (
        content_from(template.channel, published.content).to_dict(),
        list(published.attachment_ids),
    )
    if not same:
        db.session.add(
            TemplateVersion(
                template_id=template.id,
                kind=VersionKind.DRAFT,
                content=dict(content),
                attachment_ids=list(attachment_ids),
                created_by=user_id,
            )
        )
    db.session.flush()


def _touch(template: Template, user_id: int | None) -> None:
    template.updated_at = utc_now()
    template.updated_by = user_id


def _facts(template: Template) -> dict[str, Any]:
    return {name: getattr(template, name) for name in ("name", "description", "tags", "category")}


def _changed_fields(template: Template, draft: Draft) -> list[str]:
    """What a save changes, in words, for the audit log."""
    changed = [name for name, value in _facts(template).items() if value != _new_fact(draft, name)]
    if template.sample != dict(draft.sample):
        changed.append("sample values")
    try:
        version = queries.working_version(template)
    except NotFound:
        return changed
    before = queries.content_of(version, with_attachments=False)
    changed += [difference.label for difference in content_differences(before, draft.content)]
    if list(version.attachment_ids) != list(draft.attachment_ids):
        changed.append("Attachments")
    return changed


def _new_fact(draft: Draft, name: str) -> Any:
    value = getattr(draft, name)
    return list(value) if name == "tags" else value
