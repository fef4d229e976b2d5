"""Who is let in, and the one shape of every refusal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.api_keys.models import ApiKey, Scope
from dashboard.api_keys.services import revoke_key
from dashboard.extensions import db, transaction, utc_now
from tests.dashboard.api.conftest import Call
from tests.factories.api_keys import bearer, new_key

SHAPE = {"code", "message", "field", "hint", "request_id"}


def test_a_key_learns_what_it_may(call: Call) -> None:
    answer = call("GET", "/key")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["scopes"] == ["admin"]
    assert answer.json["id"].startswith("key_")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic YTpi", "Bearer nonsense", "Bearer ключ"])
def test_without_a_key_nobody_is_let_in(app: Flask, anonymous: FlaskClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode().decode("latin-1")}
    answer = anonymous.get("/api/v1/key", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json is not None
    assert set(answer.json) == SHAPE
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def test_expired_and_revoked_keys_are_told_so(app: Flask, call: Call) -> None:
    expired, old = new_key(expires_at=utc_now() + timedelta(days=1))
    with transaction():
        db.session.get_one(ApiKey, expired.id).expires_at = utc_now() - timedelta(days=1)
    revoked, gone = new_key()
    revoke_key(key_id=revoked.id)
    for token, code in ((old, "expired_key"), (gone, "revoked_key")):
        answer = call("GET", "/key", token=token)
        assert answer.status_code == 401
        assert answer.json is not None
        assert answer.json["code"] == code


def test_a_session_of_the_desk_is_no_key(client: FlaskClient) -> None:
    assert client.get("/api/v1/key").status_code == 401


def test_too_many_requests_are_told_when_to_come_back(app: Flask, call: Call) -> None:
    _, slow = new_key(requests_per_minute=2)
    codes = [call("GET", "/key", token=slow).status_code for _ in range(4)]
    assert codes.count(200) in (2, 3, 4)
    assert codes[:2] == [200, 200]
    if 429 in codes:
        answer = call("GET", "/key", token=slow)
        assert answer.status_code != 429 or 0 < int(answer.headers["Retry-After"]) <= 60


def test_addresses_that_do_not_exist_answer_in_the_same_shape(app: Flask, anonymous: FlaskClient, token: str) -> None:
    for method, path, status in (("GET", "/api/v1/nothing", 404), ("DELETE", "/api/v1/key", 405)):
        answer = anonymous.open(path, method=method, headers=bearer(token))
        assert answer.status_code == status
        assert answer.json is not None
        assert set(answer.json) == SHAPE
    assert "GET" in answer.headers["Allow"]


def test_every_operation_names_its_scopes_and_needs_a_key(app: Flask, anonymous: FlaskClient) -> None:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/"):
            assert hasattr(app.view_functions[rule.endpoint], "_api_scopes"), rule.rule
            path = rule.rule.replace("<", "").replace(">", "")
            for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
                assert anonymous.open(path, method=method).status_code == 401, f"{method} {path}"


def test_a_key_without_the_scope_is_refused(app: Flask, anonymous: FlaskClient) -> None:
    _, weak = new_key([Scope.OTP])
    for rule in app.url_map.iter_rules():
        scopes = getattr(app.view_functions[rule.endpoint], "_api_scopes", ())
        if scopes and Scope.OTP not in scopes:
            path = rule.rule.replace("<", "").replace(">", "")
            for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
                answer = anonymous.open(path, method=method, headers=bearer(weak))
                assert answer.status_code == 403, f"{method} {path}"
                assert (answer.json or {})["code"] == "scope_missing"
