"""Webhook endpoints through the API."""

from __future__ import annotations

from flask import Flask

from dashboard.api_keys.models import Scope
from dashboard.current import current_settings
from dashboard.extensions import db
from tests.dashboard.api.conftest import Call
from tests.factories.api_keys import new_key
from tests.factories.endpoints import listener
from tests.worker.endpoints.test_delivering import signed_by
from worker.endpoints.delivering import deliver_due

_VALUES = {"name": "Shop", "url": "https://shop.example/hooks", "kinds": ["message.sent"]}


def test_an_endpoint_lives_its_whole_life(app: Flask, call: Call) -> None:
    with listener() as server:
        made = call("POST", "/webhook-endpoints", _VALUES | {"url": server.url})
        assert made.status_code == 201
        path = f"/webhook-endpoints/{made.json['id']}"
        assert "secret" not in made.text
        secret = call("POST", f"{path}/secret").json["secret"]
        assert [item["id"] for item in call("GET", "/webhook-endpoints").json["items"]] == [made.json["id"]]
        changed = call("PUT", path, {**_VALUES, "url": server.url, "name": "Store", "version": 1})
        assert (changed.status_code, changed.json["name"]) == (200, "Store")
        assert call("PUT", path, {**_VALUES, "version": 1}).status_code == 409
        sent = call("POST", f"{path}/test")
        assert sent.status_code == 202
        db.session.rollback()
        deliver_due(db.engine, current_settings())
        assert signed_by(secret, *server.got[0])
        listed = call("GET", f"{path}/deliveries?state=delivered").json["items"]
        assert [(item["id"], item["last_status"]) for item in listed] == [(sent.json["id"], 200)]
        one = f"/webhook-deliveries/{sent.json['id']}"
        assert call("GET", one).json["payload"].encode() == server.got[0][1]
        assert call("POST", f"{one}/redeliver").status_code == 202
        db.session.rollback()
        deliver_due(db.engine, current_settings())
        assert len(server.got) == 2
    assert call("POST", f"{path}/redeliver-failed").json == {"count": 0}
    assert call("POST", f"{path}/enabled", {"enabled": False}).json["state"] == "disabled"
    assert call("POST", f"{path}/test").status_code in (409, 422)
    assert call("DELETE", path).status_code == 200
    assert call("GET", path).status_code == 404


def test_it_takes_the_scope_admin(app: Flask, call: Call) -> None:
    token = new_key([Scope.SEND, Scope.EVENTS])[1]
    assert call("GET", "/webhook-endpoints", token=token).status_code == 403


def test_what_cannot_work_is_refused(app: Flask, call: Call) -> None:
    assert call("POST", "/webhook-endpoints", _VALUES | {"kinds": ["message.eaten"]}).status_code == 422
    refused = call("POST", "/webhook-endpoints", _VALUES | {"url": "ftp://shop.example"})
    assert refused.status_code == 422
    assert refused.json["field"] == "url"


def test_the_kinds_are_those_that_can_be_subscribed_to() -> None:
    from typing import get_args

    from dashboard.api.resources.webhooks import Kind
    from dashboard.endpoints.kinds import KINDS

    assert get_args(Kind) == tuple(KINDS)
