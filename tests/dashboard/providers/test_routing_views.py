"""The routing matrix: the route of a kind from its cell and the way back, the channels' switches, drains."""

from __future__ import annotations

import re
from html import unescape

from flask.testing import FlaskClient

from dashboard.extensions import db, transaction, utc_now
from dashboard.providers import queries, services
from dashboard.providers.models import Provider, ProviderIncident
from dashboard.providers.routes import Entry, entries_of, set_default, set_route
from tests.factories.campaigns import new_campaign, new_desk
from tests.factories.providers import fresh, new_inbox, new_relay
from worker.engine.breaker import open_breaker

HTMX = {"HX-Request": "true"}
CELL = "/providers/routes/email/transactional"


def default() -> str:
    db.session.rollback()
    found = queries.routes().get(("email", "transactional"))
    return found.name if found else ""


def route() -> list[tuple[int, int]]:
    db.session.rollback()
    return [(entry.provider_id, entry.weight) for entry in entries_of("email", "transactional")]


def test_the_dialog_shows_the_route_and_who_cannot(client: FlaskClient) -> None:
    new_relay("Able")
    services.set_enabled(provider_id=new_relay("Resting").id, enabled=False)
    page = client.get(CELL).text
    assert "<html" in page
    assert "nobody: refused" in page
    assert ">Able</option>" in page
    assert ">Resting</option>" not in page
    assert "Resting cannot be chosen. It is disabled." in page
    assert "hx-post" not in page.split("<main")[1].split('id="route-form"')[1].split(">")[0]  # #routing is elsewhere
    dialog = client.get(CELL, headers=HTMX).text
    assert "<html" not in dialog
    assert 'hx-target="#routing"' in dialog


def test_planned_campaigns_that_follow_are_counted(client: FlaskClient) -> None:
    desk = new_desk()
    new_campaign(desk, "Tomorrow", state="scheduled")
    new_campaign(desk, "Own provider", state="scheduled", provider_id=desk.provider.id)
    assert "1 planned campaign follows it too" in client.get("/providers/routes/email/promotional").text


def test_an_ordered_list_with_shares_is_saved_and_taken_back(client: FlaskClient) -> None:
    first, second = new_inbox("First"), new_inbox("Second")
    set_default(channel="email", category="transactional", provider_id=first.id)
    data = {"provider": [second.public_id, first.public_id, ""], "weight": ["90", "10", ""]}
    answer = client.post(CELL, data=data, headers=HTMX)

    assert answer.headers["HX-Trigger"] == "app:dialog-close"
    assert '<section class="card flush" id="routing"' in answer.text
    assert "Transactional email goes by Second (90), First (10) from now on." in unescape(answer.text)
    assert route() == [(second.id, 90), (first.id, 10)]
    undo = re.search(r'name="route" value="([^"]*)"', answer.text)
    assert undo is not None
    client.post(CELL, data={"route": undo[1]}, headers=HTMX)
    assert route() == [(first.id, 0)]


def test_change_without_javascript_and_to_none(client: FlaskClient) -> None:
    box = new_inbox("First")
    assert client.post(CELL, data={"provider": box.public_id}).location == "/providers"
    assert default() == "First"
    client.post(CELL, data={"provider": ""})
    assert default() == ""
    assert "No provider: transactional email is refused" in client.get("/providers").text


def test_what_cannot_be_in_a_route_is_refused_in_the_dialog(client: FlaskClient) -> None:
    resting, able = new_relay("Resting"), new_relay("Able")
    services.set_enabled(provider_id=resting.id, enabled=False)
    answer = client.post(CELL, data={"provider": resting.public_id}, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (422, "#dialog")
    assert "Resting is disabled. Enable it first." in answer.text
    assert client.post(CELL, data={"provider": "nonsense"}).status_code == 422
    assert client.post(CELL, data={"provider": able.public_id, "weight": "many"}).status_code == 422
    assert client.post(CELL, data={"provider": able.public_id, "weight": "101"}).status_code == 422
    twice = client.post(CELL, data={"provider": [able.public_id, able.public_id]})
    assert "A provider can stand in a route once." in twice.text
    assert default() == ""


def test_a_default_that_was_disabled_says_so_in_its_cell(client: FlaskClient) -> None:
    box = new_inbox("First")
    set_default(channel="email", category="transactional", provider_id=box.id)
    services.set_enabled(provider_id=box.id, enabled=False)
    assert "It is disabled. Transactional email is refused." in client.get("/providers").text


def test_another_default_keeps_the_others_behind_it(client: FlaskClient) -> None:
    first, second = new_inbox("First"), new_inbox("Second")
    entries = [Entry(first.id), Entry(second.id)]
    set_route(channel="email", category="transactional", entries=entries)
    set_default(channel="email", category="transactional", provider_id=second.id)
    assert [provider for provider, _ in route()] == [second.id, first.id]


def test_only_kinds_that_exist(client: FlaskClient) -> None:
    for path in ("/providers/routes/pigeon/otp", "/providers/routes/email/urgent"):
        assert client.get(path).status_code == 404
        assert client.post(path, data={"provider": ""}).status_code == 404


def test_a_failing_provider_shows_everywhere(client: FlaskClient) -> None:
    box, other = new_inbox("First"), new_inbox("Second")
    set_route(channel="email", category="transactional", entries=[Entry(box.id), Entry(other.id)])
    open_breaker(db.engine, box.id, "it cannot be reached", utc_now())
    db.session.rollback()

    assert "First is failing: it cannot be reached." in client.get("/templates").text
    matrix = client.get("/providers").text
    assert "then Second" in matrix
    page = client.get(f"/providers/{box.public_id}").text
    assert "Its traffic goes elsewhere" in page
    assert "When its traffic went elsewhere" in page
    assert db.session.query(ProviderIncident).count() == 1


def test_draining_takes_nothing_new_and_is_shown(client: FlaskClient) -> None:
    box = new_inbox("First")
    assert client.post(f"/providers/{box.public_id}/drain").status_code == 303
    assert fresh(box).draining
    assert "Draining" in client.get(f"/providers/{box.public_id}").text
    client.post(f"/providers/{box.public_id}/undrain")
    assert not fresh(box).draining


def test_a_channel_is_switched_off_with_a_reason_and_on_again(client: FlaskClient) -> None:
    assert client.get("/providers/routes/email/switch").status_code == 200
    assert "Say why" in client.post("/providers/routes/email/off", data={"reason": " "}).text
    assert client.post("/providers/routes/email/off", data={"reason": "a wrong price"}).status_code == 303
    assert "a wrong price" in client.get("/providers").text
    assert client.post("/providers/routes/email/on").status_code == 303
    assert "a wrong price" not in client.get("/providers").text
    assert client.get("/providers/routes/pigeon/switch").status_code == 404


def test_a_gone_provider_is_passed_over_in_a_route(client: FlaskClient) -> None:
    box, other = new_inbox("First"), new_inbox("Second")
    set_route(channel="email", category="transactional", entries=[Entry(box.id), Entry(other.id)])
    with transaction() as session:
        session.get_one(Provider, box.id).enabled = False
    assert "Transactional email is refused" not in client.get("/providers").text
