"""Received events are announced once, whether something is sent for them or not."""

from __future__ import annotations

import json

from flask import Flask
from sqlalchemy import select

from dashboard.endpoints.models import WebhookDelivery
from dashboard.events.receiving import receive
from dashboard.extensions import db
from tests.dashboard.events.test_receiving import incoming
from tests.factories.endpoints import new_endpoint
from tests.factories.events import new_event


def test_a_received_event_is_announced_and_its_repetition_is_not(app: Flask) -> None:
    new_endpoint(kinds=["event.received"])
    event = new_event("email", idempotency_path="order.number")
    received = receive(event.slug, incoming())
    receive(event.slug, incoming())
    row = db.session.scalars(select(WebhookDelivery)).one()
    data = json.loads(row.payload)["data"]
    assert (row.kind, data["id"], data["event"]) == ("event.received", received.receipt.public_id, event.slug)
    assert data["payload"] == received.receipt.payload


def test_a_filtered_event_says_why(app: Flask) -> None:
    new_endpoint(kinds=["event.received"])
    receive(new_event().slug, incoming())
    data = json.loads(db.session.scalars(select(WebhookDelivery)).one().payload)["data"]
    assert (data["state"], data["reason"]) == ("filtered", "No channel is subscribed.")
