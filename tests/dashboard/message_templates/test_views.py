"""Pages of templates: list, new, reading view, editor, clone, archive."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboard.accounts.models import Role
from dashboard.extensions import db
from dashboard.message_templates import queries, services
from dashboard.message_templates.models import Template
from tests.factories.message_templates import HTML, SUBJECT, change, new_template

HTMX = {"HX-Request": "true"}


def fields(template: Template, **changes: Any) -> dict[str, Any]:
    """The editor's form as a browser sends it."""
    return {
        "version": template.version,
        "name": template.name,
        "category": template.category,
        "subject": SUBJECT,
        "html": HTML,
        "text_mode": "derived",
        "sample": '{"first_name": "Asha"}',
        **changes,
    }


def saved(template: Template) -> dict[str, Any]:
    db.session.expire_all()
    return queries.working_version(queries.template(template.id)).content


# -- the list


def test_an_empty_installation_offers_the_starters(client: FlaskClient) -> None:
    page = client.get("/templates").get_data(as_text=True)
    assert "No templates yet" in page
    assert "/templates/new?starter=spring_sale" in page


def test_list_and_filters_in_the_address(client: FlaskClient) -> None:
    new_template("Welcome")
    new_template("Spring sale", category="promotional", published=True)
    page = client.get("/templates?category=promotional&q=").get_data(as_text=True)
    assert "Spring sale" in page
    assert "Welcome" not in page
    fragment = client.get("/templates?category=promotional&q=", headers=HTMX | {"HX-Target": "results"})
    assert fragment.headers["HX-Push-Url"] == "/templates?category=promotional"
    assert "<html" not in fragment.get_data(as_text=True)
    assert 'id="results"' in fragment.get_data(as_text=True)


def test_nothing_matches(client: FlaskClient) -> None:
    new_template()
    assert "No template matches" in client.get("/templates?q=zzz").get_data(as_text=True)


def test_viewers_read_and_cannot_write(sign_in: Any) -> None:
    template = new_template()
    viewer = sign_in(Role.VIEWER)
    assert "New template" not in viewer.get("/templates").get_data(as_text=True).split("<main")[1]
    assert viewer.get(f"/templates/{template.public_id}").status_code == 200
    for path in ("edit", "publish", "clone", "tests/new"):
        assert viewer.get(f"/templates/{template.public_id}/{path}").status_code == 403
    assert viewer.post(f"/templates/{template.public_id}/edit", data=fields(template)).status_code == 403
    assert viewer.post(f"/templates/{template.public_id}/render", data=fields(template)).status_code == 403


# -- a new one


def test_create_opens_the_editor(client: FlaskClient) -> None:
    answer = client.post("/templates/new", data={"name": "May", "category": "promotional", "starter": "spring_sale"})
    assert answer.status_code == 303
    page = client.get(answer.location).get_data(as_text=True)
    assert "SPRING-7Q4K" in page


@pytest.mark.parametrize(
    "data",
    [
        {"name": "", "category": "promotional", "starter": "receipt"},
        {"name": "x" * 161, "category": "promotional", "starter": "receipt"},
        {"name": "Sale", "category": "nonsense", "starter": "receipt"},
        {"name": "Welcome", "category": "promotional", "starter": "receipt"},
    ],
)
def test_create_with_mistakes_keeps_what_was_typed(client: FlaskClient, data: dict[str, str]) -> None:
    new_template("Welcome")
    answer = client.post("/templates/new", data=data)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "There is a problem" in page
    assert data["name"] in page


# -- the reading view


def test_reading_view_tells_state_versions_and_variables(client: FlaskClient) -> None:
    template = new_template(published=True)
    change(template, subject="Changed {{ first_name }}")
    page = client.get(f"/templates/{template.public_id}").get_data(as_text=True)
    assert "Unpublished changes" in page
    assert "Changed Asha" in page
    old = client.get(f"/templates/{template.public_id}?version=1").get_data(as_text=True)
    assert "Hello Asha" in old
    assert client.get(f"/templates/{template.public_id}?version=9").status_code == 404


def test_unknown_template(client: FlaskClient) -> None:
    assert client.get("/templates/tpl_0000000000001").status_code == 404
    assert client.get("/templates/nonsense").status_code == 404


# -- the editor


def test_save_without_javascript(client: FlaskClient) -> None:
    template = new_template()
    answer = client.post(f"/templates/{template.public_id}/edit", data=fields(template, subject="New subject"))
    assert (answer.status_code, answer.location) == (303, f"/templates/{template.public_id}/edit")
    assert saved(template)["subject"] == "New subject"


def test_save_by_htmx_answers_the_state_line_with_the_next_version(client: FlaskClient) -> None:
    template = new_template()
    answer = client.post(f"/templates/{template.public_id}/edit", data=fields(template, html="<p>x</p>"), headers=HTMX)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert text.strip().startswith('<p id="save-state"')
    assert 'name="version" value="2"' in text


def test_save_keeps_every_field(client: FlaskClient) -> None:
    template = new_template()
    data = fields(
        template,
        text_mode="written",
        text="Plain\r\ntext",
        from_name="{{ company_name|default('Us') }}",
        reply_to="Help <help@example.com>",
        cc="a@example.com, b@example.com",
        bcc_variable="manager",
        header_name=["X-Run", ""],
        header_value=["{{ run }}", ""],
        inline_css="y",
        tags="one, two ,one",
        description="What it is for",
    )
    assert client.post(f"/templates/{template.public_id}/edit", data=data).status_code == 303
    content = saved(template)
    assert content["text"] == "Plain\ntext"
    assert content["cc"] == ["a@example.com", "b@example.com"]
    assert content["headers"] == [{"name": "X-Run", "value": "{{ run }}"}]
    assert content["inline_css"] is True
    assert queries.template(template.id).tags == ["one", "two"]
    page = client.get(f"/templates/{template.public_id}/edit").get_data(as_text=True)
    for shown in ("a@example.com, b@example.com", "X-Run", "one, two", "What it is for", "Help &lt;help@example.com"):
        assert shown in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subject": ""}, "needs a subject"),
        ({"subject": "Hello\r\nBcc: everybody@example.com"}, "one line"),
        ({"from_name": "a\nb"}, "one line"),
        ({"reply_to": "nobody"}, "not an email address"),
        ({"cc": "a@example.com, nobody"}, "not an email address"),
        ({"bcc_variable": "two words"}, "letters, digits and underscores"),
        ({"sample": '{"a": }'}, "line 1, column 7"),
        ({"sample": "[]"}, "an object is expected"),
        ({"header_name": "Subject", "header_value": "x"}, "written by the sender"),
        ({"header_name": "Content-Type", "header_value": "x"}, "written by the sender"),
        ({"header_name": "X-A", "header_value": "a\r\nBcc: x@example.com"}, "one line"),
        ({"header_name": ["X-A", "x-a"], "header_value": ["1", "2"]}, "twice"),
        ({"header_name": "", "header_value": "x"}, "Give the header a name"),
        ({"text_mode": "written", "text": " "}, "Write the text part"),
        ({"name": ""}, "Give the template a name"),
        ({"html": "x" * 600_000}, "At most"),
    ],
)
def test_mistakes_are_told_and_nothing_is_lost(client: FlaskClient, changes: dict[str, Any], words: str) -> None:
    template = new_template()
    data = fields(template, description="Typed and not lost", **changes)
    answer = client.post(f"/templates/{template.public_id}/edit", data=data, headers=HTMX)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert answer.headers["HX-Retarget"] == "#template-editor"
    assert words in page
    assert "Typed and not lost" in page
    assert saved(template)["subject"] == SUBJECT
    assert client.post(f"/templates/{template.public_id}/edit", data=data).status_code == 422


def test_a_draft_may_be_broken(client: FlaskClient) -> None:
    template = new_template()
    data = fields(template, html="{% if x %}not closed yet")
    assert client.post(f"/templates/{template.public_id}/edit", data=data).status_code == 303
    page = client.get(f"/templates/{template.public_id}/edit").get_data(as_text=True)
    assert "never closed" in page


def test_two_people_at_once(client: FlaskClient) -> None:
    template = new_template()
    seen = template.version
    services.save_draft(
        template_id=template.id,
        draft=services.Draft(
            "Welcome", "transactional", queries.content_of(queries.working_version(template)), description="By Sam"
        ),
        version=seen,
    )
    change(template, subject="Their subject")
    data = fields(template, version=seen, subject="My subject")
    answer = client.post(f"/templates/{template.public_id}/edit", data=data, headers=HTMX)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "saved this template" in page
    assert "Their" in page
    assert 'value="My subject"' in page
    assert saved(template)["subject"] == "Their subject"
    again = data | {"version": queries.template(template.id).version}
    assert client.post(f"/templates/{template.public_id}/edit", data=again).status_code == 303
    assert saved(template)["subject"] == "My subject"


def test_take_their_side_of_one_field(client: FlaskClient) -> None:
    template = new_template(subject="Their subject", html="<p>Their body</p>")
    data = fields(template, subject="Mine", html="<p>My body</p>", change="take:subject")
    page = client.post(f"/templates/{template.public_id}/edit/rows", data=data).get_data(as_text=True)
    assert 'value="Their subject"' in page
    assert "My body" in page


def test_save_and_go_on_to_publish(client: FlaskClient) -> None:
    template = new_template()
    answer = client.post(f"/templates/{template.public_id}/edit", data=fields(template, then="publish"), headers=HTMX)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == f"/templates/{template.public_id}/publish"


# -- clone and archive


def test_clone(client: FlaskClient) -> None:
    template = new_template()
    url = f"/templates/{template.public_id}/clone"
    assert "Copy of Welcome" in client.get(url).get_data(as_text=True)
    assert "<html" not in client.get(url, headers=HTMX).get_data(as_text=True)
    assert client.post(url, data={"name": "Welcome"}).status_code == 422
    answer = client.post(url, data={"name": "Welcome two"})
    assert answer.status_code == 303
    assert "Welcome two" in client.get(answer.location).get_data(as_text=True)


def test_archive_and_back(client: FlaskClient) -> None:
    template = new_template()
    url = f"/templates/{template.public_id}"
    assert client.post(f"{url}/archive").status_code == 303
    assert "is archived" in client.get(url).get_data(as_text=True)
    assert client.get(f"{url}/edit").location == url
    assert client.post(f"{url}/edit", data=fields(template)).status_code == 409
    assert client.post(f"{url}/unarchive").status_code == 303
    assert client.get(f"{url}/edit").status_code == 200
