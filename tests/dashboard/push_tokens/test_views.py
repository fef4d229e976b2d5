from __future__ import annotations

from collections.abc import Callable

from flask.testing import FlaskClient

from dashboard.accounts.models import Role
from dashboard.push_tokens.models import Platform
from dashboard.push_tokens.services import register

SignIn = Callable[[Role], FlaskClient]
HTMX = {"HX-Request": "true"}


def test_an_empty_registry_says_how_devices_come(client: FlaskClient) -> None:
    assert "by the API" in client.get("/devices/").text


def test_the_devices_of_a_customer_are_found(client: FlaskClient) -> None:
    register(token="abc", platform=Platform.ANDROID, customer_id="C-1")
    register(token="xyz", platform=Platform.IOS, customer_id="C-2")
    both, one = client.get("/devices/").text, client.get("/devices/?customer=C-1", headers=HTMX).text
    assert "abc" in both
    assert "xyz" in both
    assert "abc" in one
    assert "xyz" not in one
    assert "<html" not in one
    assert "No device of this customer" in client.get("/devices/?customer=C-3").text


def test_a_device_is_removed_after_a_question(client: FlaskClient) -> None:
    row = register(token="abc", platform=Platform.ANDROID, customer_id="C-1")
    address = f"/devices/{row.public_id}/remove"
    assert "<html" not in client.get(address, headers=HTMX).text
    answer = client.post(address)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/devices/?customer=C-1")
    assert client.get(address).status_code == 404
    assert client.post(address).status_code == 404


def test_a_viewer_looks_only(sign_in: SignIn) -> None:
    row = register(token="abc", platform=Platform.ANDROID)
    viewer = sign_in(Role.VIEWER)
    page = viewer.get("/devices/")
    assert "abc" in page.text
    assert "/remove" not in page.text
    assert viewer.post(f"/devices/{row.public_id}/remove").status_code == 403
