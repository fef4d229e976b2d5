"""The live preview over HTTP."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboard.accounts.models import Role
from dashboard.message_templates import queries
from tests.dashboard.message_templates.test_views import HTMX, fields
from tests.factories.message_templates import new_audience, new_template

TARGET = HTMX | {"HX-Target": "preview-result"}


def frame_url(page: str) -> str:
    found = re.search(r'data-frame-url="([^"]+)"', page)
    assert found is not None
    return unescape(found[1])


def render(client: FlaskClient, template: Any, **changes: Any) -> tuple[str, Any]:
    answer = client.post(f"/templates/{template.public_id}/render", data=fields(template, **changes), headers=TARGET)
    assert answer.status_code == 200
    return answer.get_data(as_text=True), answer


def test_typing_renders_unsaved_text(client: FlaskClient) -> None:
    template = new_template()
    page, answer = render(client, template, html="<p>Unsaved {{ first_name }}</p>")
    assert "<html" not in page
    shown = client.get(frame_url(page))
    assert shown.get_data(as_text=True) == "<p>Unsaved Asha</p>"
    assert shown.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "https:" not in shown.headers["Content-Security-Policy"]
    assert "Unsaved" not in queries.working_version(template).content["html"]
    assert 'hx-swap-oob="outerHTML"' in page
    assert answer.headers["HX-Replace-Url"] == f"/templates/{template.public_id}/edit"


def test_pictures_load_only_when_asked(client: FlaskClient) -> None:
    page, answer = render(client, new_template(), images="1", view="mobile")
    policy = client.get(frame_url(page)).headers["Content-Security-Policy"]
    assert "img-src data: https:" in policy
    assert answer.headers["HX-Replace-Url"].endswith("/edit?images=1&view=mobile")


@pytest.mark.parametrize(
    ("view", "words"), [("text", "Hello Asha"), ("source", "&lt;p&gt;Hello"), ("headers", "Subject:")]
)
def test_other_views(client: FlaskClient, view: str, words: str) -> None:
    page, _ = render(client, new_template(), view=view)
    assert words in client.get(frame_url(page)).get_data(as_text=True)


def test_an_error_keeps_the_last_good_preview(client: FlaskClient) -> None:
    page, _ = render(client, new_template(), html="{% if a %}")
    assert "data-frame-url" not in page
    assert "data-failed" in page
    assert "The last good preview stays" in page
    assert "HTML, line 1, column 4" in page
    marks = json.loads(unescape(re.search(r'data-diagnostics="([^"]*)"', page)[1]))  # type: ignore[index]
    assert marks[0]["severity"] == "error"


def test_what_a_save_would_refuse_is_told_while_typing(client: FlaskClient) -> None:
    page, _ = render(client, new_template(), reply_to="nobody", header_name="Subject", header_value="x", sample="{")
    for words in ("Reply-to", "not an email address", "written by the sender", "line 1, column 2"):
        assert words in page


def test_a_record_by_search_keeps_the_address_out_of_the_url(client: FlaskClient) -> None:
    audience = new_audience(
        "Customers", [("ann@example.com", {"first_name": "Ann"}), ("bob@example.com", {"first_name": "Bob"})]
    )
    page, answer = render(client, new_template(), data=audience.public_id, step="search", who="bob@example.com")
    assert "Hello Bob" in page
    assert "record 2" in page
    assert answer.headers["HX-Replace-Url"].endswith(f"?data={audience.public_id}&row=1")
    again = client.get(answer.headers["HX-Replace-Url"]).get_data(as_text=True)
    assert "Hello Bob" in again


def test_typed_json(client: FlaskClient) -> None:
    page, answer = render(client, new_template(), data="json", data_json='{"first_name": "Zed"}')
    assert "Hello Zed" in page
    assert "Zed" not in answer.headers["HX-Replace-Url"]
    broken, _ = render(client, new_template("Other"), data="json", data_json='{"first_name"')
    assert "The JSON cannot be read: line 1, column 14" in broken


def test_preview_button_without_javascript_shows_the_whole_editor(client: FlaskClient) -> None:
    template = new_template()
    answer = client.post(f"/templates/{template.public_id}/render", data=fields(template, subject="Typed, not saved"))
    page = answer.get_data(as_text=True)
    assert "<html" in page
    assert 'value="Typed, not saved"' in page
    assert "<iframe" in page
    assert queries.working_version(template).content["subject"] != "Typed, not saved"


def test_a_preview_is_its_owners_alone(client: FlaskClient, sign_in: Any) -> None:
    page, _ = render(client, new_template())
    other = sign_in(Role.EDITOR)
    answer = other.get(frame_url(page))
    assert answer.status_code == 404
    assert "no longer kept" in answer.get_data(as_text=True)
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")


@pytest.mark.parametrize("change", ["add_row", "remove_row:0", "nonsense", "remove_row:99", "remove_attachment:x"])
def test_rows_without_javascript_keep_everything(client: FlaskClient, change: str) -> None:
    template = new_template()
    data = fields(template, subject="Kept", header_name=["X-One"], header_value=["1"], change=change)
    answer = client.post(f"/templates/{template.public_id}/edit/rows", data=data)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert 'value="Kept"' in page
    assert page.count('name="header_name"') == {"add_row": 2, "remove_row:0": 0}.get(change, 1)


def test_rows_by_htmx_answer_their_block_alone(client: FlaskClient) -> None:
    template = new_template()
    data = fields(template, header_name=["X-One"], header_value=["1"], change="add_row")
    answer = client.post(
        f"/templates/{template.public_id}/edit/rows", data=data, headers=HTMX | {"HX-Target": "headers"}
    )
    page = answer.get_data(as_text=True).strip()
    assert page.startswith('<section class="card" id="headers"')
    assert page.count('name="header_name"') == 2
    assert "autofocus" in page
    assert answer.headers["HX-Trigger-After-Settle"] == "app:changed:preview"


def test_fill_in_what_is_missing(client: FlaskClient) -> None:
    template = new_template()
    data = fields(template, html="{{ order_number }} {{ unsubscribe_url }} {{ first_name }}", change="fill_sample")
    answer = client.post(
        f"/templates/{template.public_id}/edit/rows", data=data, headers=HTMX | {"HX-Target": "sample-values"}
    )
    page = unescape(answer.get_data(as_text=True))
    assert '"order_number": "order number"' in page
    assert '"unsubscribe_url"' not in page
    assert '"first_name": "Asha"' in page
