"""Every vendor can be added and changed by its form, whatever it asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.crypto import decrypt
from dashboard.current import current_settings
from dashboard.extensions import db
from dashboard.providers.models import Provider
from tests.worker.providers.push.keys import pem
from worker.providers import registry
from worker.providers.base import Provider as Adapter
from worker.providers.fields import SettingField

KEY = pem(ec.generate_private_key(ec.SECP256R1()))
ACCOUNT = {
    "project_id": "shop",
    "client_email": "shop@example.com",
    "private_key": pem(rsa.generate_private_key(65537, 2048)),
    "token_uri": "https://token.example.com",
}
#: What is more than a word.
VALUES = {
    ("apple_push", "key"): KEY,
    ("firebase", "service_account"): json.dumps(ACCOUNT),
    ("http_gateway", "body"): "to = {to}",
    ("web_push", "private_key"): KEY,
    ("web_push", "subject"): "mailto:push@example.com",
}
SENDERS = {"email": "news@example.com", "sms": "SHOPIN", "push": ""}


def value(vendor: type[Adapter], field: SettingField) -> Any:
    if (vendor.vendor, field.name) in VALUES:
        return VALUES[vendor.vendor, field.name]
    return "https://api.example.com" if field.name == "url" else "word"


def form(vendor: type[Adapter]) -> dict[str, Any]:
    """As a person posts it who fills in what is needed and leaves the rest as it is offered."""
    posted: dict[str, Any] = {"name": f"Our {vendor.label}", "sender_address": SENDERS[vendor.channel]}
    posted |= {"sender_name": "", "sender_default": "0"}
    for field in vendor.fields:
        needed = field.required and field.default is None
        offered = "y" if field.default is True else "" if field.default in (None, False) else str(field.default)
        posted[f"setting_{field.name}"] = value(vendor, field) if needed else offered
    return posted


@pytest.mark.parametrize("vendor", registry.providers(), ids=lambda vendor: vendor.vendor)
def test_it_is_added_and_changed_by_its_form(client: FlaskClient, vendor: type[Adapter]) -> None:
    posted = form(vendor)
    added = client.post(f"/providers/new/{vendor.vendor}", data=posted)
    provider = db.session.scalars(select(Provider)).one()
    assert (added.status_code, added.location) == (303, f"/providers/{provider.public_id}")
    needed = {field.name for field in vendor.fields if field.kind == "secret" and field.required}
    assert set(decrypt(current_settings().key, provider.secrets or "")) >= needed

    kept = {f"setting_{field.name}": "" for field in vendor.fields if field.kind == "secret"}
    changed = client.post(
        f"/providers/{provider.public_id}/configuration",
        data={**posted, **kept, "name": "Another name", "version": str(provider.version)},
    )
    assert changed.status_code == 303
    db.session.rollback()
    db.session.expire_all()
    again = db.session.scalars(select(Provider)).one()
    assert again.name == "Another name"
    assert set(decrypt(current_settings().key, again.secrets or "")) >= needed
