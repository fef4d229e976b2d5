"""Phone numbers and device tokens on the list, beside email addresses."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.message_templates.models import Category
from dashboard.problems import DomainError
from dashboard.suppressions.addresses import normal
from dashboard.suppressions.models import Suppression
from dashboard.suppressions.services import suppress
from tests.factories.sending import new_job
from tests.worker.engine.slices import deliver, states
from worker.rendering.push import PushContent

LONG = '{"endpoint":"https://push.example/' + "x" * 400 + '"}'


def listed() -> list[tuple[str, str]]:
    db.session.rollback()
    return [(row.channel, row.address) for row in db.session.scalars(select(Suppression).order_by(Suppression.id))]


@pytest.mark.parametrize(
    ("channel", "typed", "kept"),
    [
        ("email", " Ada@Example.com", "ada@example.com"),
        ("sms", "098200-12345 ", "+919820012345"),
        ("sms", "+49 1512 3456789", "+4915123456789"),
        ("push", " Device:Ab-1 ", "device:ab-1"),
    ],
)
def test_one_form_of_every_address(app: Flask, channel: str, typed: str, kept: str) -> None:
    assert normal(channel, typed) == kept


@pytest.mark.parametrize(
    ("channel", "typed", "words"),
    [
        ("email", "98200 12345", "not an email address"),
        ("sms", "ada@example.com", "not a phone number"),
        ("sms", "+912227781234", "a landline gets no SMS"),
        ("push", "two words", "no blanks"),
    ],
)
def test_what_is_none(app: Flask, channel: str, typed: str, words: str) -> None:
    with pytest.raises(DomainError, match=words):
        normal(channel, typed)


def test_lines_of_one_channel_are_pasted(client: FlaskClient) -> None:
    data = {"channel": "sms", "addresses": "98200 12345\n+49 1512 3456789", "scope": "all", "note": ""}
    assert client.post("/suppressions/", data=data).status_code == 303
    assert listed() == [("sms", "+919820012345"), ("sms", "+4915123456789")]
    refused = client.post("/suppressions/", data=data | {"addresses": "98200 12346\nada@example.com"})
    assert refused.status_code == 422
    assert "not a phone number" in refused.text
    assert ("sms", "+919820012346") in listed()
    assert client.post("/suppressions/", data=data | {"channel": "pigeon"}).status_code == 422


def test_the_list_finds_filters_and_exports_them(client: FlaskClient) -> None:
    for channel, address in (("email", "ada@example.com"), ("sms", "+919820012345"), ("push", "device:ab-1")):
        suppress(channel=channel, address=address)
    page = client.get("/suppressions/?channel=sms").text
    assert "+919820012345" in page
    assert "ada@example.com" not in page
    found = client.get(client.post("/suppressions/find", data={"address": "98200 12345"}).location).text
    assert "+919820012345" in found
    assert "device:ab-1" not in found
    rows = client.get("/suppressions/export.csv?channel=push").text.splitlines()
    assert len(rows) == 2
    assert rows[1].startswith("push,device:ab-1,promotional,manual,")


def test_one_number_or_token_is_checked(client: FlaskClient) -> None:
    suppress(channel="sms", address="+919820012345")
    suppress(channel="push", address="device:ab-1")
    page = client.post("/suppressions/check", data={"channel": "sms", "address": "98200 12345"}).text
    assert "No promotional SMS" in page
    assert "Other SMS (orders, codes) goes through" in page
    page = client.post("/suppressions/check", data={"channel": "push", "address": "Device:Ab-1"}).text
    assert "No promotional push" in page
    assert client.post("/suppressions/check", data={"channel": "sms", "address": "x"}).status_code == 422


@pytest.mark.parametrize("token", ["Device:Ab-1", LONG])
def test_a_pasted_token_is_spared(client: FlaskClient, token: str) -> None:
    client.post("/suppressions/", data={"channel": "push", "addresses": token, "scope": "promotional", "note": ""})
    job = new_job([{"push_token": token}, {"push_token": "other"}], content=PushContent("Sale"))
    deliver(job.id)
    assert states(job.id) == {"suppressed": 1, "sent": 1}
    order = new_job([{"push_token": token}], content=PushContent("Your order"), category=Category.TRANSACTIONAL)
    deliver(order.id)
    assert states(order.id) == {"sent": 1}
