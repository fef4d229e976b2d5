from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.accounts.models import Role
from dashboard.extensions import db
from dashboard.messages.models import MessageState
from dashboard.providers.models import Provider
from dashboard.providers.services import create_provider
from dashboard.webhooks.models import Callback
from dashboard.webhooks.services import take_callback
from tests.factories.messages import add_message
from tests.factories.providers import NEWS, fresh
from tests.factories.sending import new_provider
from tests.factories.vendors import Pigeon, registered
from tests.worker.providers.mail_hosts import Post, mail_host, mailbox_provider
from tests.worker.receipts.mails import plain
from worker.actors.receipts import read_bounce_mailbox
from worker.providers.receipts import Receipt, ReceiptKind, WebhookRequest
from worker.receipts.applying import take
from worker.receipts.reading import run_receipts


@pytest.fixture
def pigeon(app: Flask) -> Iterator[Provider]:
    with registered(Pigeon):
        yield create_provider(name="Loft", vendor="pigeon", settings={}, senders=[NEWS])


def url(provider: Provider, *parts: str) -> str:
    return "/".join(("", "providers", provider.public_id, "receipts", *parts))


def came_in(app: Flask, provider: Provider, body: bytes) -> Callback:
    take_callback(provider, WebhookRequest("POST", {}, {}, body, remote_address="203.0.113.9"))
    run_receipts(app.extensions["carillon_settings"])
    db.session.rollback()
    return db.session.query(Callback).order_by(Callback.id.desc()).first()


def test_the_page_shows_the_address_and_what_came_in(app: Flask, client: FlaskClient, pigeon: Provider) -> None:
    came_in(app, pigeon, b'[{"event": "1", "id": "x"}]')
    page = client.get(url(pigeon)).text

    assert f"http://desk.example/webhooks/pigeon/{pigeon.webhook_token}" in page
    assert "1 waiting" in page


def test_a_kind_without_receipts_says_so(client: FlaskClient) -> None:
    assert "No receipts from this kind of provider" in client.get(url(new_provider())).text


def test_a_relay_without_a_mailbox_is_offered_one(client: FlaskClient) -> None:
    relay = new_provider("smtp", host="mail.example.com")

    assert "Name the mailbox into which undeliverable mail comes back" in client.get(url(relay)).text
    refused = client.post(url(relay, "read-mailbox"), follow_redirects=True)
    assert "No bounce mailbox is set up" in refused.text


def test_what_a_mailbox_brought_is_shown_whole(app: Flask, client: FlaskClient) -> None:
    post = Post(plain("550 5.1.1 nobody here", to="desk@example.com"))
    with mail_host("imap", post) as port:
        relay = mailbox_provider(port, bounce_address="bounces@example.com")
        assert "Nothing has come back yet" in client.get(url(relay)).text
        assert client.post(url(relay, "read-mailbox")).status_code == 303
        read_bounce_mailbox(relay.id)
    db.session.rollback()
    page = client.get(url(relay)).text
    kept = db.session.query(Callback).one()

    assert "1 not a report" in page
    assert "bounces+…@example.com" in page
    assert "Where the vendor has to call" not in page
    assert "nobody here" in client.get(url(relay, kept.public_id)).text


def test_a_mailbox_that_cannot_be_read_says_what_to_do(app: Flask, client: FlaskClient) -> None:
    with mail_host("imap", Post()) as port:
        relay = mailbox_provider(port, bounce_password="wrong")  # noqa: S106
        read_bounce_mailbox(relay.id)

    assert "Check user name and password" in client.get(url(relay)).text


def test_networks_are_kept_and_wrong_ones_named(client: FlaskClient, pigeon: Provider) -> None:
    wrong = client.post(url(pigeon, "networks"), data={"networks": "203.0.113.0/24\nhere"})
    assert wrong.status_code == 422
    assert "“here” is not a network" in wrong.text

    assert client.post(url(pigeon, "networks"), data={"networks": "203.0.113.7\n"}).status_code == 303
    assert fresh(pigeon).webhook_sources == ["203.0.113.7/32"]


def test_renewing_asks_first_and_changes_the_address(client: FlaskClient, pigeon: Provider) -> None:
    before = pigeon.webhook_token
    assert "stops working at once" in client.get(url(pigeon, "renew")).text

    assert client.post(url(pigeon, "renew")).status_code == 303
    assert fresh(pigeon).webhook_token != before


def test_an_unreadable_callback_is_shown_raw_and_read_again(app: Flask, client: FlaskClient, pigeon: Provider) -> None:
    kept = came_in(app, pigeon, b"<script>alert(1)</script>")
    page = client.get(url(pigeon, kept.public_id)).text
    assert "&lt;script&gt;alert(1)" in page
    assert "Read again" in page

    assert client.post(url(pigeon, kept.public_id, "read-again")).status_code == 303
    db.session.rollback()
    assert db.session.get_one(Callback, kept.id).state == "new"


def test_raw_callbacks_are_for_administrators(
    app: Flask, sign_in: Callable[..., FlaskClient], pigeon: Provider
) -> None:
    kept = came_in(app, pigeon, b"[broken")
    viewer = sign_in(Role.VIEWER)

    assert viewer.get(url(pigeon)).status_code == 200
    assert viewer.get(url(pigeon, kept.public_id)).status_code == 403


def test_receipts_stand_in_the_history_of_a_message(client: FlaskClient, pigeon: Provider) -> None:
    message = add_message(provider_id=pigeon.id, state=MessageState.SENT)
    for number, kind in enumerate((ReceiptKind.DEFERRED, ReceiptKind.BOUNCED, ReceiptKind.DELIVERED)):
        take(db.engine, pigeon.id, [Receipt(kind, str(number), message.id, code="5.1.1")])
    page = client.get(f"/messages/{message.public_id}").text

    assert page.index("Loft: still trying") < page.index("Loft: bounced") < page.index("Loft: delivered")
    assert "(too late to change anything)" in page
