"""Bodies that are no requests: each has its refusal, none gets through to a 500."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.api.bodies import MOST_BYTES
from tests.factories.api_keys import bearer

SHAPE = {"code", "message", "field", "hint", "request_id"}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"template": "a",}', 400),
        (b"\xff\xfe", 400),
        (b'{"variables": {"a": NaN}}', 400),
        (b'{"variables": {"a": Infinity}}', 400),
        (b'{"template": "a\\u0000b"}', 400),
        (b'{"template": "\\ud800"}', 400),
        (b"[" * 200_000, 400),
        (b'{"a":' * 200_000, 400),
        (b'{"variables": ' + b'{"a":' * 800 + b"1" + b"}" * 800 + b"}", 400),
        (b'{"variables": {"a": ' + b"9" * 5000 + b"}}", 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b'"{}"', 422),
        (b"1", 422),
        (b"{}", 422),
    ],
)
def test_what_is_no_json_object_is_refused(
    app: Flask, anonymous: FlaskClient, token: str, data: bytes, status: int
) -> None:
    for path in ("/api/v1/messages", "/api/v1/messages/render"):
        headers = bearer(token, Content_Type="application/json")
        answer = anonymous.post(path, data=data, headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.json is not None
        assert set(answer.json) == SHAPE


def test_ten_megabytes_are_too_large(app: Flask, anonymous: FlaskClient, token: str) -> None:
    data = b'{"template": "' + b"x" * 10_000_000 + b'"}'
    assert len(data) > MOST_BYTES
    answer = anonymous.post("/api/v1/messages", data=data, headers=bearer(token, Content_Type="application/json"))
    assert (answer.status_code, (answer.json or {})["code"]) == (413, "too_large")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/xml", "multipart/form-data"])
def test_another_type_is_refused(app: Flask, anonymous: FlaskClient, token: str, kind: str) -> None:
    answer = anonymous.post("/api/v1/messages", data=b"{}", headers=bearer(token, Content_Type=kind))
    assert (answer.status_code, (answer.json or {})["code"]) == (415, "unsupported_media_type")


def test_an_escaped_backslash_before_u0000_is_text(app: Flask, anonymous: FlaskClient, token: str) -> None:
    data = b'{"template": "a\\\\u0000b"}'
    answer = anonymous.post(
        "/api/v1/messages/render", data=data, headers=bearer(token, Content_Type="application/json")
    )
    assert (answer.json or {})["code"] == "unknown_template"


def test_nul_in_an_address_is_refused(app: Flask, anonymous: FlaskClient, token: str) -> None:
    assert anonymous.get("/api/v1/messages?code=%00", headers=bearer(token)).status_code == 422
    assert anonymous.get("/api/v1/messages/%00", headers=bearer(token)).status_code == 404
