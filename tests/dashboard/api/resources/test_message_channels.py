"""Sending by the API on SMS and push, and on several channels with one call."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from dashboard.extensions import db, transaction
from dashboard.ids import parse_public_id
from dashboard.message_templates.models import Category
from dashboard.messages.models import Message
from dashboard.providers.models import Provider
from dashboard.webhooks.models import ProviderReference
from tests.dashboard.api.conftest import Call
from tests.factories.api_keys import new_route
from tests.factories.sending import new_provider, new_template
from worker.engine.deliver import work
from worker.rendering.content import EmailContent
from worker.rendering.push import PushContent
from worker.rendering.sms import SmsContent

EVERYWHERE = {
    "email": "ada@example.com", "phone": "+919876543210", "push_token": "device-1", "variables": {"name": "Ada"}
}  # fmt: skip


@pytest.fixture
def slugs(app: Flask) -> dict[str, str]:
    """A published template of each channel, and a sandbox as the route of each."""
    contents = {
        "email": EmailContent(subject="Hello {{ name }}", html="<p>{{ name }}</p>", text="{{ name }}"),
        "sms": SmsContent(text="Hello {{ name }}"),
        "push": PushContent(title="Hello {{ name }}", body="News"),
    }
    for vendor in ("sandbox", "sandbox_sms", "sandbox_push"):
        new_route(provider=new_provider(vendor))
    return {name: new_template(content, Category.TRANSACTIONAL)[0].slug for name, content in contents.items()}


def parts(slugs: dict[str, str], *channels: str) -> dict[str, Any]:
    return {name: {"template": slugs[name]} for name in channels}


def recipients() -> set[tuple[str, str, str]]:
    db.session.rollback()
    return {(row.channel, row.recipient, row.state) for row in db.session.scalars(select(Message))}


@pytest.mark.parametrize(
    ("channel", "recipient"), [("email", "ada@example.com"), ("sms", "+919876543210"), ("push", "device-1")]
)
def test_each_channel_is_sent_within_the_request(
    call: Call, slugs: dict[str, str], channel: str, recipient: str
) -> None:
    body = {"template": slugs[channel], "recipients": [EVERYWHERE], "mode": "sync"}
    answer = call("POST", "/messages", body)

    assert answer.status_code == 200, answer.text
    assert answer.json["counts"] == {"sent": 1}
    assert recipients() == {(channel, recipient, "sent")}


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_one_call_sends_on_every_channel(call: Call, slugs: dict[str, str], mode: str) -> None:
    body = {"channels": parts(slugs, "email", "sms", "push"), "recipients": [EVERYWHERE], "mode": mode}
    answer = call("POST", "/messages", body)
    assert answer.status_code in (200, 202), answer.text
    for job in answer.json["jobs"]:
        work(parse_public_id("run", job["id"]))

    assert recipients() == {
        ("email", "ada@example.com", "sent"), ("sms", "+919876543210", "sent"), ("push", "device-1", "sent")
    }  # fmt: skip


def test_who_lacks_an_address_of_a_channel_fails_on_that_one_alone(call: Call, slugs: dict[str, str]) -> None:
    person = {"email": "ada@example.com", "variables": {"name": "Ada"}}
    body = {"channels": parts(slugs, "email", "sms"), "recipients": [person], "mode": "sync"}
    assert call("POST", "/messages", body).json["counts"] == {"sent": 1, "failed": 1}


def test_receipts_that_know_the_vendors_id_alone_find_messages_sent_at_once(
    call: Call, slugs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from worker.providers import registry

    monkeypatch.setattr(registry.get("sandbox_sms"), "receipts_by_id", True)
    with transaction() as session:
        provider = session.scalars(select(Provider).where(Provider.channel == "sms")).one()
    call("POST", "/messages", {"template": slugs["sms"], "recipients": [EVERYWHERE], "mode": "sync"})
    db.session.rollback()
    row = db.session.scalars(select(Message)).one()

    statement = select(func.count()).where(
        ProviderReference.provider_id == provider.id,
        ProviderReference.reference == row.provider_message_id,
        ProviderReference.message_id == row.id,
    )
    assert db.session.scalar(statement) == 1
