"""The administrator's pages about webhook endpoints, without JavaScript and with htmx."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.accounts.models import Role
from dashboard.current import current_settings
from dashboard.endpoints import services
from dashboard.endpoints.announcing import announce
from dashboard.endpoints.models import WebhookDelivery, WebhookEndpoint
from dashboard.extensions import db, transaction
from tests.factories.endpoints import Reply, fresh, listener, new_endpoint
from worker.endpoints.delivering import deliver_due

HTMX = {"HX-Request": "true"}
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{44}")
_VALUES = {"name": "Shop", "url": "https://shop.example/hooks", "kinds": ["message.sent", "campaign.finished"]}


def _deliver() -> None:
    db.session.rollback()
    deliver_due(db.engine, current_settings())
    db.session.rollback()


def _delivery() -> WebhookDelivery:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(WebhookDelivery)).one()


def test_a_secret_is_shown_once(client: FlaskClient) -> None:
    response = client.post("/webhook-endpoints", data=_VALUES)
    assert response.status_code == 201
    assert _SECRET.findall(response.text)
    endpoint = db.session.scalars(select(WebhookEndpoint)).one()
    assert endpoint.kinds == ["campaign.finished", "message.sent"]
    for path in ("", f"/{endpoint.public_id}", f"/{endpoint.public_id}/edit"):
        page = client.get(f"/webhook-endpoints{path}")
        assert page.status_code == 200
        assert "Shop" in page.text
        assert not _SECRET.findall(page.text)


def test_what_is_wrong_is_said_at_its_field(client: FlaskClient) -> None:
    for changes, words in (
        ({"name": ""}, "Name the application"),
        ({"url": "shop.example"}, "begins with https://"),
        ({"kinds": []}, "at least one kind"),
    ):
        response = client.post("/webhook-endpoints", data=_VALUES | changes)
        assert response.status_code == 422
        assert words in response.text
    assert db.session.scalars(select(WebhookEndpoint)).all() == []


def test_two_people_who_change_it_compare(client: FlaskClient) -> None:
    endpoint, _ = new_endpoint()
    path = f"/webhook-endpoints/{endpoint.public_id}/edit"
    assert client.post(path, data={**_VALUES, "name": "Mine", "version": 1}).status_code == 303
    response = client.post(path, data={**_VALUES, "name": "Theirs", "version": 1})
    assert response.status_code == 409
    assert "Mine" in response.text
    assert client.post(path, data={**_VALUES, "name": "Theirs", "version": 2}).status_code == 303
    assert fresh(endpoint).name == "Theirs"


def test_a_test_delivery_is_sent_and_its_answer_shown(client: FlaskClient) -> None:
    with listener(Reply(202, body=b"<b>queued</b>")) as server:
        endpoint, _ = new_endpoint(server.url)
        response = client.post(f"/webhook-endpoints/{endpoint.public_id}/test")
        assert response.status_code == 303
        assert "every 2s" in client.get(response.location).text
        _deliver()
        page = client.get(response.location).text
    assert server.bodies()[0]["type"] == "endpoint.test"
    assert "Delivered" in page
    assert "202" in page
    assert "&lt;b&gt;queued&lt;/b&gt;" in page
    assert "every 2s" not in page
    assert "every 2s" not in client.get(response.location, headers=HTMX).text


def test_failed_deliveries_are_made_again_from_the_page(client: FlaskClient) -> None:
    with listener(Reply(500), Reply(500), Reply(200)) as server:
        endpoint, _ = new_endpoint(server.url)
        with transaction():
            announce("event.received", {"event": "order-placed"})
        _deliver()
        base = f"/webhook-endpoints/{endpoint.public_id}"
        delivery = _delivery()
        one = f"{base}/deliveries/{delivery.public_id}"
        assert "order-placed" in client.get(one).text
        assert client.post(f"{one}/redeliver").status_code == 303
        _deliver()
        with transaction() as session:
            session.get_one(WebhookDelivery, delivery.id).state = "failed"
        assert "Deliver all failed again" in client.get(base).text
        assert client.post(f"{base}/redeliver-failed").status_code == 303
        _deliver()
    assert (_delivery().state, _delivery().attempts) == ("delivered", 3)
    assert "No deliveries" in client.get(f"{base}?state=failed", headers=HTMX).text
    assert delivery.public_id in client.get(f"{base}?state=delivered").text


def test_a_delivery_stands_under_its_own_endpoint_only(client: FlaskClient) -> None:
    endpoint, _ = new_endpoint()
    other, _ = new_endpoint(name="Other")
    delivery = services.send_test(endpoint_id=endpoint.id)
    assert client.get(f"/webhook-endpoints/{other.public_id}/deliveries/{delivery.public_id}").status_code == 404


def test_disabling_enabling_rotating_and_deleting(client: FlaskClient) -> None:
    endpoint, old = new_endpoint()
    base = f"/webhook-endpoints/{endpoint.public_id}"
    for dialog in ("disable", "rotate", "delete"):
        assert "dialog-title" in client.get(f"{base}/{dialog}", headers=HTMX).text
    secrets = _SECRET.findall(client.post(f"{base}/rotate", headers=HTMX).text)
    assert secrets
    assert secrets[0] != old
    assert client.post(f"{base}/disable").status_code == 303
    assert fresh(endpoint).state == "disabled"
    assert "disabled" in client.post(f"{base}/test", follow_redirects=True).text
    assert client.post(f"{base}/enable").status_code == 303
    assert fresh(endpoint).state == "enabled"
    assert client.post(f"{base}/delete").status_code == 303
    assert client.get(base).status_code == 404


def test_only_administrators_come_here(app: Flask, sign_in: Callable[..., FlaskClient]) -> None:
    endpoint, _ = new_endpoint()
    person = sign_in(Role.SENDER)
    assert person.get("/webhook-endpoints").status_code == 403
    assert person.post(f"/webhook-endpoints/{endpoint.public_id}/delete").status_code == 403
