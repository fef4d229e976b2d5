"""The settings page: what templates know about the company, and what the environment says."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.accounts.models import Role
from dashboard.audit.models import AuditEntry
from dashboard.current import current_settings
from dashboard.desk import queries
from dashboard.desk.forms import SettingsForm
from dashboard.extensions import db
from dashboard.settings import Settings
from dashboard.variables.models import READ_ONLY_VARIABLES, Variable
from tests.conftest import settings_for

GOOD = {
    "company_name": "Glocke & Söhne",
    "company_domain": "glocke.example",
    "company_address": "Turmweg 1\n12345 Läutheim",
    "support_email": "help@glocke.example.com",
    "support_phone": "+49 (30) 123 45-67",
    "privacy_policy_url": "https://glocke.example/privacy?lang=de",
    "terms_url": "https://glocke.example:8443/terms",
    "return_policy_url": "https://xn--glcke-kva.example/returns",
    "facebook_handle": "glocke.page",
    "instagram_handle": "glocke_1",
    "x_handle": "glocke",
    "logo_url": "https://cdn.glocke.example/logo.png",
}


def version_of(page: str) -> str:
    found = re.search(r'name="version" type="hidden" value="(\d+)"', page)
    assert found is not None
    return found[1]


def saved() -> dict[str, str]:
    db.session.expire_all()
    return queries.read_globals().values


def test_the_form_has_every_global(app: Flask) -> None:
    with app.test_request_context():
        names = {field.name for field in SettingsForm()} - {"version", "csrf_token"}
    assert names == set(READ_ONLY_VARIABLES)


def test_saving_is_written_down_with_what_changed(client: FlaskClient) -> None:
    version = version_of(client.get("/settings").text)
    response = client.post("/settings", data=GOOD | {"version": version})
    assert (response.status_code, response.location) == (303, "/settings")
    assert {name: value.replace("\r\n", "\n") for name, value in saved().items()} == GOOD
    page = client.get("/settings").text
    assert "Glocke &amp; Söhne" in page
    second = client.post("/settings", data=GOOD | {"company_name": "Glocke", "version": version_of(page)})
    assert second.status_code == 303
    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert len(entries) == 2
    assert (entries[1].before, entries[1].after) == ({"company_name": "Glocke & Söhne"}, {"company_name": "Glocke"})
    row = db.session.scalars(select(Variable).where(Variable.name == "company_name")).one()
    assert row.updated_by == entries[1].user_id


def test_nothing_changed_writes_nothing(client: FlaskClient) -> None:
    version = version_of(client.get("/settings").text)
    assert client.post("/settings", data={"version": version}).status_code == 303
    assert db.session.scalars(select(AuditEntry)).all() == []
    assert "Nothing was changed." in client.get("/settings").text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("company_domain", "https://glocke.example"),
        ("company_domain", "localhost"),
        ("company_domain", "a..example"),
        ("company_domain", "-a.example"),
        ("company_domain", "x" * 64 + ".example"),
        ("support_email", "help@"),
        ("support_email", "help@glocke.example\nBcc: x@example.com"),
        ("support_phone", "call us"),
        ("support_phone", "12"),
        ("support_phone", "1234567890123456"),
        ("privacy_policy_url", "http://glocke.example"),
        ("terms_url", "javascript:alert(1)"),
        ("terms_url", "https://"),
        ("return_policy_url", "https://glocke.example/a b"),
        ("logo_url", "https://[::1"),
        ("logo_url", "/logo.png"),
        ("x_handle", "@glocke"),
        ("facebook_handle", "https://facebook.example/glocke"),
        ("company_name", "x" * 2001),
    ],
)
def test_a_wrong_value_is_refused_and_kept(client: FlaskClient, name: str, value: str) -> None:
    version = version_of(client.get("/settings").text)
    response = client.post("/settings", data=GOOD | {name: value, "version": version})
    assert response.status_code == 422
    assert f'id="{name}-error"' in response.text
    assert value.partition("\n")[0] in response.text
    assert set(saved().values()) == {""}


def test_a_stale_form_shows_both(client: FlaskClient) -> None:
    version = version_of(client.get("/settings").text)
    client.post("/settings", data=GOOD | {"version": version})
    stale = client.post("/settings", data=GOOD | {"company_name": "Another", "version": version})
    assert stale.status_code == 409
    assert "Another" in stale.text
    assert "Glocke &amp; Söhne" in stale.text
    again = client.post("/settings", data=GOOD | {"company_name": "Another", "version": version_of(stale.text)})
    assert again.status_code == 303
    assert saved()["company_name"] == "Another"


def test_the_environment_is_shown_without_secrets(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    changed = settings_for(
        current_settings().var_dir,
        "postgresql://desk:hunter2@db.example/carillon",
        secret_key="a secret key, thirty-two letters!",
        admin_password="nor this one",
        redis_url="memory://user:hunter3@broker",
    )
    monkeypatch.setitem(app.extensions, "carillon_settings", changed)
    rows = {row.name: row for row in queries.environment_settings()}
    assert list(rows) == [name.upper() for name in Settings.model_fields]
    assert rows["DATABASE_URL"].value == "postgresql://desk:***@db.example/carillon"
    assert rows["SECRET_KEY"].value == rows["ADMIN_PASSWORD"].value == "set, not shown"
    assert rows["DEMO"].value == "false"
    assert (rows["LOG_LEVEL"].from_environment, rows["LEASE_SECONDS"].from_environment) == (True, False)
    page = client.get("/settings").text
    assert "hunter" not in page
    assert "thirty-two letters" not in page
    assert "nor this one" not in page


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SENDER])
def test_only_administrators_come_here(sign_in: Callable[..., FlaskClient], role: Role) -> None:
    client = sign_in(role)
    assert client.get("/settings").status_code == 403
    assert client.post("/settings", data=GOOD).status_code == 403
