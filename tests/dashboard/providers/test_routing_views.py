"""The routing matrix: another default from its cell, and the way back."""

from __future__ import annotations

from html import unescape

from flask.testing import FlaskClient

from dashboard.providers import queries, services
from tests.factories.campaigns import new_campaign, new_desk
from tests.factories.providers import new_inbox, new_relay

HTMX = {"HX-Request": "true"}
CELL = "/providers/routes/email/transactional"


def default() -> str:
    found = queries.routes().get(("email", "transactional"))
    return found.name if found else ""


def test_the_dialog_shows_before_after_and_who_cannot(client: FlaskClient) -> None:
    new_relay("Able")
    services.set_enabled(provider_id=new_relay("Resting").id, enabled=False)
    page = client.get(CELL).text
    assert "<html" in page
    assert "none: refused" in page
    assert ">Able</option>" in page
    assert ">Resting</option>" not in page
    assert "Resting cannot be chosen. It is disabled." in page
    assert "hx-post" not in page.split("<main")[1].split("<form")[1].split(">")[0]  # #routing is not on this page
    dialog = client.get(CELL, headers=HTMX).text
    assert "<html" not in dialog
    assert 'hx-target="#routing"' in dialog


def test_planned_campaigns_that_follow_are_counted(client: FlaskClient) -> None:
    desk = new_desk()
    new_campaign(desk, "Tomorrow", state="scheduled")
    new_campaign(desk, "Own provider", state="scheduled", provider_id=desk.provider.id)
    assert "1 planned campaign follows it too" in client.get("/providers/routes/email/promotional").text


def test_change_with_a_way_back(client: FlaskClient) -> None:
    first, second = new_inbox("First"), new_inbox("Second")
    services.set_default(channel="email", category="transactional", provider_id=first.id)
    answer = client.post(CELL, data={"provider": second.public_id}, headers=HTMX)
    assert answer.status_code == 200
    assert answer.headers["HX-Trigger"] == "app:dialog-close"
    assert '<section class="card flush" id="routing"' in answer.text
    assert "Second sends transactional email from now on." in unescape(answer.text)
    assert default() == "Second"
    assert f'name="provider" value="{first.public_id}"' in answer.text
    client.post(CELL, data={"provider": first.public_id}, headers=HTMX)
    assert default() == "First"


def test_change_without_javascript_and_to_none(client: FlaskClient) -> None:
    box = new_inbox("First")
    assert client.post(CELL, data={"provider": box.public_id}).location == "/providers"
    assert default() == "First"
    client.post(CELL, data={"provider": ""})
    assert default() == ""
    assert "No provider: transactional email is refused" in client.get("/providers").text


def test_what_cannot_be_a_default_is_refused_in_the_dialog(client: FlaskClient) -> None:
    resting = new_relay("Resting")
    services.set_enabled(provider_id=resting.id, enabled=False)
    answer = client.post(CELL, data={"provider": resting.public_id}, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (422, "#dialog")
    assert "Resting is disabled. Enable it first." in answer.text
    assert client.post(CELL, data={"provider": "nonsense"}).status_code == 422
    assert default() == ""


def test_a_default_that_was_disabled_says_so_in_its_cell(client: FlaskClient) -> None:
    box = new_inbox("First")
    services.set_default(channel="email", category="transactional", provider_id=box.id)
    services.set_enabled(provider_id=box.id, enabled=False)
    assert "It is disabled. Transactional email is refused." in client.get("/providers").text


def test_only_kinds_that_exist(client: FlaskClient) -> None:
    for path in ("/providers/routes/pigeon/otp", "/providers/routes/email/urgent"):
        assert client.get(path).status_code == 404
        assert client.post(path, data={"provider": ""}).status_code == 404
