"""Drafts, versions, copies and the archive."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from dashboard.audit.models import AuditEntry
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.extensions import db, transaction, utc_now
from dashboard.message_templates import queries, services
from dashboard.message_templates.models import Template, TemplateAttachment, TemplateState, TemplateVersion
from dashboard.message_templates.services import Draft
from dashboard.problems import Conflict, DomainError, NotFound
from tests.factories.message_templates import change, content, new_template

pytestmark = pytest.mark.usefixtures("app")


def reread(template: Template) -> Template:
    db.session.expire_all()
    return queries.template(template.id)


def test_new_template_starts_with_the_starter_as_its_draft() -> None:
    template = services.create_template(name="May sale", category="promotional", starter_key="spring_sale")
    draft = queries.working_version(template)
    assert queries.state_of(template) is TemplateState.DRAFT
    assert "{{ code }}" in draft.content["html"]
    assert template.sample["code"] == "SPRING-7Q4K"
    assert template.slug == "may-sale"


@pytest.mark.parametrize("name", ["Welcome", "welcome"])
def test_a_name_is_given_once(name: str) -> None:
    new_template("Welcome")
    with pytest.raises(DomainError) as caught:
        new_template(name)
    assert (caught.value.field, caught.value.code) == ("name", "taken")


def test_slugs_of_similar_names_are_numbered() -> None:
    slugs = [new_template(name).slug for name in ("Räume!", "raume", "???")]
    assert slugs == ["raume", "raume-2", "template"]


def test_publish_numbers_versions_and_keeps_old_ones() -> None:
    template = new_template(published=True)
    change(template, subject="Second")
    second = services.publish(template_id=template.id, note="shorter subject")
    first = queries.version_number(template, 1)
    assert second.number == 2
    assert first.content["subject"] == "Hello {{ first_name }}"
    assert reread(template).published_version_id == second.id
    assert queries.state_of(template) is TemplateState.PUBLISHED


def test_publish_without_changes_is_refused() -> None:
    template = new_template(published=True)
    with pytest.raises(DomainError, match="nothing to publish"):
        services.publish(template_id=template.id)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"html": "<p>{% if x %}never closed</p>"}, "syntax_error"),
        ({"html": "{{ name|uper }}"}, "unknown_filter"),
        ({"subject": "{{ a "}, "syntax_error"),
    ],
)
def test_publish_refuses_what_does_not_compile_and_says_where(changes: dict[str, Any], code: str) -> None:
    template = new_template(**changes)
    with pytest.raises(DomainError) as caught:
        services.publish(template_id=template.id)
    assert caught.value.code == code
    assert "line 1" in caught.value.message
    assert queries.published_version(reread(template)) is None


def test_save_makes_a_draft_beside_what_is_published() -> None:
    template = new_template(published=True)
    change(template, subject="Changed")
    assert queries.state_of(template) is TemplateState.UNPUBLISHED_CHANGES
    published = queries.published_version(template)
    assert published is not None
    assert published.content["subject"] == "Hello {{ first_name }}"


def test_draft_equal_to_the_published_version_goes_away() -> None:
    template = new_template(published=True)
    change(template, subject="Changed")
    change(template)
    assert queries.state_of(template) is TemplateState.PUBLISHED
    assert db.session.scalar(select(func.count(TemplateVersion.id))) == 1


def test_the_content_behind_a_version_id_never_changes() -> None:
    template = new_template()
    first = queries.working_version(template).id
    change(template, html="{{ other }}")
    second = queries.working_version(template)
    assert second.id != first
    assert queries.template_variables(second) == {"first_name", "other"}


def test_save_with_an_old_version_is_a_conflict() -> None:
    template = new_template()
    seen = template.version
    change(template, subject="By somebody else")
    services.save_draft(
        template_id=template.id, draft=Draft("Welcome", "transactional", content()), version=template.version
    )
    with pytest.raises(Conflict):
        services.save_draft(
            template_id=template.id, draft=Draft("Welcome", "transactional", content(subject="Mine")), version=seen
        )
    assert queries.working_version(reread(template)).content["subject"] == "Hello {{ first_name }}"


def test_save_says_in_the_audit_log_what_changed() -> None:
    template = new_template()
    change(template, subject="Another")
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "template.save")).one()
    assert entry.summary == "Subject"
    assert entry.object_id == template.id


def test_restore_puts_an_old_version_into_the_draft_only() -> None:
    template = new_template(published=True)
    change(template, subject="Second")
    services.publish(template_id=template.id)
    services.restore_version(template_id=template.id, number=1)
    published = queries.published_version(reread(template))
    assert published is not None
    assert published.number == 2
    assert queries.working_version(template).content["subject"] == "Hello {{ first_name }}"


def test_restore_of_an_unknown_version() -> None:
    template = new_template(published=True)
    with pytest.raises(NotFound):
        services.restore_version(template_id=template.id, number=7)


def test_discard_returns_to_what_is_published() -> None:
    template = new_template(published=True)
    change(template, subject="Changed")
    services.discard_draft(template_id=template.id)
    assert queries.state_of(reread(template)) is TemplateState.PUBLISHED
    with pytest.raises(DomainError):
        services.discard_draft(template_id=template.id)


def test_clone_copies_content_sample_and_attachments() -> None:
    template = new_template(tags=["one"])
    with transaction():
        attachment = TemplateAttachment(
            template_id=template.id, filename="a.pdf", content_type="application/pdf", size=3, data=b"abc"
        )
        db.session.add(attachment)
    services.save_draft(
        template_id=template.id,
        draft=Draft("Welcome", "transactional", content(), sample={"x": 1}, attachment_ids=[attachment.id]),
        version=None,
    )
    copy = services.clone_template(template_id=template.id, name="Copy of Welcome")
    working = queries.working_version(copy)
    assert copy.cloned_from_id == template.id
    assert copy.sample == {"x": 1}
    assert working.attachment_ids != [attachment.id]
    assert [item.data for item in queries.content_of(working).attachments] == [b"abc"]


def _campaign(template: Template, state: CampaignState, name: str = "Black Friday") -> Campaign:
    with transaction():
        campaign = Campaign(name=name, template_id=template.id, state=state)
        db.session.add(campaign)
    return campaign


@pytest.mark.parametrize("state", [CampaignState.SCHEDULED, CampaignState.LATE, CampaignState.RUNNING])
def test_archive_is_refused_while_a_campaign_needs_it(state: CampaignState) -> None:
    template = new_template(published=True)
    _campaign(template, state)
    with pytest.raises(DomainError, match="Black Friday"):
        services.archive_template(template_id=template.id)
    assert reread(template).archived_at is None


def test_archive_and_back() -> None:
    template = new_template(published=True)
    _campaign(template, CampaignState.FINISHED)
    services.archive_template(template_id=template.id)
    assert queries.state_of(reread(template)) is TemplateState.ARCHIVED
    with pytest.raises(Conflict, match="archive"):
        change(template, subject="No")
    services.unarchive_template(template_id=template.id)
    assert queries.state_of(reread(template)) is TemplateState.PUBLISHED


def test_archived_name_stays_taken_and_says_so() -> None:
    template = new_template()
    services.archive_template(template_id=template.id)
    with pytest.raises(DomainError, match="archive"):
        new_template()


def test_missing_template() -> None:
    with pytest.raises(NotFound):
        services.publish(template_id=1)


def test_content_of_carries_the_attachments_in_order() -> None:
    template = new_template()
    with transaction():
        rows = [
            TemplateAttachment(
                template_id=template.id, filename=name, content_type="text/plain", size=1, data=name.encode()
            )
            for name in ("b.txt", "a.txt")
        ]
        db.session.add_all(rows)
    draft = Draft("Welcome", "transactional", content(), attachment_ids=[rows[1].id, rows[0].id])
    services.save_draft(template_id=template.id, draft=draft, version=None)
    version = queries.working_version(template)
    assert [item.filename for item in queries.content_of(version).attachments] == ["a.txt", "b.txt"]
    assert queries.content_of(version, with_attachments=False).attachments == ()
    assert version.created_at <= utc_now()
