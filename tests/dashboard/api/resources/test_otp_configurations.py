"""Configurations of one-time codes by the API."""

from __future__ import annotations

from typing import Any

from flask import Flask

from dashboard.api_keys.models import Scope
from tests.dashboard.api.conftest import Call
from tests.factories.api_keys import new_key
from tests.factories.otp import new_configuration


def test_a_configuration_is_made_changed_chosen_and_deleted(app: Flask, call: Call) -> None:
    usual = call("GET", f"/otp-configurations/{new_configuration().public_id}").json or {}
    assert usual["default"]
    body = {"name": "Payments", "length": 8, "channels": ["sms"], "sms_template": usual["sms_template"]}
    answer = call("POST", "/otp-configurations", body)
    made: dict[str, Any] = answer.json or {}
    assert (answer.status_code, made["length"], made["channels"], made["default"]) == (201, 8, ["sms"], False)
    where = f"/otp-configurations/{made['id']}"

    changed = call("PUT", where, body | {"expiry_seconds": 120, "version": made["version"]}).json or {}
    assert (changed["expiry_seconds"], changed["sms_template"]) == (120, usual["sms_template"])
    assert call("PUT", where, body | {"version": made["version"]}).status_code == 409

    assert (call("POST", f"{where}/default").json or {})["default"]
    listed = (call("GET", "/otp-configurations").json or {})["items"]
    assert [(one["name"], one["default"]) for one in listed] == [("Payments", True), ("Sign-in", False)]
    assert call("DELETE", where).status_code == 409
    assert call("DELETE", f"/otp-configurations/{usual['id']}").json == {"name": "Sign-in"}
    assert call("GET", f"/otp-configurations/{usual['id']}").status_code == 404


def test_codes_are_sent_by_what_was_configured(app: Flask, call: Call) -> None:
    usual = call("GET", f"/otp-configurations/{new_configuration().public_id}").json or {}
    body = {"name": "Short", "length": 4, "channels": ["sms"], "sms_template": usual["sms_template"]}
    assert call("POST", "/otp-configurations", body).status_code == 201
    sent = call("POST", "/otp/send", {"phone": "+919820012345", "email": "a@example.com", "configuration": "Short"})
    assert [one["channel"] for one in (sent.json or {})["codes"]] == ["sms"]


def test_what_cannot_be_is_refused_at_its_field(app: Flask, call: Call) -> None:
    new_configuration()
    for wrong, field in (
        ({"name": "Sign-in"}, "name"),
        ({"length": 5}, "length"),
        ({"expiry_seconds": 29}, "expiry_seconds"),
        ({"channels": ["sms", "sms"]}, "channels"),
        ({"channels": []}, "channels"),
        ({"sms_template": "tpl_nonsense"}, "sms_template"),
        ({"sms_provider": "prv_0000000000001"}, "sms_provider_id"),
        ({"codes": 7}, "codes"),
    ):
        answer = call("POST", "/otp-configurations", {"name": "New", **wrong})
        assert (answer.status_code in (409, 422), (answer.json or {})["field"]) == (True, field), wrong


def test_a_key_for_codes_reads_them_and_cannot_lift_its_limits(app: Flask, call: Call) -> None:
    where = f"/otp-configurations/{new_configuration().public_id}"
    token = new_key([Scope.OTP])[1]
    assert call("GET", where, token=token).status_code == 200
    assert call("PUT", where, {"name": "Sign-in", "ip_limit": 0}, token=token).status_code == 403
    assert call("DELETE", where, token=token).status_code == 403
