"""The administrator's pages about keys."""

from __future__ import annotations

import re

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.api_keys.models import ApiKey
from dashboard.api_keys.services import recognise
from dashboard.extensions import db
from tests.factories.api_keys import new_key
from tests.factories.sending import new_template

HTMX = {"HX-Request": "true"}
_TOKEN = re.compile(r"car_[a-z0-9]{8}_[a-z0-9]{32}")


def test_a_new_key_is_shown_once(app: Flask, client: FlaskClient) -> None:
    template, _ = new_template()
    response = client.post(
        "/api-keys",
        data={"name": "Shop", "scopes": ["send", "reports"], "template_ids": [str(template.id)], "expires_on": ""},
    )
    assert response.status_code == 201
    token = _TOKEN.findall(response.text)[0]
    caller = recognise(token)
    assert caller.scopes == {"send", "reports"}
    assert caller.template_ids == {template.id}
    key = db.session.scalars(select(ApiKey)).one()
    for page in ("/api-keys", f"/api-keys/{key.public_id}"):
        text = client.get(page).text
        assert "Shop" in text
        assert key.prefix in text
        assert not _TOKEN.findall(text)
    assert template.name in client.get(f"/api-keys/{key.public_id}").text


def test_what_is_wrong_with_a_new_key_is_said_at_its_field(client: FlaskClient) -> None:
    response = client.post("/api-keys", data={"name": "", "scopes": []})
    assert response.status_code == 422
    assert "Name the application." in response.text
    response = client.post("/api-keys", data={"name": "Shop"})
    assert response.status_code == 422
    assert "at least one thing" in response.text
    response = client.post("/api-keys", data={"name": "Shop", "scopes": ["send"], "expires_on": "2001-01-01"})
    assert response.status_code == 422
    assert "That day is over" in response.text


def test_rotating_shows_the_new_secret_in_the_dialog(client: FlaskClient) -> None:
    key, old = new_key()
    path = f"/api-keys/{key.public_id}/rotate"
    assert "Make a new secret" in client.get(path, headers=HTMX).text
    response = client.post(path, data={}, headers=HTMX)
    token = _TOKEN.findall(response.text)[0]
    assert token != old
    assert recognise(token).id == key.id


def test_revoking_ends_it(client: FlaskClient) -> None:
    key, _ = new_key()
    path = f"/api-keys/{key.public_id}/revoke"
    assert "cannot be undone" in client.get(path).text
    assert client.post(path).status_code == 303
    page = client.get(f"/api-keys/{key.public_id}").text
    assert "Revoked" in page
    assert "New secret" not in page
    assert client.post(f"/api-keys/{key.public_id}/rotate", headers=HTMX).status_code == 422


def test_without_keys_the_page_shows_a_first_call(client: FlaskClient) -> None:
    text = client.get("/api-keys").text
    assert "No application has a key yet" in text
    assert "$API_KEY" in text
