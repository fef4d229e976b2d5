"""What pages offer as curl is an operation of the API."""

from __future__ import annotations

import re

from flask import Flask
from flask.testing import FlaskClient

from dashboard.api.specification import specification
from tests.conftest import ROOT
from tests.factories.endpoints import new_endpoint

_CALL = re.compile(r'ui\.api_call\("([A-Z]+)", ((?:"[^"]*"|[\w.]+)(?: ~ (?:"[^"]*"|[\w.]+))*)')


def test_every_call_to_copy_is_there(app: Flask) -> None:
    found = set()
    for template in (ROOT / "dashboard" / "templates").rglob("*.html"):
        for method, parts in _CALL.findall(template.read_text(encoding="utf-8")):
            pieces = [part.strip('"') if part.startswith('"') else "{}" for part in parts.split(" ~ ")]
            path = re.sub(r"(?<!/)\{\}$", "", "".join(pieces).partition("?")[0])  # a query that the page adds
            found.add((method, path))
    assert len(found) > 15
    with app.test_request_context():
        paths = specification()["paths"]
    known = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path.removeprefix("/api/v1")))
        for path, item in paths.items()
        for method in item
    }
    assert found - known == set()


def test_pages_of_endpoints_and_providers_have_one(client: FlaskClient) -> None:
    endpoint, _ = new_endpoint()
    assert (
        f"/api/v1/webhook-endpoints/{endpoint.public_id}" in client.get(f"/webhook-endpoints/{endpoint.public_id}").text
    )
    assert "/api/v1/routes" in client.get("/providers").text
