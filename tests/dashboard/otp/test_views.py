"""The pages: a configuration set up and said in words, the test bench, attempts with their reasons."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from dashboard.accounts.models import Role, User
from dashboard.api_keys.services import Caller
from dashboard.extensions import db, transaction, utc_now
from dashboard.message_templates.models import Category
from dashboard.messages.models import Message
from dashboard.otp import limits
from dashboard.otp.asking import Ask
from dashboard.otp.models import OtpConfiguration, OtpRequest
from dashboard.otp.sending import Manner, send_codes
from dashboard.otp.verifying import verify_code
from tests.factories.otp import SMS, code_from_sandbox, new_configuration
from tests.factories.sending import new_template
from worker.rendering.sms import SmsContent

NUMBER = "+919820012345"
DESK = Caller(0, "desk", frozenset(), frozenset(), 0, None)


def typed(**values: Any) -> dict[str, Any]:
    """What a browser sends for a configuration."""
    return {
        "name": "Login", "length": "6", "alphabet": "numeric", "expiry_seconds": "300", "max_attempts": "3",
        "lockout_seconds": "900", "resend": "new", "resend_wait_seconds": "30", "way": "sms", "delivery": "all",
        "sms_template_id": "", "email_template_id": "", "sms_provider_id": "", "email_provider_id": "",
        "destination_limit": "5", "ip_limit": "30", "prefix_limit": "0", **values,
    }  # fmt: skip


def ask(configuration: OtpConfiguration, number: str = NUMBER) -> OtpRequest:
    drafts = send_codes(Ask(DESK, phone=number), configuration, Manner())
    assert drafts is not None
    return db.session.get_one(OtpRequest, drafts[0].id)


def test_a_configuration_is_set_up_and_said_in_words(client: FlaskClient) -> None:
    template = new_template(SMS, Category.OTP)[0]
    assert 'value="300"' in client.get("/otp/new").text
    made = client.post("/otp/new", data=typed(sms_template_id=template.id))
    assert made.status_code == 303, made.text
    row = db.session.scalars(select(OtpConfiguration)).one()
    assert (row.is_default, row.channels, row.sms_template_id) == (True, ["sms"], template.id)
    words = (
        "A user gets 6 digits by SMS, has 5 minutes and 3 tries, can ask again after 30 s; the old code stops working."
    )
    assert words in client.get("/otp").text
    page = client.get(made.location).text
    assert words in page
    version = re.search(r'name="version" type="hidden" value="(\d+)"', page)
    assert version
    changed = typed(way="email,sms", resend="same", sms_template_id=template.id, version=version[1])
    assert client.post(made.location, data=changed).status_code == 303
    assert "6 digits by email and by SMS" in client.get("/otp").text
    assert client.post(made.location, data=changed).status_code == 409


def test_a_template_without_the_code_blocks_saving(client: FlaskClient) -> None:
    silent = new_template(SmsContent("Hello"), Category.OTP)[0]
    page = client.post("/otp/new", data=typed(sms_template_id=silent.id))
    assert page.status_code == 422
    assert "does not use the variable code" in page.text
    assert client.post("/otp/new", data=typed(expiry_seconds="5", name="")).status_code == 422


def test_the_default_is_changed_and_what_is_unused_deleted(client: FlaskClient) -> None:
    first = new_configuration()
    client.post("/otp/new", data=typed(name="Payments"))
    second = db.session.scalars(select(OtpConfiguration).where(OtpConfiguration.name == "Payments")).one()
    assert client.post(f"/otp/{first.public_id}/delete").location.endswith(first.public_id)
    client.post(f"/otp/{second.public_id}/default")
    db.session.rollback()
    assert [row.is_default for row in (first, second)] == [False, True]
    assert "Delete Sign-in?" in client.get(f"/otp/{first.public_id}/delete").text
    client.post(f"/otp/{first.public_id}/delete")
    db.session.rollback()
    assert db.session.scalars(select(OtpConfiguration)).all() == [second]


def test_the_bench_sends_to_me_and_verifies(client: FlaskClient) -> None:
    assert "No configuration yet" in client.get("/otp/test").text
    configuration = new_configuration()
    with transaction():
        user = db.session.scalars(select(User)).first()
        assert user is not None
        user.phone, user.email = NUMBER, ""
    chosen = client.get(f"/otp/test?configuration={configuration.public_id}").text
    assert f'<option selected value="{configuration.id}">' in chosen
    sent = client.post("/otp/test", data={"configuration_id": configuration.id, "channel": "sms"})
    assert sent.status_code == 303, sent.text
    live = client.get(sent.location, headers={"HX-Request": "true"}).text
    assert "every 2s" in live
    assert "Sent" in live
    code = code_from_sandbox(NUMBER)
    assert code not in client.get(sent.location).text
    assert client.post(sent.location, data={"code": ""}).status_code == 422
    client.post(sent.location, data={"code": "nothing"})
    assert "Wrong code 1×" in client.get(sent.location).text
    client.post(sent.location, data={"code": code})
    done = client.get(sent.location).text
    assert "Verified" in done
    assert "every 2s" not in done


def test_codes_of_applications_are_not_tried_on_the_bench(
    client: FlaskClient, sign_in: Callable[..., FlaskClient]
) -> None:
    row = ask(new_configuration())
    assert client.get(f"/otp/test/{row.public_id}").status_code == 404
    viewer = sign_in(Role.VIEWER)
    assert viewer.get("/otp/test").status_code == 403
    assert viewer.post("/otp/new", data=typed()).status_code == 403
    assert "+91***345" in viewer.get("/otp/attempts").text


def set_message(row: OtpRequest, **values: Any) -> None:
    with transaction():
        db.session.execute(update(Message).where(Message.id == row.message_id).values(**values))


def outdate(row: OtpRequest) -> None:
    with transaction():
        mine = update(OtpRequest).where(OtpRequest.id == row.id)
        db.session.execute(mine.values(expires_at=utc_now() - timedelta(seconds=5)))


def test_attempts_say_why_they_ended(app: Flask, client: FlaskClient) -> None:
    configuration = new_configuration(max_attempts=1, destination_limit=2)
    numbers = [f"+9198200123{number}" for number in range(10, 16)]
    late, silent, wrong, superseded, limited, read = (ask(configuration, number) for number in numbers)
    for row, state in ((late, "delivered"), (silent, "sent"), (read, "delivered")):
        outdate(row)
        moment = utc_now() - timedelta(seconds=10 if row is read else 0)
        set_message(row, state=state, updated_at=moment)
    verify_code(request_id=wrong.id, code="nothing")
    ask(configuration, superseded.destination)
    ask(configuration, limited.destination)
    with pytest.raises(limits.Limited):
        ask(configuration, limited.destination)
    page = client.get("/otp/attempts").text
    for words in (
        "Expired before delivery", "No receipt:", "Wrong code 1×, locked.", "A newer code took its place",
        "Too many codes had been asked for this destination", "It arrived in time, and nobody typed it.",
    ):  # fmt: skip
        assert words in page, words
    assert "1 more refused by limits" in page
    assert "Expired before delivery" in client.get(f"/otp/attempts/{late.public_id}").text
    assert "Expired before delivery" not in client.get("/otp/attempts?outcome=limited").text
    found = client.post("/otp/attempts/find", data={"address": wrong.destination})
    assert wrong.destination not in found.location
    only = client.get(found.location).text
    assert "Wrong code 1×, locked." in only
    assert "No receipt:" not in only
