"""Events through the API."""

from __future__ import annotations

import pytest

from dashboard.api_keys.models import Scope
from dashboard.extensions import db
from dashboard.jobs.models import Job
from tests.dashboard.api.conftest import Call
from tests.factories.api_keys import new_key
from tests.factories.events import ADA, PAYLOAD, new_event

BODY = {"payload": PAYLOAD, "recipient": ADA}


def test_a_match_names_its_messages(call: Call) -> None:
    event = new_event("email", "sms", rows=(("country", "is", "IN"),))
    answer = call("POST", f"/events/{event.slug}", BODY)
    told = answer.json or {}
    assert (answer.status_code, told["decision"], told["conditions"]) == (
        202, "matched", [{"condition": "country is IN", "held": True}],
    )  # fmt: skip
    assert {message["channel"] for message in told["messages"]} == {"email", "sms"}
    for message in told["messages"]:
        assert (call("GET", f"/messages/{message['message']}").json or {})["state"] == "queued"


def test_the_condition_that_failed_is_named(call: Call) -> None:
    event = new_event("email", rows=(("order.total", "more_than", "1000"),))
    told = call("POST", f"/events/{event.slug}", BODY).json or {}
    assert (told["decision"], told["reason"]) == (
        "filtered", "A condition did not hold: order.total is more than 1000.",
    )  # fmt: skip


def test_an_invalid_payload_names_its_path_and_stands_in_the_log(call: Call) -> None:
    event = new_event("email")
    for headers in ({}, {"Idempotency_Key": "k-1"}):
        answer = call("POST", f"/events/{event.slug}", {"payload": {}, "recipient": ADA}, **headers)
        assert (answer.status_code, (answer.json or {})["field"]) == (422, "payload.order")
    items = (call("GET", f"/events/{event.slug}/log?state=invalid").json or {})["items"]
    assert [item["field"] for item in items] == ["payload.order", "payload.order"]


def test_a_dry_run_writes_nothing(call: Call) -> None:
    event = new_event("email", rows=(("country", "is", "DE"),))
    answer = call("POST", f"/events/{event.slug}", {**BODY, "dry_run": True})
    assert (answer.status_code, (answer.json or {})["decision"]) == (200, "filtered")
    assert (call("GET", f"/events/{event.slug}/log").json or {})["items"] == []


def test_the_log_masks_what_is_personal_and_replays(call: Call) -> None:
    event = new_event("email")
    variables = [{**one, "pii": one["path"] == "country"} for one in event.variables]
    assert call("PUT", f"/events/{event.slug}", {"variables": variables}).status_code == 200
    told = call("POST", f"/events/{event.slug}", BODY).json or {}
    (entry,) = (call("GET", f"/events/{event.slug}/log").json or {})["items"]
    assert (entry["payload"]["country"], entry["recipient"]["email"]) == ("•••", "a***@example.com")
    again = call("POST", f"/events/{event.slug}/log/{told['id']}/replay")
    assert (again.status_code, (again.json or {})["decision"]) == (202, "matched")
    assert call("POST", f"/events/{new_event().slug}/log/{told['id']}/replay").status_code == 404


def test_a_key_that_is_narrowed_to_other_templates_may_not(call: Call) -> None:
    event = new_event("email")
    other = next(row.template_id for row in new_event("sms").deliveries if row.channel == "sms")
    token = new_key([Scope.EVENTS], template_ids=[other])[1]
    assert call("POST", f"/events/{event.slug}", BODY, token=token).status_code == 403
    assert call("GET", "/events", token=new_key([Scope.SEND])[1]).status_code == 403


def test_an_event_is_made_whole_or_not_at_all(call: Call) -> None:
    linked = next(row.template_id for row in new_event("email").deliveries if row.channel == "email")
    assert linked
    body = {
        "name": "Paid", "slug": "paid", "variables": [{"path": "amount", "type": "number", "required": True}],
        "conditions": {"groups": [{"rows": [{"path": "amount", "operator": "at_least", "value": "5"}]}]},
    }  # fmt: skip
    bad = {**body, "conditions": {"groups": [{"rows": [{"path": "amount", "operator": "contains", "value": "5"}]}]}}
    assert call("POST", "/events", bad).status_code == 422
    assert call("GET", "/events/paid").status_code == 404
    made = call("POST", "/events", body)
    assert (made.status_code, (made.json or {})["condition_words"]) == (201, "Send only if amount is at least 5.")
    assert call("POST", "/events", body).status_code == 409
    changed = call("PUT", "/events/paid", {"name": "Paid up", "enabled": True}).json or {}
    assert (changed["name"], changed["slug"], changed["enabled"]) == ("Paid up", "paid", True)
    assert call("DELETE", "/events/paid?confirm=paid").status_code == 409
    assert call("PUT", "/events/paid", {"enabled": False}).status_code == 200
    assert call("DELETE", "/events/paid?confirm=paid").status_code == 200
    assert db.session.query(Job).count() == 0


def test_quiet_hours_are_set_kept_and_taken_away(call: Call) -> None:
    where = f"/events/{new_event('email').slug}"
    hours = {"opens": "09:00", "closes": "21:00", "days": [0, 4], "zone": "Asia/Kolkata"}
    assert (call("PUT", where, {"rules": {"send_window": hours}}).json or {})["rules"]["send_window"] == hours
    kept = (call("PUT", where, {"rules": {"cap_count": 2}}).json or {})["rules"]
    assert (kept["cap_count"], kept["send_window"]) == (2, hours)
    assert (call("PUT", where, {"rules": {"send_window": None}}).json or {})["rules"]["send_window"] is None


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"zone": "Nowhere/Town"}, "rules.send_window.zone"),
        ({"opens": "24:00"}, "rules.send_window.opens"),
        ({"days": []}, "rules.send_window.days"),
        ({"days": [7]}, "rules.send_window.days.0"),
    ],
)
def test_hours_that_cannot_be_are_refused_at_their_field(call: Call, wrong: dict[str, object], field: str) -> None:
    hours = {"opens": "09:00", "closes": "21:00", "zone": "Asia/Kolkata", **wrong}
    answer = call("PUT", f"/events/{new_event('email').slug}", {"rules": {"send_window": hours}})
    assert (answer.status_code, (answer.json or {})["field"]) == (422, field)


def test_a_dry_run_shows_every_message_and_sends_none(call: Call) -> None:
    event = new_event("email", "sms")
    shown = call("POST", f"/events/{event.slug}", {**BODY, "dry_run": True})
    assert (shown.status_code, shown.json["decision"], shown.json["messages"]) == (200, "matched", [])
    samples = {one["channel"]: one for one in shown.json["samples"]}
    assert samples["email"]["parts"]["subject"] == "Order A-1815"
    assert samples["sms"]["parts"]["text"] == "Order A-1815 is on its way"
    assert all(one["template"].startswith("tpl_") and not one["undefined"] for one in samples.values())
    assert db.session.query(Job).count() == 0


def test_a_dry_run_shows_nothing_of_templates_that_the_key_may_not_send(call: Call) -> None:
    event = new_event("email")
    other = next(row.template_id for row in new_event("sms").deliveries if row.channel == "sms")
    token = new_key([Scope.EVENTS], template_ids=[other])[1]
    assert call("POST", f"/events/{event.slug}", {**BODY, "dry_run": True}, token=token).status_code == 403


def test_versions_are_listed_and_brought_back(call: Call) -> None:
    event = new_event("email", on=False)
    before = len((call("GET", f"/events/{event.slug}/versions").json or {})["items"])
    window = {"opens": "09:00", "closes": "18:00", "zone": "Asia/Kolkata"}
    saved = {"name": "Order sent", "rules": {"cap_count": 3, "send_window": window}}
    assert call("PUT", f"/events/{event.slug}", saved).status_code == 200
    items = (call("GET", f"/events/{event.slug}/versions").json or {})["items"]
    assert [item["number"] for item in items] == list(range(before + 1, 0, -1))
    newest, older = items[:2]
    assert (newest["current"], newest["changed"], newest["name"]) == (True, ["Name", "Rules"], "Order sent")
    assert (newest["rules"]["cap_count"], newest["rules"]["send_window"]["opens"]) == (3, "09:00")
    assert (older["current"], older["name"], older["rules"]["send_window"]) == (False, "Order shipped", None)
    restored = call("POST", f"/events/{event.slug}/versions/{before}/restore")
    assert (restored.status_code, (restored.json or {})["name"]) == (200, "Order shipped")
    newest = (call("GET", f"/events/{event.slug}/versions").json or {})["items"][0]
    assert (newest["number"], newest["restored_from"]) == (before + 2, before)
    same = call("POST", f"/events/{event.slug}/versions/{before}/restore")
    assert (same.status_code, (same.json or {})["code"]) == (422, "unchanged")
    assert call("POST", f"/events/{event.slug}/versions/99/restore").status_code == 404
