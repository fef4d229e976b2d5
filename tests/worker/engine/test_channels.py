"""Jobs of SMS and push: who is written to, what the provider gets, what fails and with which words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from dashboard.jobs.models import Job
from dashboard.message_templates.models import Category
from dashboard.messages.content import content_of
from dashboard.settings import Settings
from tests.factories.sending import new_job
from tests.worker.engine.slices import counters, deliver, inbox, messages, scripted, states
from worker.providers.base import OutgoingPush, OutgoingSms
from worker.rendering.push import DataSource, PushContent, RenderedPush
from worker.rendering.sms import RenderedSms, SmsContent

SMS = SmsContent("Hi {{ name }}, your order left.", registered_template="1707160000000000001")
PUSH = PushContent(
    "Hi {{ name }}", "Your order left", link="app://{{ name }}", data=(DataSource("name", "{{ name }}"),)
)


def test_a_text_message_from_record_to_provider(app: Flask) -> None:
    job = new_job([{"phone": "+919820012345", "name": "Asha"}], content=SMS, category=Category.TRANSACTIONAL)
    session = scripted(job)
    deliver(job.id)
    assert session.taken == [
        OutgoingSms(
            reference=job.first_message_id,
            to="+919820012345",
            sender="SHOPEX",
            text="Hi Asha, your order left.",
            encoding="gsm7",
            segments=1,
            category="transactional",
            registered_template="1707160000000000001",
        )
    ]
    [row] = messages(job.id)
    assert (row.channel, row.recipient, row.state) == ("sms", "+919820012345", "sent")


def test_sms_through_the_sandbox_and_looked_at_afterwards(app: Flask) -> None:
    job = new_job([{"phone": f"+9198200{number:05d}", "name": f"P{number}"} for number in range(250)], content=SMS)
    report = deliver(job.id)
    assert report.sent == 250
    assert states(job.id) == counters(job.id) == {"sent": 250}
    mails, rows = inbox(), messages(job.id)
    assert {mail.channel for mail in mails} == {"sms"}
    content = content_of(rows[7])
    assert content.rendered == RenderedSms("Hi P7, your order left.", "gsm7", 1)
    assert json.loads(content.source)["text"] == json.loads(mails[7].raw)["text"]


@pytest.mark.parametrize(
    ("record", "state", "code", "words"),
    [
        ({"phone": "98200 12345"}, "sent", "accepted", ""),
        ({"phone": "+49 1512 3456789"}, "sent", "accepted", ""),
        ({"phone": "+12025550123"}, "sent", "accepted", ""),
        ({"phone": ""}, "failed", "no_address", "nothing in phone"),
        ({"phone": "+912227781234"}, "failed", "invalid_address", "a landline gets no SMS"),
        ({"phone": "+49 30 901820"}, "failed", "invalid_address", "a landline gets no SMS"),
        ({"phone": "12"}, "failed", "invalid_address", "phone: not a phone number, expected "),
        ({"phone": "call me"}, "failed", "invalid_address", "without letters"),
        ({"phone": "+999123456"}, "failed", "invalid_address", "country code"),
    ],
)
def test_numbers(app: Flask, record: dict[str, str], state: str, code: str, words: str) -> None:
    job = new_job([{**record, "name": "A"}], content=SMS)
    deliver(job.id)
    [row] = messages(job.id)
    assert (row.state, row.code) == (state, code)
    if state == "sent":
        assert row.recipient.startswith("+")
    assert words in (row.detail or "")


def test_the_default_country_of_numbers_in_local_form(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(default_country="DE")
    job = new_job([{"mobile": "01512 3456789", "name": "A"}], content=SMS, recipient_column="mobile")
    deliver(job.id)
    assert messages(job.id)[0].recipient == "+4915123456789"


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (SmsContent("{{ text }}"), "empty_message", "text: the message is empty"),
        (SmsContent("{{ text }}" + "a" * 1531), "too_many_segments", "11 segments; 10 are the most"),
        (PushContent("{{ text }}"), "empty_message", "title and body are empty"),
        (PushContent("t", "{{ text }}" + "a" * 4100), "payload_too_large", "4,096 are the most"),
    ],
)
def test_what_no_provider_takes_fails_with_words(app: Flask, content: Any, code: str, words: str) -> None:
    job = new_job([{"phone": "+919820012345", "push_token": "abc", "text": ""}], content=content)
    deliver(job.id)
    [row] = messages(job.id)
    assert (row.state, row.code) == ("failed", code)
    assert words in (row.detail or "")


def test_a_notification_from_record_to_provider(app: Flask) -> None:
    job = new_job([{"push_token": "Token:1", "name": "Asha"}], content=PUSH)
    session = scripted(job)
    deliver(job.id)
    [message] = session.taken
    assert isinstance(message, OutgoingPush)
    assert (message.token, message.title, message.body, message.link) == (
        *("Token:1", "Hi Asha", "Your order left", "app://Asha"),
    )
    assert message.data == {"name": "Asha"}
    [row] = messages(job.id)
    assert (row.channel, row.recipient, row.state) == ("push", "Token:1", "sent")
    content = content_of(row)
    assert content.rendered == RenderedPush("Hi Asha", "Your order left", link="app://Asha", data=(("name", "Asha"),))
    assert json.loads(content.source)["notification"]["title"] == "Hi Asha"


def test_a_long_subscription_is_sent_whole_and_kept_by_its_digest(app: Flask) -> None:
    subscription = json.dumps({"endpoint": "https://push.example/" + "x" * 400, "keys": {"p256dh": "a", "auth": "b"}})
    job = new_job([{"push_token": subscription, "name": "A"}], content=PUSH)
    deliver(job.id)
    [row], [mail] = messages(job.id), inbox()
    assert row.state == "sent"
    assert len(row.recipient) < 100
    assert row.recipient.startswith('{"endpoint": "https://')
    assert json.loads(mail.raw)["token"] == subscription


@pytest.mark.parametrize("token", ["a b", "é", "x" * 4097])
def test_what_is_no_token(app: Flask, token: str) -> None:
    job = new_job([{"push_token": token, "name": "A"}], content=PUSH)
    deliver(job.id)
    assert (messages(job.id)[0].state, messages(job.id)[0].code) == ("failed", "invalid_address")


@pytest.mark.parametrize("content", [SMS, PUSH])
def test_a_test_is_marked(app: Flask, content: Any) -> None:
    job: Job = new_job([{"phone": "+919820012345", "push_token": "abc", "name": "A"}], content=content, is_test=True)
    deliver(job.id)
    assert inbox()[0].subject.startswith("[TEST] Hi A")
