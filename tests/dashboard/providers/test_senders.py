"""Sender ids of SMS, From addresses of email, nothing for push."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.problems import DomainError
from dashboard.providers.sender_ids import normal_sender
from dashboard.providers.services import From, create_provider


@pytest.mark.parametrize("text", ["SHOPEX", " shop1 ", "12345", "+491512345678", "ABCDEFGHIJK"])
def test_what_can_be_a_sender_id(text: str) -> None:
    assert normal_sender("sms", text) == text.strip()


@pytest.mark.parametrize("text", ["AB", "ABCDEFGHIJKL", "1" * 16, "SHOP EX", "SHÖP", "news@example.com", "+SHOP"])
def test_what_cannot(text: str) -> None:
    with pytest.raises(DomainError, match="is no sender id"):
        normal_sender("sms", text)


def test_providers_of_each_channel(app: Flask) -> None:
    sms = create_provider(name="Texts", vendor="sandbox_sms", settings={}, senders=[From("SHOPEX")])
    assert [(sender.address, sender.is_default) for sender in sms.senders] == [("SHOPEX", True)]
    with pytest.raises(DomainError, match="Give at least one sender id"):
        create_provider(name="Other", vendor="sandbox_sms", settings={}, senders=[])
    push = create_provider(name="Pushes", vendor="sandbox_push", settings={}, senders=[])
    assert push.senders == []


def test_the_form_asks_for_what_the_channel_has(client: FlaskClient) -> None:
    page = client.get("/providers/new/sandbox_sms").text
    assert "Sender ids" in page
    assert "sender_name" not in page
    assert "sender_address" not in client.get("/providers/new/sandbox_push").text
    email = client.get("/providers/new/sandbox").text
    assert "From addresses" in email
    assert "recipients&#39; domains" in email
    assert 'placeholder="news@example.com"' in email
    for vendor in ("sandbox_sms", "sandbox_push", "http_gateway"):
        other = client.get(f"/providers/new/{vendor}").text
        assert "domain_rates" not in other
        assert "@example.com" not in other
    data = {"name": "Texts", "sender_address": "SHOP EX", "sender_default": "0"}
    assert "is no sender id" in client.post("/providers/new/sandbox_sms", data=data).text
