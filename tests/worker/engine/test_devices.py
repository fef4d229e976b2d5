"""Devices that a vendor calls dead: the ledger, the registry and the next job."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.message_templates.models import Category
from dashboard.providers.models import Provider
from dashboard.push_tokens.models import Platform, PushToken
from dashboard.push_tokens.services import register
from dashboard.suppressions.models import Suppression
from tests.factories.sending import new_job, new_provider, people
from tests.statements import recorded
from tests.worker.engine.slices import counters, deliver, messages, states
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer, vendor_server
from tests.worker.providers.push.test_firebase import ACCOUNT, SIGNED_IN, error
from worker.rendering.push import PushContent

PUSH = PushContent("Hi", "Your order left")
DEAD = {"Gone-1": error(404, "NOT_FOUND", "UNREGISTERED"), "bad": error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")}


@pytest.fixture
def server() -> Iterator[VendorServer]:
    with vendor_server() as server:
        server.always_at["/token"] = SIGNED_IN
        server.answer = answer
        yield server


def answer(seen: Seen) -> Answer:
    token = seen.json["message"]["token"]
    return DEAD.get(token) or json_answer({"name": f"projects/parcels/messages/{token}"})


@pytest.fixture
def vendor(app: Flask, server: VendorServer) -> Provider:
    account = json.dumps(ACCOUNT)
    return new_provider("firebase", url=server.url, token_url=f"{server.url}/token", service_account=account)


def send(vendor: Provider, *tokens: str, category: Category = Category.TRANSACTIONAL) -> dict[str, str]:
    """Token -> state, after a job of its own."""
    job = new_job([{"push_token": token} for token in tokens], content=PUSH, provider=vendor, category=category)
    deliver(job.id)
    assert states(job.id) == counters(job.id)
    return {row.recipient: row.state for row in messages(job.id)}


def device(token: str) -> PushToken:
    db.session.rollback()
    return db.session.scalars(select(PushToken).where(PushToken.token == token)).one()


def test_a_dead_device_gets_nothing_again(vendor: Provider, server: VendorServer) -> None:
    for token in ("Gone-1", "alive", "bad"):
        register(token=token, platform=Platform.ANDROID)
    assert send(vendor, "Gone-1", "alive", "bad") == {"Gone-1": "bounced", "alive": "sent", "bad": "failed"}
    gone = device("Gone-1")
    assert (gone.state, gone.gone_at is not None) == ("gone", True)
    assert "UNREGISTERED" in gone.reason
    assert device("alive").state == device("bad").state == "active"
    [entry] = db.session.scalars(select(Suppression))
    assert (entry.channel, entry.address, entry.scope, entry.reason) == ("push", "gone-1", "all", "bounced")

    asked = len(server.seen)
    assert send(vendor, "Gone-1", category=Category.PROMOTIONAL) == {"Gone-1": "suppressed"}
    assert send(vendor, "Gone-1") == {"Gone-1": "suppressed"}
    assert len(server.seen) == asked


def test_a_token_nobody_registered_is_spared_too(vendor: Provider) -> None:
    assert send(vendor, "Gone-1") == {"Gone-1": "bounced"}
    assert send(vendor, "Gone-1") == {"Gone-1": "suppressed"}


def test_a_device_that_comes_back_is_sent_to(vendor: Provider, server: VendorServer) -> None:
    send(vendor, "Gone-1")
    register(token="Gone-1", platform=Platform.ANDROID)
    server.answer = lambda seen: json_answer({"name": "projects/parcels/messages/1"})
    assert send(vendor, "Gone-1") == {"Gone-1": "sent"}


def test_news_older_than_the_registration_changes_nothing(vendor: Provider) -> None:
    job = new_job([{"push_token": "Gone-1"}], content=PUSH, provider=vendor)
    register(token="Gone-1", platform=Platform.ANDROID)
    deliver(job.id)
    assert states(job.id) == {"bounced": 1}
    assert device("Gone-1").state == "active"
    assert db.session.scalars(select(Suppression)).all() == []


def test_a_browsers_long_subscription_is_found_by_its_digest(vendor: Provider, server: VendorServer) -> None:
    token = json.dumps({"endpoint": "https://push.example.com/" + "x" * 600})
    register(token=token, platform=Platform.WEB)
    server.always(DEAD["Gone-1"])
    send_again = new_job([{"push_token": token}], content=PUSH, provider=vendor)
    assert device(token).state == "active"
    assert list(send(vendor, token).values()) == ["bounced"]
    assert device(token).state == "gone"
    deliver(send_again.id)
    assert states(send_again.id) == {"suppressed": 1}


def test_mail_asks_nothing_about_devices(app: Flask) -> None:
    job = new_job(people(3), provider=new_provider(bounce_percent=100))
    with recorded() as statements:
        deliver(job.id)
    assert not [statement for statement in statements if "push_tokens" in statement]
