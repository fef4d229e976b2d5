"""Clocks that are wrong, the application's or the vendor's: what they say decides nothing that ours should decide."""

from __future__ import annotations

import hmac
import json
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from dashboard.api.models import IdempotentAnswer
from dashboard.endpoints.models import WebhookDelivery
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Chunk, Job
from tests.dashboard.api.conftest import Call
from tests.factories.api_keys import new_route, new_slug
from tests.factories.endpoints import Reply, listener, new_endpoint
from tests.worker.endpoints.test_delivering import deliver, make_due, say, signed_by
from tests.worker.providers.http_contract import json_callback
from worker.providers.base import Ports
from worker.providers.email.mailgun import MailgunProvider

SKEWS = [timedelta(days=-400), timedelta(minutes=-10), timedelta(minutes=10), timedelta(days=400)]


@pytest.fixture
def body(app: Flask) -> dict[str, Any]:
    new_route()
    return {"template": new_slug(), "recipients": [{"email": "ada@example.com", "variables": {"name": "Ada"}}]}


def count() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Job)) or 0


def not_before() -> datetime | None:
    db.session.rollback()
    return db.session.scalars(select(Chunk.not_before)).one()


def written(skew: timedelta) -> str:
    return f"{utc_now() + skew:%a, %d %b %Y %H:%M:%S GMT}"


@pytest.mark.parametrize("skew", SKEWS)
def test_a_key_counts_by_our_clock(call: Call, body: dict[str, Any], skew: timedelta) -> None:
    """The header Date is the client's affair: neither does it make a repetition new, nor a kept answer old."""
    first = call("POST", "/messages", body, Idempotency_Key="one", Date=written(timedelta()))
    again = call("POST", "/messages", body, Idempotency_Key="one", Date=written(skew))
    assert (first.status_code, again.text, count()) == (202, first.text, 1)


def test_a_kept_answer_ends_by_our_clock(call: Call, body: dict[str, Any]) -> None:
    call("POST", "/messages", body, Idempotency_Key="one")
    with transaction():
        db.session.execute(update(IdempotentAnswer).values(created_at=utc_now() - timedelta(hours=25)))
    assert "Idempotent-Replayed" not in call("POST", "/messages", body, Idempotency_Key="one").headers
    assert count() == 2


@pytest.mark.parametrize("skew", [timedelta(days=-400), timedelta(seconds=-1)])
def test_a_moment_that_is_past_is_now(call: Call, body: dict[str, Any], skew: timedelta) -> None:
    """A clock that is slow sends "in a minute" into our past: the message goes at once, it is not lost."""
    answer = call("POST", "/messages", body | {"send_at": (utc_now() + skew).isoformat()})
    assert (answer.status_code, not_before()) == (202, None)


def test_the_zone_of_a_moment_counts_and_none_is_refused(call: Call, body: dict[str, Any]) -> None:
    """A client that sends its local time without saying so would be hours off, and nobody would notice."""
    moment = (utc_now() + timedelta(hours=3)).replace(microsecond=0)
    local = moment + timedelta(hours=5, minutes=30)
    answer = call("POST", "/messages", body | {"send_at": f"{local:%Y-%m-%dT%H:%M:%S}+05:30"})
    assert (answer.status_code, not_before()) == (202, moment)
    refused = call("POST", "/messages", body | {"send_at": f"{local:%Y-%m-%dT%H:%M:%S}"})
    assert (refused.status_code, refused.json["field"]) == (422, "send_at")


@pytest.mark.parametrize("mode", ["async", "sync"])
@pytest.mark.parametrize("skew", [timedelta(days=-400), timedelta(seconds=-1)])
def test_what_is_over_by_our_clock_is_refused_and_not_lost(
    call: Call, body: dict[str, Any], mode: str, skew: timedelta
) -> None:
    over = (utc_now() + skew).isoformat()
    answer = call("POST", "/messages", body | {"mode": mode, "expires_at": over}, Idempotency_Key="one")
    assert (answer.status_code, answer.json["field"], answer.json["code"]) == (422, "expires_at", "expired")
    assert count() == 0
    corrected = body | {"mode": mode, "expires_at": (utc_now() + timedelta(hours=1)).isoformat()}
    assert call("POST", "/messages", corrected, Idempotency_Key="one").status_code in (200, 202)


def test_it_may_not_end_before_it_begins(call: Call, body: dict[str, Any]) -> None:
    hours = {"send_at": 2, "expires_at": 1}
    times = {name: (utc_now() + timedelta(hours=count)).isoformat() for name, count in hours.items()}
    assert call("POST", "/messages", body | times).json["field"] == "expires_at"
    assert count() == 0


@pytest.mark.parametrize("mode", ["async", "sync"])
def test_a_repetition_after_its_time_gets_the_kept_answer(call: Call, body: dict[str, Any], mode: str) -> None:
    end = utc_now() + timedelta(seconds=2)
    timed = body | {"mode": mode, "expires_at": end.isoformat()}
    first = call("POST", "/messages", timed, Idempotency_Key="one")
    while utc_now() <= end:
        time.sleep(0.05)
    again = call("POST", "/messages", timed, Idempotency_Key="one")
    assert (first.status_code in (200, 202), again.text) == (True, first.text)


@pytest.mark.parametrize("mode", ["async", "sync"])
def test_the_answer_tells_our_time(call: Call, body: dict[str, Any], mode: str) -> None:
    """By the header Date of any answer an application can see how wrong its clock is."""
    before = utc_now().replace(microsecond=0)
    answer = call("POST", "/messages", body | {"mode": mode}, Date=written(timedelta(days=400)))
    message = call("GET", f"/messages/{answer.json['messages'][0]['id']}").json or {}
    assert before <= datetime.fromisoformat(message["created_at"]) <= utc_now()


def test_each_try_of_a_webhook_is_stamped_when_it_is_made(app: Flask) -> None:
    """Receivers refuse stamps that are some minutes old; a delivery repeated days later has to pass all the same."""
    with listener(Reply(500), Reply(200)) as server:
        _, secret = new_endpoint(server.url)
        say()
        with transaction() as session:
            old = utc_now() - timedelta(days=2)
            session.execute(update(WebhookDelivery).values(created_at=old))
        deliver()
        make_due()
        before = int(time.time())
        deliver()
    headers, body = server.got[1]
    assert before <= int(headers["webhook-timestamp"]) <= int(time.time())
    assert signed_by(secret, headers, body)
    moved = {**headers, "webhook-timestamp": str(before - 86_400)}
    assert not signed_by(secret, moved, body)


@pytest.mark.parametrize("stamp", ["1", "4102444800"])
def test_a_vendor_whose_clock_is_wrong_is_believed_by_its_signature(stamp: str) -> None:
    """A callback that is refused for its stamp would be lost; one that comes twice is known by its id."""
    signed = hmac.new(b"key", f"{stamp}token".encode(), "sha256").hexdigest()
    given = {"signature": {"timestamp": stamp, "token": "token", "signature": signed}, "event-data": {}}
    vendor = MailgunProvider({"domain": "mg.example.com", "api_key": "secret", "signing_key": "key"}, Ports())
    assert vendor.verify(json_callback(json.dumps(given).encode()))
    given["signature"]["timestamp"] = "2"
    assert not vendor.verify(json_callback(json.dumps(given).encode()))
