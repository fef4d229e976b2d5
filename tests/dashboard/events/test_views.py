"""The catalogue and one event at a glance: made, found, renamed, subscribed, switched on and off, deleted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.accounts.models import Role
from dashboard.audit.models import AuditEntry
from dashboard.events import services
from dashboard.events.models import Event
from dashboard.events.schema import infer
from dashboard.events.services import Delivery, Names
from dashboard.extensions import db
from dashboard.message_templates.models import Category
from tests.factories.events import PAYLOAD, new_event
from tests.factories.sending import new_template
from worker.rendering.sms import SmsContent

HTMX = {"HX-Request": "true"}
PASTED = '{"order": {"id": "A-1", "total": 12.5}, "customer": {"first_name": "Ada"}}'


def typed(**values: Any) -> dict[str, Any]:
    """What a browser sends for a new event."""
    return {"name": "Order cancelled", "slug": "", "group": "Orders", "subgroup": "", "description": "", **values}


def fresh(event: Event) -> Event:
    db.session.rollback()
    return db.session.get_one(Event, event.id)


def actions() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_nobody_is_left_before_an_empty_catalogue(client: FlaskClient) -> None:
    page = client.get("/events").text
    assert "No events yet" in page
    assert 'href="/events/new"' in page
    assert 'href="/events"' in client.get("/").text


def test_an_event_is_made_of_a_pasted_payload(client: FlaskClient) -> None:
    made = client.post("/events/new", data=typed(payload=PASTED))
    assert made.status_code == 303, made.text
    event = db.session.scalars(select(Event)).one()
    assert (event.slug, event.group, event.enabled) == ("order_cancelled", "Orders", False)
    assert [one["path"] for one in event.variables] == ["order.id", "order.total", "customer.first_name"]
    page = client.get(made.location).text
    assert "Next: choose what is sent" in page
    assert "curl -X POST" in page
    assert f"/api/v1/events/{event.slug}" in page
    assert "Send every time." in page


def test_what_cannot_be_an_event_is_refused_at_its_field(client: FlaskClient) -> None:
    for values, words in (
        (typed(name=""), "Give the event a name."),
        (typed(slug="Order Cancelled!"), "small letters"),
        (typed(payload="{not json"), "This is no JSON object: line 1"),
        (typed(payload="[1]"), "an object is expected"),
    ):
        answer = client.post("/events/new", data=values)
        assert answer.status_code == 422, words
        assert words in answer.text
        assert "Error: New event" in answer.text
    client.post("/events/new", data=typed())
    again = client.post("/events/new", data=typed())
    assert again.status_code == 422
    assert "already an event of this slug" in again.text
    assert db.session.scalars(select(Event)).one().slug == "order_cancelled"


def test_the_catalogue_is_grouped_and_filtered(client: FlaskClient) -> None:
    shipped = new_event("sms")
    services.create_event(names=Names("Password reset", "password_reset", group="Accounts", subgroup="Access"))
    services.create_event(names=Names("Stock low", "stock_low"))
    page = client.get("/events").text
    assert page.index("Without a group") < page.index("Accounts · Access") < page.index("Orders ")
    for query, found, missing in (
        ("q=password", "Password reset", "Order shipped"),
        ("group=Orders", "Order shipped", "Stock low"),
        ("group=-", "Stock low", "Order shipped"),
        ("state=on", "Order shipped", "Stock low"),
        ("channel=sms", "Order shipped", "Password reset"),
    ):
        answer = client.get(f"/events?{query}", headers=HTMX)
        assert found in answer.text, query
        assert missing not in answer.text.replace("Select ", ""), query
        assert answer.headers["HX-Push-Url"] == f"/events?{query}"
        assert "<html" not in answer.text
    assert "No event matches" in client.get("/events?channel=push").text
    assert shipped.public_id in client.get("/events?state=on&channel=sms").text


def test_several_are_subscribed_at_once(client: FlaskClient) -> None:
    events = [new_event("sms", on=False), services.create_event(names=Names("Order packed", "order_packed"))]
    delivery = Delivery(subscribed=True, template_id=events[0].deliveries[1].template_id)
    services.save_schema(event_id=events[1].id, variables=infer(PAYLOAD))
    services.save_deliveries(event_id=events[1].id, deliveries={"sms": delivery})
    ids = [event.public_id for event in events]
    off = client.post("/events/subscribe?group=Orders", data={"event": ids, "channel": "sms", "subscribed": "0"})
    assert off.location == "/events?group=Orders"
    assert [fresh(event).deliveries[1].subscribed for event in events] == [False, False]
    assert "not subscribed any more for 2 of 2" in client.get(off.location).text
    client.post("/events/subscribe", data={"event": ids, "channel": "sms", "subscribed": "1"})
    assert [fresh(event).deliveries[1].subscribed for event in events] == [True, True]
    client.post("/events/subscribe", data={"event": ids, "channel": "sms", "subscribed": "1"})
    assert "was so already for all 2" in client.get("/events").text
    client.post("/events/subscribe", data={"event": ids, "channel": "email", "subscribed": "1"})
    assert "has no template for email" in client.get("/events").text
    for wrong in ({"channel": "sms"}, {"event": "evt_nothing", "channel": "sms"}, {"event": ids, "channel": "fax"}):
        client.post("/events/subscribe", data={"subscribed": "1", **wrong})
        assert "Tick the events first" in client.get("/events").text
    assert actions().count("event.subscribe") == 6


def test_the_names_change_and_a_stale_form_is_compared(client: FlaskClient) -> None:
    event = new_event(on=False)
    address = f"/events/{event.public_id}/edit"
    page = client.get(address).text
    version = re.search(r'name="version" type="hidden" value="(\d+)"', page)
    assert version
    changed = typed(name="Order sent", slug="order_sent", version=version[1])
    assert client.post(address, data=changed).status_code == 303
    assert (fresh(event).name, fresh(event).slug) == ("Order sent", "order_sent")
    stale = client.post(address, data=typed(name="Mine", slug="order_sent", version=version[1]))
    assert stale.status_code == 409
    assert "Order sent" in stale.text
    assert client.post(address, data=typed(slug="")).status_code == 422


def test_it_is_switched_on_once_nothing_is_missing(client: FlaskClient) -> None:
    event = new_event("email", on=False)
    silent = new_template(SmsContent("Dear {{ title }}"), Category.TRANSACTIONAL)[0]
    services.save_deliveries(event_id=event.id, deliveries={"sms": Delivery(subscribed=True, template_id=silent.id)})
    address = f"/events/{event.public_id}"
    page = client.get(address).text
    assert "It cannot be switched on yet" in page
    assert "title: nothing provides it" in page
    assert "Something is missing" in client.get(f"{address}/switch-on", headers=HTMX).text
    refused = client.post(f"{address}/switch-on", headers=HTMX)
    assert refused.status_code == 422
    assert not fresh(event).enabled

    services.save_deliveries(event_id=event.id, deliveries={"sms": Delivery()})
    assert "Nothing is in the way" in client.get(address).text
    assert "From the next one on" in client.get(f"{address}/switch-on").text
    done = client.post(f"{address}/switch-on", headers=HTMX)
    assert (done.status_code, done.headers["HX-Redirect"]) == (204, address)
    assert fresh(event).enabled
    assert "nothing is sent" in client.get(f"{address}/switch-off").text
    client.post(f"{address}/switch-off")
    assert not fresh(event).enabled
    assert {"event.on", "event.off"} <= set(actions())


def test_it_is_deleted_by_typing_its_slug(client: FlaskClient) -> None:
    event = new_event("sms")
    address = f"/events/{event.public_id}/delete"
    assert "Switch it off first" in client.get(address).text
    assert client.post(address, data={"typed": event.slug}).status_code == 422
    services.switch_event(event_id=event.id, enabled=False)
    assert "Its log is deleted with it" in client.get(address, headers=HTMX).text
    wrong = client.post(address, data={"typed": "something"})
    assert wrong.status_code == 422
    assert f"Type {event.slug} to confirm." in wrong.text
    assert client.post(address, data={"typed": ""}).status_code == 422
    assert client.post(address, data={"typed": event.slug}).location == "/events"
    assert client.get(f"/events/{event.public_id}").status_code == 404
    assert "event.delete" in actions()


def test_roles_reach_as_far_as_they_should(client: FlaskClient, sign_in: Callable[..., FlaskClient]) -> None:
    event = new_event("sms")
    address = f"/events/{event.public_id}"
    viewer = sign_in(Role.VIEWER)
    assert viewer.get(address).status_code == 200
    for path in ("/events/new", f"{address}/edit", f"{address}/switch-on", f"{address}/delete"):
        assert viewer.get(path).status_code == 403, path
    assert "data-select" not in viewer.get("/events").text
    editor = sign_in(Role.EDITOR)
    assert "It is on" in editor.get(address).text
    assert editor.post(f"{address}/edit", data=typed(slug="mine")).status_code == 403
    assert editor.post(f"{address}/switch-off").status_code == 403
    assert editor.post("/events/subscribe", data={"event": event.public_id}).status_code == 403
    sender = sign_in(Role.SENDER)
    assert sender.post(f"{address}/switch-off").status_code == 303
    assert editor.post(f"{address}/edit", data=typed(slug="mine")).status_code == 303


def test_it_is_found_by_name_and_by_id(client: FlaskClient) -> None:
    event = new_event("sms")
    assert f"/events/{event.public_id}" in client.post("/search", data={"term": event.public_id}).location
    found = client.post("/search", data={"term": "order ship"}, follow_redirects=True)
    assert f"/events/{event.public_id}" in found.text
