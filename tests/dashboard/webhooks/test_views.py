from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from dashboard.extensions import db, transaction
from dashboard.messages.models import Message, MessageState
from dashboard.providers.models import Provider
from dashboard.providers.services import create_provider
from dashboard.webhooks import services
from dashboard.webhooks.models import Callback, StoredReceipt
from tests.factories.messages import add_message
from tests.factories.providers import NEWS
from tests.factories.vendors import Pigeon, registered
from worker.receipts.reading import read_new, run_receipts

FOREIGN = {"Origin": "https://vendor.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def strict_app(app: Flask) -> Iterator[Flask]:
    """CSRF protection switched on, as in production."""
    app.config["WTF_CSRF_ENABLED"] = True
    yield app
    app.config["WTF_CSRF_ENABLED"] = False


@pytest.fixture
def pigeon(app: Flask) -> Iterator[Provider]:
    with registered(Pigeon):
        yield create_provider(name="Loft", vendor="pigeon", settings={"signing_secret": "grain"}, senders=[NEWS])


def url(provider: Provider) -> str:
    return f"/webhooks/pigeon/{provider.webhook_token}"


def call(client: FlaskClient, provider: Provider, *events: dict[str, Any], signature: str = "grain") -> TestResponse:
    return client.post(url(provider), data=json.dumps(events), headers={"X-Signature": signature, **FOREIGN})


def callbacks() -> list[Callback]:
    db.session.rollback()
    return list(db.session.scalars(select(Callback).order_by(Callback.id)))


def read(app: Flask) -> None:
    db.session.rollback()
    run_receipts(app.extensions["carillon_settings"])
    db.session.rollback()
    db.session.expire_all()


def test_a_receipt_reaches_its_message(strict_app: Flask, anonymous: FlaskClient, pigeon: Provider) -> None:
    message = add_message(provider_id=pigeon.id)
    answer = call(anonymous, pigeon, {"event": "1", "reference": message.id})

    assert (answer.status_code, answer.data) == (200, b"")
    assert [row.state for row in callbacks()] == ["new"]
    read(strict_app)
    assert db.session.get_one(Message, message.id).state == MessageState.DELIVERED
    assert [(row.state, row.counts) for row in callbacks()] == [("read", {"applied": 1})]


def test_repeated_late_and_unknown_receipts_are_counted(app: Flask, anonymous: FlaskClient, pigeon: Provider) -> None:
    message = add_message(provider_id=pigeon.id)
    delivered = {"event": "1", "reference": message.id}
    bounced = {"event": "2", "reference": message.id, "kind": "bounced"}
    strange = {"event": "3", "reference": message.id, "kind": "unknown", "code": "777"}
    nobody = {"event": "4", "id": "never seen"}
    for events in ([delivered], [delivered, bounced], [strange, nobody]):
        assert call(anonymous, pigeon, *events).status_code == 200
    read(app)

    assert [row.counts for row in callbacks()] == [
        {"applied": 1}, {"duplicate": 1, "late": 1}, {"unknown_code": 1, "waiting": 1}
    ]  # fmt: skip
    assert db.session.get_one(Message, message.id).state == MessageState.DELIVERED


def test_a_wrong_signature_is_refused_and_kept_without_effect(
    app: Flask, anonymous: FlaskClient, pigeon: Provider
) -> None:
    message = add_message(provider_id=pigeon.id)
    answer = call(anonymous, pigeon, {"event": "1", "reference": message.id}, signature="straw")

    assert (answer.status_code, answer.text) == (403, "The signature is wrong.\n")
    read(app)
    assert [row.state for row in callbacks()] == ["refused"]
    assert list(db.session.scalars(select(StoredReceipt))) == []


@pytest.mark.parametrize("path", ["/webhooks/pigeon/wrong", "/webhooks/smtp/{token}"])
def test_a_wrong_address_finds_nothing(anonymous: FlaskClient, pigeon: Provider, path: str) -> None:
    answer = anonymous.post(path.format(token=pigeon.webhook_token), data="[]")

    assert (answer.status_code, answer.mimetype) == (404, "text/plain")
    assert callbacks() == []


def test_trial_calls_are_answered_and_not_kept(anonymous: FlaskClient, pigeon: Provider) -> None:
    signed = {"X-Signature": "grain"}

    assert anonymous.head(url(pigeon), headers=signed).status_code == 200
    assert anonymous.get(url(pigeon), headers=signed).status_code == 200
    assert anonymous.post(url(pigeon), data="[]", headers=signed).text == "coo"
    assert callbacks() == []


def test_what_cannot_be_read_is_kept_and_can_be_read_again(
    app: Flask, anonymous: FlaskClient, pigeon: Provider
) -> None:
    anonymous.post(url(pigeon), data="{broken", headers={"X-Signature": "grain"})
    read(app)
    kept = callbacks()[0]
    assert (kept.state, kept.body) == ("unreadable", b"{broken")
    assert "Expecting property name" in kept.problem

    services.read_again(provider_id=pigeon.id, callback_id=kept.id)
    assert callbacks()[0].state == "new"


def test_a_failing_adapter_stops_nobody_else(app: Flask, anonymous: FlaskClient, pigeon: Provider) -> None:
    message = add_message(provider_id=pigeon.id)
    anonymous.post(url(pigeon), data='[{"no": "event"}]', headers={"X-Signature": "grain"})
    call(anonymous, pigeon, {"event": "1", "reference": message.id})
    read(app)

    assert [row.state for row in callbacks()] == ["unreadable", "read"]


def test_only_named_networks_may_call(anonymous: FlaskClient, pigeon: Provider) -> None:
    services.set_sources(provider_id=pigeon.id, text="203.0.113.0/24")
    assert call(anonymous, pigeon, {"event": "1", "id": "a"}).status_code == 403

    services.set_sources(provider_id=pigeon.id, text="203.0.113.0/24\n127.0.0.1")
    assert call(anonymous, pigeon, {"event": "1", "id": "a"}).status_code == 200


def test_a_body_beyond_the_limit_is_refused(anonymous: FlaskClient, pigeon: Provider) -> None:
    answer = anonymous.post(url(pigeon), data=b" " * (8 * 1024 * 1024 + 1), headers={"X-Signature": "grain"})

    assert answer.status_code == 413
    assert callbacks() == []


def test_secrets_that_cannot_be_read_ask_the_vendor_to_come_again(anonymous: FlaskClient, pigeon: Provider) -> None:
    with transaction() as session:
        session.get_one(Provider, pigeon.id).secrets = "from another key"

    assert call(anonymous, pigeon, {"event": "1", "id": "a"}).status_code == 503


def test_a_renewed_address_replaces_the_old_one(anonymous: FlaskClient, pigeon: Provider) -> None:
    old = url(pigeon)
    services.renew_address(provider_id=pigeon.id)
    db.session.rollback()

    assert anonymous.post(old, data="[]").status_code == 404
    assert call(anonymous, db.session.get_one(Provider, pigeon.id)).text == "coo"


def test_credentials_are_not_kept(anonymous: FlaskClient, pigeon: Provider) -> None:
    headers = {"X-Signature": "grain", "Authorization": "Basic c2VjcmV0", "Content-Type": "application/json"}
    anonymous.post(url(pigeon), data='[{"event": "1"}]', headers=headers)

    assert callbacks()[0].headers.keys() <= {"content-type", "user-agent"}


def test_callbacks_are_read_some_at_a_time(strict_app: Flask, anonymous: FlaskClient, pigeon: Provider) -> None:
    message = add_message(provider_id=pigeon.id)
    for first in range(0, 120, 60):
        events = [{"event": str(number), "reference": message.id} for number in range(first, first + 60)]
        call(anonymous, pigeon, *events)
    call(anonymous, pigeon, {"event": "last", "reference": message.id})

    read_new(db.engine, strict_app.extensions["carillon_settings"])
    states = [row.state for row in callbacks()]
    assert states == ["read", "read", "new" if db.engine.dialect.name == "sqlite" else "read"]
    read(strict_app)
    assert {row.state for row in callbacks()} == {"read"}
