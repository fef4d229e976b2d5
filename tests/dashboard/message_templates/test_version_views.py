"""Publishing, comparing, restoring and discarding over HTTP."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.extensions import db, transaction
from dashboard.message_templates import queries, services
from dashboard.message_templates.models import Template
from tests.dashboard.message_templates.test_views import HTMX
from tests.factories.message_templates import change, new_template


def url(template: Template, path: str) -> str:
    return f"/templates/{template.public_id}/{path}"


def two_versions() -> Template:
    template = new_template(published=True)
    change(template, subject="Second {{ first_name }}", html="<p>Second</p>\n<p>line</p>")
    services.publish(template_id=template.id, note="Shorter & better")
    return template


def fresh(template: Template) -> Template:
    db.session.expire_all()
    return queries.template(template.id)


def test_review_and_publish(client: FlaskClient) -> None:
    template = new_template(published=True)
    change(template, subject="Changed {{ first_name }}")
    review = client.get(url(template, "publish")).get_data(as_text=True)
    assert "as version 2" in review
    assert "Changed " in review
    assert "<html" not in client.get(url(template, "publish"), headers=HTMX).get_data(as_text=True)
    answer = client.post(url(template, "publish"), data={"version": fresh(template).version, "note": "Why"})
    assert answer.status_code == 303
    version = queries.published_version(fresh(template))
    assert version is not None
    assert (version.number, version.note) == (2, "Why")


def test_review_names_the_campaigns_that_change(client: FlaskClient) -> None:
    template = new_template()
    with transaction() as session:
        session.add_all(
            [
                Campaign(name="Follows", template_id=template.id, state=CampaignState.SCHEDULED),
                Campaign(name="Pinned", template_id=template.id, state=CampaignState.SCHEDULED, template_version_id=1),
            ]
        )
    review = client.get(url(template, "publish")).get_data(as_text=True)
    assert "Follows" in review
    assert "Pinned" not in review


def test_a_broken_template_is_not_published(client: FlaskClient) -> None:
    template = new_template(html="{% if a %}")
    review = client.get(url(template, "publish")).get_data(as_text=True)
    assert "cannot be published yet" in review
    assert "HTML, line 1, column 4" in review
    answer = client.post(url(template, "publish"), data={"version": template.version})
    assert answer.status_code == 422
    assert "HTML, line 1" in answer.get_data(as_text=True)
    assert queries.published_version(fresh(template)) is None


def test_missing_values_warn_and_do_not_stop(client: FlaskClient) -> None:
    template = new_template(html="{{ only_in_the_audience }}")
    review = client.get(url(template, "publish")).get_data(as_text=True)
    assert "Look at this first" in review
    assert "cannot be published" not in review
    assert client.post(url(template, "publish"), data={"version": template.version}).status_code == 303


def test_publish_what_somebody_changed_meanwhile(client: FlaskClient) -> None:
    template = new_template()
    seen = template.version
    services.save_draft(
        template_id=template.id,
        draft=services.Draft(
            "Welcome", "transactional", queries.content_of(queries.working_version(template)), description="New"
        ),
        version=seen,
    )
    answer = client.post(url(template, "publish"), data={"version": seen})
    assert answer.status_code == 409
    assert queries.published_version(fresh(template)) is None


def test_publish_twice(client: FlaskClient) -> None:
    template = new_template(published=True)
    assert "nothing to publish" in client.get(url(template, "publish")).get_data(as_text=True)
    assert client.post(url(template, "publish"), data={}).status_code == 422


def test_list_of_versions(client: FlaskClient) -> None:
    template = two_versions()
    page = client.get(url(template, "versions")).get_data(as_text=True)
    assert "Version 2" in page
    assert "Version 1" in page
    assert "Shorter &amp; better" in page
    assert "/versions/1..2" in page
    assert "Nothing is published yet" in client.get(url(new_template("New"), "versions")).get_data(as_text=True)


def test_compare_two_versions(client: FlaskClient) -> None:
    template = two_versions()
    page = client.get(url(template, "versions/1..2")).get_data(as_text=True)
    assert "<ins>" in page
    assert "<del>" in page
    assert 'data-op="removed"' in page
    assert client.get(url(template, "versions/1..7")).status_code == 404
    assert client.get(url(template, "versions/1..draft")).status_code == 404
    change(template, subject="Third")
    assert "Third" in client.get(url(template, "versions/2..draft")).get_data(as_text=True)
    assert "Both are the same" in client.get(url(template, "versions/1..1")).get_data(as_text=True)


def test_restore_asks_first(client: FlaskClient) -> None:
    template = two_versions()
    change(template, subject="Never published")
    question = client.get(url(template, "versions/1/restore")).get_data(as_text=True)
    assert "never published" in question
    answer = client.post(url(template, "versions/1/restore"), data={"version": fresh(template).version})
    assert answer.location == url(template, "edit")
    assert queries.working_version(fresh(template)).content["subject"] == "Hello {{ first_name }}"
    published = queries.published_version(template)
    assert published is not None
    assert published.number == 2


@pytest.mark.parametrize("path", ["versions/1/restore", "discard", "publish"])
def test_old_pages_change_nothing(client: FlaskClient, path: str) -> None:
    template = two_versions()
    change(template, subject="Never published")
    assert client.post(url(template, path), data={"version": 99}).status_code == 409
    assert queries.working_version(fresh(template)).content["subject"] == "Never published"


def test_discard(client: FlaskClient) -> None:
    template = two_versions()
    change(template, subject="Never published")
    assert "cannot be brought back" in client.get(url(template, "discard")).get_data(as_text=True)
    assert client.post(url(template, "discard"), data={"version": fresh(template).version}).status_code == 303
    assert queries.draft_of(fresh(template)) is None
    assert client.post(url(template, "discard"), data={}).status_code == 422
