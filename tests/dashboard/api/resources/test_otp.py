"""One-time codes by the API: sent, verified, sent again, limited; and that no code is to be found anywhere."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import inspect, select, text, update

from dashboard.api_keys.models import Scope
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import parse_public_id
from dashboard.jobs.models import Job
from dashboard.message_templates.models import Category
from dashboard.otp.models import OtpRequest
from dashboard.providers.models import ChannelSwitch
from dashboard.suppressions.services import suppress
from tests.dashboard.api.conftest import Call
from tests.factories.api_keys import new_key
from tests.factories.otp import EMAIL, code_from_sandbox, new_configuration
from tests.factories.sending import new_template
from worker.engine.deliver import work
from worker.rendering.sms import SmsContent

NUMBER, MAIL = "+919820012345", "ada@example.com"


def send(call: Call, **body: Any) -> dict[str, Any]:
    answer = call("POST", "/otp/send", {"phone": NUMBER, **body})
    assert answer.status_code in (200, 202), answer.text
    return answer.json["codes"][0]


def verify(call: Call, request_id: str, code: str, **more: Any) -> Any:
    return call("POST", "/otp/verify", {"request_id": request_id, "code": code, **more})


def outdate(request_id: str) -> None:
    with transaction():
        mine = OtpRequest.id == parse_public_id("otp", request_id)
        db.session.execute(update(OtpRequest).where(mine).values(expires_at=utc_now() - timedelta(seconds=1)))


def test_a_code_is_sent_and_verified(call: Call) -> None:
    new_configuration(resend_wait_seconds=30)
    sent = send(call, purpose="login")
    assert (sent["state"], sent["channel"], sent["destination"]) == ("sent", "sms", NUMBER)
    assert 29 <= sent["resend_after_seconds"] <= 30
    state = call("GET", f"/otp/{sent['request_id']}").json
    assert (state["state"], state["attempts_left"], state["message"]) == ("sent", 3, sent["message"])
    done = verify(call, sent["request_id"], code_from_sandbox(NUMBER), purpose="login")
    assert done.status_code == 200, done.text
    assert (done.json["verified"], done.json["destination"], done.json["purpose"]) == (True, NUMBER, "login")
    assert call("GET", f"/otp/{sent['request_id']}").json["state"] == "verified"


def test_wrong_codes_are_counted_and_lock_the_destination(call: Call) -> None:
    new_configuration(max_attempts=2, lockout_seconds=600)
    sent = send(call)
    first = verify(call, sent["request_id"], "nothing")
    assert (first.status_code, first.json["code"], first.json["hint"]) == (422, "wrong_code", "1 try is left.")
    last = verify(call, sent["request_id"], "nothing")
    assert (last.status_code, last.json["code"], last.headers["Retry-After"]) == (429, "locked", "600")
    assert verify(call, sent["request_id"], code_from_sandbox(NUMBER)).status_code == 404
    again = call("POST", "/otp/send", {"phone": NUMBER})
    assert (again.status_code, again.json["code"]) == (429, "locked")
    assert 598 <= int(again.headers["Retry-After"]) <= 600
    assert call("POST", "/otp/send", {"phone": NUMBER, "purpose": "pay"}).status_code == 200


def test_unknown_expired_used_and_superseded_ids_get_the_same_answer(call: Call) -> None:
    new_configuration()
    expired = send(call)["request_id"]
    outdate(expired)
    superseded = send(call)["request_id"]
    used = send(call)["request_id"]
    assert verify(call, used, code_from_sandbox(NUMBER)).status_code == 200
    states = [call("GET", f"/otp/{one}").json["state"] for one in (expired, superseded, used)]
    assert states == ["expired", "superseded", "verified"]
    ids = ("otp_0000000000000", "nonsense", expired, superseded, used)
    for path, more in (("/otp/verify", {"code": "123456"}), ("/otp/resend", {})):
        answers = [call("POST", path, {"request_id": one, **more}) for one in ids]
        assert {answer.status_code for answer in answers} == {404}
        assert len({json.dumps({**(answer.json or {}), "request_id": ""}) for answer in answers}) == 1


@pytest.mark.parametrize("kind", ["new", "same"])
def test_a_resend_makes_a_new_code_or_repeats_the_old_one(call: Call, kind: str) -> None:
    new_configuration(resend=kind, length=8)
    sent = send(call)
    old = code_from_sandbox(NUMBER)
    again = call("POST", "/otp/resend", {"request_id": sent["request_id"]}).json["codes"][0]
    assert again["request_id"] == sent["request_id"]
    assert again["message"] != sent["message"]
    newest = code_from_sandbox(NUMBER)
    assert (newest == old) is (kind == "same")
    assert verify(call, sent["request_id"], old).status_code == (200 if kind == "same" else 422)
    if kind == "new":
        assert verify(call, sent["request_id"], newest).status_code == 200


def test_a_resend_has_to_wait_and_keeps_the_tries(call: Call) -> None:
    new_configuration(resend_wait_seconds=30)
    sent = send(call)
    for path, body in (("/otp/resend", {"request_id": sent["request_id"]}), ("/otp/send", {"phone": NUMBER})):
        answer = call("POST", path, body)
        assert (answer.status_code, answer.json["code"]) == (429, "rate_limited")
        assert 28 <= int(answer.headers["Retry-After"]) <= 30
    verify(call, sent["request_id"], "nothing")
    with transaction():
        db.session.execute(update(OtpRequest).values(resend_at=utc_now()))
    assert call("POST", "/otp/resend", {"request_id": sent["request_id"]}).status_code == 200
    state = call("GET", f"/otp/{sent['request_id']}").json
    assert (state["attempts"], state["sends"]) == (1, 2)


@pytest.mark.parametrize(
    ("limit", "second", "third"),
    [
        ("destination_limit", {"phone": NUMBER}, {"phone": NUMBER}),
        ("ip_limit", {"phone": "+919820012346"}, {"email": MAIL}),
        ("prefix_limit", {"phone": "+919820019999"}, {"phone": "+919820010000"}),
    ],
)
def test_limits_answer_with_the_seconds_to_wait(
    call: Call, limit: str, second: dict[str, str], third: dict[str, str]
) -> None:
    new_configuration(**{limit: 2})
    for body, status in (({"phone": NUMBER}, 200), (second, 200), (third, 429)):
        answer = call("POST", "/otp/send", {**body, "ip": "192.0.2.7"})
        assert answer.status_code == status, answer.text
    assert 3590 <= int(answer.headers["Retry-After"]) <= 3600
    refused = db.session.scalars(select(OtpRequest).where(OtpRequest.state == "limited")).one()
    assert refused.reason == limit.removesuffix("_limit")
    assert call("POST", "/otp/send", {"phone": "+447911123456", "ip": "192.0.2.8"}).status_code == 200


def test_a_request_overrides_length_expiry_template_provider_and_variables(call: Call) -> None:
    new_configuration()
    words = SmsContent("Dear {{ name }}, {{ code }} holds {{ minutes }} minutes")
    template = new_template(words, Category.OTP)[0]
    sent = send(call, length=4, expiry_seconds=600, sms={"template": template.slug}, variables={"name": "Ada"})
    job = db.session.scalars(select(Job).order_by(Job.id.desc())).first()
    assert job is not None
    assert job.template_id == template.id
    row = db.session.get_one(OtpRequest, parse_public_id("otp", sent["request_id"]))
    assert (row.length, row.expiry_seconds) == (4, 600)


def test_what_cannot_carry_a_code_is_refused(call: Call) -> None:
    new_configuration()
    silent = new_template(SmsContent("Hello"), Category.OTP)[0].slug
    receipt = new_template(SmsContent("{{ code }}"), Category.TRANSACTIONAL)[0].slug
    mail = new_template(EMAIL, Category.OTP)[0].slug
    cases = {silent: "no_code", receipt: "wrong_category", mail: "wrong_channel", "no-such": "unknown_template"}
    for slug, code in cases.items():
        answer = call("POST", "/otp/send", {"phone": NUMBER, "sms": {"template": slug}})
        assert (answer.status_code, answer.json["code"], answer.json["field"]) == (422, code, "sms.template")
    for body, field in (({}, None), ({"phone": "12"}, "phone"), ({"phone": NUMBER, "ip": "x"}, "ip")):
        answer = call("POST", "/otp/send", body)
        assert (answer.status_code, answer.json["field"]) == (422, field), answer.text


def test_without_a_configuration_nothing_is_sent(call: Call) -> None:
    answer = call("POST", "/otp/send", {"phone": NUMBER})
    assert (answer.status_code, answer.json["code"]) == (422, "unknown_configuration")


def test_async_goes_through_the_otp_lane(call: Call) -> None:
    new_configuration()
    answer = call("POST", "/otp/send", {"phone": NUMBER, "email": MAIL, "mode": "async"})
    assert answer.status_code == 202
    assert [one["state"] for one in answer.json["codes"]] == ["queued", "queued"]
    for job in db.session.scalars(select(Job)).all():
        assert (job.queue, job.expires_at is not None) == ("otp", True)
        work(job.id)
    code = code_from_sandbox(MAIL)
    assert code == code_from_sandbox(NUMBER)
    assert verify(call, answer.json["codes"][0]["request_id"], code).status_code == 200


def test_the_first_channel_that_works_is_used(call: Call) -> None:
    new_configuration(delivery="first")
    with transaction():
        suppress(address=NUMBER, note="", scope="all", channel="sms")
    answer = call("POST", "/otp/send", {"phone": NUMBER, "email": MAIL}).json
    assert [(one["channel"], one["state"]) for one in answer["codes"]] == [("sms", "suppressed"), ("email", "sent")]
    assert answer["success"]
    assert call("GET", f"/otp/{answer['codes'][0]['request_id']}").json["state"] == "failed"
    assert verify(call, answer["codes"][1]["request_id"], code_from_sandbox(MAIL)).status_code == 200


def test_the_same_key_sends_once_and_tries_once(call: Call) -> None:
    new_configuration()
    answers = [call("POST", "/otp/send", {"phone": NUMBER}, Idempotency_Key="k1") for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    request_id = answers[0].json["codes"][0]["request_id"]
    body = {"request_id": request_id, "code": "nothing"}
    tries = [call("POST", "/otp/verify", body, Idempotency_Key="k2") for _ in range(2)]
    assert [one.status_code for one in tries] == [422, 422]
    assert call("GET", f"/otp/{request_id}").json["attempts"] == 1


def test_codes_go_out_while_the_channel_is_switched_off(call: Call) -> None:
    new_configuration()
    with transaction() as session:
        session.add(ChannelSwitch(channel="sms", off=True, reason="too dear"))
    assert send(call)["state"] == "sent"


def test_a_key_without_the_scope_is_refused(call: Call) -> None:
    _, weak = new_key([Scope.SEND])
    assert call("POST", "/otp/send", {"phone": NUMBER}, token=weak).status_code == 403


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_code_is_nowhere(
    app: Flask, call: Call, client: FlaskClient, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    """Not in any column but the sandbox's (it stands for the phone), nor on the message's pages, nor in logs."""
    caplog.set_level(logging.DEBUG)
    new_configuration(resend="same", length=8, alphabet="alphanumeric")
    answer = call("POST", "/otp/send", {"phone": NUMBER, "mode": mode})
    for job in db.session.scalars(select(Job)).all():
        work(job.id)
    code = code_from_sandbox(NUMBER)
    message = answer.json["codes"][0]["message"]
    tabs = ("", "?tab=content", "?tab=text", "?tab=headers", "?tab=data", "/document")
    shown = "".join(client.get(f"/messages/{message}{tab}").text for tab in tabs)
    assert "••••••" in shown
    exported = client.get("/messages/export.csv").text + client.get("/audit").text
    assert verify(call, answer.json["codes"][0]["request_id"], code).status_code == 200
    assert code not in answer.text + shown + exported + caplog.text
    db.session.rollback()
    for table in inspect(db.engine).get_table_names():
        if table != "sandbox_mails":
            assert code not in repr(db.session.execute(text(f'SELECT * FROM "{table}"')).all()), table
