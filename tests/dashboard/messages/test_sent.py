"""Messages that really went through the engine into the sandbox."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.jobs.models import Job
from dashboard.messages.content import content_of
from dashboard.messages.models import Message, MessageState
from dashboard.messages.services import resend
from dashboard.problems import DomainError
from dashboard.providers.models import SandboxMail
from dashboard.suppressions.services import suppress
from tests.factories.sending import new_job
from worker.engine.deliver import work
from worker.rendering.push import PushContent
from worker.rendering.sms import SmsContent


@pytest.fixture
def sent(app: Flask) -> Message:
    people = [{"email": "ada@example.com", "name": "Ada"}, {"email": "grace@example.com", "name": "Grace"}]
    job = new_job(people)
    work(job.id)
    db.session.rollback()
    return db.session.scalars(select(Message).where(Message.recipient == "ada@example.com")).one()


def test_the_content_page_shows_what_was_sent(sent: Message) -> None:
    raw = db.session.scalars(select(SandboxMail).where(SandboxMail.message_id == sent.id)).one().raw.decode()
    made_again = content_of(sent).source
    without_date = [line for line in raw.splitlines() if not line.startswith("Date:")]
    assert [line for line in made_again.splitlines() if not line.startswith("Date:")] == without_date


def test_every_value_tells_its_source(sent: Message) -> None:
    values = {value.name: (value.value, value.source) for value in content_of(sent).values}
    assert values["name"] == ("Ada", "record")
    assert values["message_id"] == (sent.public_id, "system")


def test_the_pages_of_a_sent_message(sent: Message, client: FlaskClient) -> None:
    base = f"/messages/{sent.public_id}"
    assert "The provider took it" in client.get(base).text
    for tab in ("content", "text", "headers", "data", "related"):
        assert client.get(f"{base}?tab={tab}").status_code == 200
    assert "Dear Ada" in client.get(f"{base}/document").text
    assert client.get(f"{base}/document").headers["Content-Security-Policy"].startswith("sandbox")


def test_sending_again_makes_a_message_of_its_own(sent: Message) -> None:
    new_id = resend(message_id=sent.id)
    job = db.session.scalars(select(Job).where(Job.first_message_id == new_id)).one()
    work(job.id)
    db.session.rollback()
    again = db.session.get_one(Message, new_id)
    assert again.state == MessageState.SENT
    assert again.recipient == "ada@example.com"
    assert db.session.get_one(Message, sent.id).state == MessageState.SENT


def test_a_suppressed_address_is_not_sent_to_again(sent: Message) -> None:
    suppress(address="ada@example.com")
    with pytest.raises(DomainError, match="suppression list"):
        resend(message_id=sent.id)


def test_the_pages_of_a_text_message(app: Flask, client: FlaskClient) -> None:
    job = new_job([{"phone": "+919820012345", "name": "Ada"}], content=SmsContent("Hi {{ name }}"))
    work(job.id)
    db.session.rollback()
    base = f"/messages/{db.session.scalars(select(Message)).one().public_id}"
    page = client.get(f"{base}?tab=content").text
    assert "Hi Ada" in page
    assert "SHOPEX" in page
    assert "tab=text" not in page
    assert "Hi Ada" in client.get(f"{base}?tab=headers").text
    assert client.get(f"{base}?tab=data").status_code == 200


def test_the_pages_of_a_notification(app: Flask, client: FlaskClient) -> None:
    job = new_job([{"push_token": "token-1", "name": "Ada"}], content=PushContent("Hi {{ name }}", link="app://a"))
    work(job.id)
    db.session.rollback()
    base = f"/messages/{db.session.scalars(select(Message)).one().public_id}"
    page = client.get(f"{base}?tab=content").text
    assert page.count("Hi Ada") >= 2
    assert "app://a" in page
