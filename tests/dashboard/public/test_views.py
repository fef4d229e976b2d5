from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.extensions import db, transaction
from dashboard.message_templates.models import Category
from dashboard.suppressions.models import Suppression
from dashboard.suppressions.services import suppress
from dashboard.suppressions.tokens import unsubscribe_token
from dashboard.variables.models import Variable
from tests.factories.messages import add_message
from tests.factories.sending import new_job
from tests.worker.engine.slices import deliver, inbox, states
from worker.rendering.content import Content
from worker.rendering.push import PushContent
from worker.rendering.sms import SmsContent

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def strict_app(app: Flask) -> Iterator[Flask]:
    """CSRF protection switched on, as in production."""
    app.config["WTF_CSRF_ENABLED"] = True
    yield app
    app.config["WTF_CSRF_ENABLED"] = False


def listed() -> list[tuple[str, str, str]]:
    db.session.rollback()
    return [(row.address, row.scope, row.reason) for row in db.session.scalars(select(Suppression))]


def test_a_mail_program_unsubscribes_with_one_post(strict_app: Flask, anonymous: FlaskClient) -> None:
    message = add_message(recipient="Ada@example.com")
    url = f"/u/{unsubscribe_token(message.id)}"
    foreign = {"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"}
    for _ in range(2):
        answer = anonymous.post(url, data=ONE_CLICK, headers=foreign)
        assert answer.status_code == 200
    assert listed() == [("ada@example.com", "promotional", "unsubscribed")]


def test_a_person_reads_presses_and_takes_it_back(strict_app: Flask, anonymous: FlaskClient) -> None:
    with transaction():
        db.session.scalars(select(Variable).where(Variable.name == "company_name")).one().value = "Lumen & Co"
    url = f"/u/{unsubscribe_token(add_message().id)}"
    assert "Unsubscribe from Lumen &amp; Co?" in anonymous.get(url).text
    assert listed() == []
    assert "You are unsubscribed" in anonymous.post(url).text
    assert len(listed()) == 1
    assert "Unsubscribe from" in anonymous.post(f"{url}/undo").text
    assert listed() == []


def test_undo_takes_back_only_what_the_link_did(anonymous: FlaskClient) -> None:
    suppress(address="ada@example.com", note="asked by phone")
    url = f"/u/{unsubscribe_token(add_message().id)}"
    anonymous.post(f"{url}/undo")
    assert [row[2] for row in listed()] == ["manual"]


def test_a_test_mail_suppresses_nobody(anonymous: FlaskClient) -> None:
    url = f"/u/{unsubscribe_token(add_message(is_test=True).id)}"
    assert "This was a test" in anonymous.post(url).text
    assert listed() == []


def test_forged_links_find_nothing(anonymous: FlaskClient) -> None:
    token = unsubscribe_token(add_message().id)
    forged = token[:-1] + ("0" if token[-1] != "0" else "1")
    for text in (forged, token[:-3], "x", unsubscribe_token(12345)):
        assert anonymous.get(f"/u/{text}").status_code == 404
        assert anonymous.post(f"/u/{text}", data=ONE_CLICK).status_code == 404
    assert listed() == []


SALE_SMS = SmsContent("Sale! Stop: {{ unsubscribe_url }}")
SALE_PUSH = PushContent("Sale", "Today", link="{{ unsubscribe_url }}")


@pytest.mark.parametrize(
    ("content", "column", "address", "shown", "noun"),
    [
        (SALE_SMS, "phone", "+919820012345", "+919820012345", "SMS"),
        (SALE_PUSH, "push_token", "Device:Ab-1", "This device", "push"),
    ],
)
def test_the_link_of_a_text_message_or_notification_is_honoured(
    anonymous: FlaskClient, content: Content, column: str, address: str, shown: str, noun: str
) -> None:
    first = new_job([{column: address}], content=content)
    deliver(first.id)
    assert states(first.id) == {"sent": 1}
    sent = inbox()[0].raw.decode()
    path = "/u/" + sent.split("/u/")[1].split('"')[0]
    asked = anonymous.get(path).text
    assert f"{shown} will get no more promotional {noun}" in asked
    assert "You are unsubscribed" in anonymous.post(path).text
    assert listed() == [(address.lower(), "promotional", "unsubscribed")]

    second = new_job([{column: address}], content=content)
    deliver(second.id)
    assert states(second.id) == {"suppressed": 1}
    order = new_job([{column: address}], content=content, category=Category.TRANSACTIONAL)
    deliver(order.id)
    assert states(order.id) == {"sent": 1}

    anonymous.post(f"{path}/undo")
    third = new_job([{column: address}], content=content)
    deliver(third.id)
    assert states(third.id) == {"sent": 1}
