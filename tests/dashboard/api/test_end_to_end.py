"""Every operation through a real server on loopback: a test counts that none is left out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask

from dashboard.api.specification import specification
from dashboard.audiences.services import load_rows
from dashboard.extensions import db
from dashboard.ids import parse_public_id
from tests.factories.api_keys import bearer, new_route, new_slug
from tests.factories.audiences import HASTE
from tests.factories.otp import code_from_sandbox, new_configuration
from worker.imports.checking import run_check
from worker.imports.loading import LoadPace, run_load

Json = dict[str, Any]
CONTENT = {"subject": "Hello {{ name }}", "html": "<p>Dear {{ name }}</p>"}
ADA = {"email": "ada@example.com", "variables": {"name": "Ada"}, "reference": "order-1"}


class Http:
    """Calls by the path templates of the document; anything but the expected status is a failure."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def call(self, method: str, where: str, body: Json | None = None, status: int = 200, **values: Any) -> Any:
        path = where.format(**values)
        query = {name: value for name, value in values.items() if f"{{{name}}}" not in where}
        answer = self.client.request(method, f"/api/v1{path}", json=body, params=query)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.headers["Content-Type"] == "application/json" else answer.text


@pytest.fixture
def http(app: Flask, server: str, token: str) -> Iterator[Http]:
    new_route()
    with httpx.Client(base_url=server, headers=bearer(token), trust_env=False, timeout=60) as client:
        yield Http(client)


def test_no_operation_is_left_out(app: Flask) -> None:
    called = set(re.findall(r'call\("([A-Z]+)", "([^"]+)"', Path(__file__).read_text()))
    with app.test_request_context():
        paths = specification()["paths"]
    wanted = {(method.upper(), path.removeprefix("/api/v1")) for path, item in paths.items() for method in item}
    assert wanted - called == set()


def test_messages_and_requests(http: Http) -> None:
    assert http.call("GET", "/key")["scopes"] == ["admin"]
    slug = new_slug()
    assert http.call("POST", "/messages/render", {"template": slug, "variables": {"name": "A"}})["undefined"] == []
    sent = http.call("POST", "/messages", {"template": slug, "mode": "sync", "recipients": [ADA]})
    assert sent["counts"] == {"sent": 1}
    queued = http.call("POST", "/messages", {"template": slug, "recipients": [ADA, ADA]}, 202)
    message = sent["messages"][0]["id"]
    assert http.call("GET", "/messages/{message}", message=message)["state"] == "sent"
    assert len(http.call("GET", "/messages", reference="order-1")["items"]) == 3
    assert http.call("GET", "/sends/{send}", send=queued["id"])["jobs"][0]["counts"] == {"queued": 2}
    job = queued["jobs"][0]["id"]
    assert http.call("GET", "/jobs/{job}", job=job)["state"] == "running"
    assert http.call("POST", "/jobs/{job}/pause", job=job)["state"] == "paused"
    assert http.call("POST", "/jobs/{job}/resume", job=job)["state"] == "running"
    assert http.call("POST", "/sends/{send}/cancel", send=queued["id"])["jobs"][0]["state"] == "cancelling"
    single = http.call("POST", "/messages", {"template": slug, "recipients": [ADA]}, 202)
    cancelled = http.call("POST", "/messages/{message}/cancel", message=single["messages"][0]["id"])
    assert cancelled["state"] == "cancelled"
    other = http.call("POST", "/messages", {"template": slug, "recipients": [ADA]}, 202)["jobs"][0]["id"]
    assert http.call("POST", "/jobs/{job}/cancel", job=other)["state"] == "cancelling"


def test_templates_and_versions(http: Http) -> None:
    made = http.call("POST", "/templates", {"name": "Order", "category": "transactional", "content": CONTENT}, 201)
    template = made["slug"]
    assert made["required"] == ["name"]
    assert http.call("GET", "/templates")["items"][0]["id"] == made["id"]
    first = http.call("POST", "/templates/{template}/publish", {"note": "first"}, template=template)
    assert first["number"] == 1
    changed = {"name": "Order", "category": "transactional", "content": CONTENT | {"subject": "Hi {{ name }}"}}
    saved = http.call("PUT", "/templates/{template}", changed, template=template)
    assert saved["content"]["subject"] == "Hi {{ name }}"
    http.call("PUT", "/templates/{template}", changed | {"version": 1}, 409, template=template)
    values = {"variables": {"name": "Ada"}, "draft": True}
    shown = http.call("POST", "/templates/{template}/render", values, template=template)
    assert shown["parts"]["subject"] == "Hi Ada"
    http.call("POST", "/templates/{template}/publish", {}, template=template)
    assert [v["number"] for v in http.call("GET", "/templates/{template}/versions", template=template)["items"]] == [
        2,
        1,
    ]
    assert not http.call("GET", "/templates/{template}/versions/{number}", template=template, number=1)["current"]
    restored = http.call("POST", "/templates/{template}/versions/{number}/restore", template=template, number=1)
    assert restored["content"]["subject"] == "Hello {{ name }}"
    assert http.call("GET", "/templates/{template}", template=made["id"])["published_version"] == 2
    assert http.call("POST", "/templates/{template}/archive", template=template)["state"] == "archived"
    assert http.call("POST", "/templates/{template}/unarchive", template=template)["state"] != "archived"
    http.call("GET", "/templates/{template}", status=404, template="nothing")


@pytest.mark.parametrize("content", [{"text": "Hi {{ name }}"}, {"title": "Hi {{ name }}", "body": "Look"}])
def test_templates_of_other_channels(http: Http, content: Json) -> None:
    body = {"name": "Hello", "category": "transactional", "content": content}
    template = http.call("POST", "/templates", body, 201)["slug"]
    http.call("PUT", "/templates/{template}", body | {"description": "A greeting"}, template=template)
    assert http.call("POST", "/templates/{template}/publish", {}, template=template)["number"] == 1
    shown = http.call("POST", "/templates/{template}/render", {"variables": {"name": "Ada"}}, template=template)
    assert "Hi Ada" in shown["parts"].values()


def test_variables(http: Http) -> None:
    made = http.call("POST", "/variables", {"name": "season", "value": "Spring"}, 201)
    assert made["id"] in {one["id"] for one in http.call("GET", "/variables")["items"]}
    assert http.call("PUT", "/variables/{variable}", {"value": "Summer"}, variable=made["id"])["value"] == "Summer"
    assert http.call("GET", "/variables/{variable}", variable=made["id"])["value"] == "Summer"
    http.call("POST", "/variables", {"name": "season", "value": "x"}, 409)
    assert http.call("DELETE", "/variables/{variable}", variable=made["id"])["name"] == "season"
    http.call("GET", "/variables/{variable}", status=404, variable=made["id"])


def test_providers_and_routes(http: Http) -> None:
    provider = http.call("GET", "/providers")["items"][0]
    assert "secrets" not in provider
    assert "settings" not in provider
    assert http.call("GET", "/providers/{provider}", provider=provider["id"]) == provider
    off = http.call("POST", "/providers/{provider}/enabled", {"enabled": False}, provider=provider["id"])
    assert off["enabled"] is False
    http.call("POST", "/providers/{provider}/enabled", {"enabled": True}, provider=provider["id"])
    where = {"channel": "email", "category": "promotional"}
    http.call("PUT", "/routes/{channel}/{category}", {"provider": provider["id"]}, **where)
    routes = {(one["channel"], one["category"]): one["provider"] for one in http.call("GET", "/routes")["items"]}
    assert routes["email", "promotional"] == provider["id"]
    whole = [{"provider": provider["id"], "weight": 100}]
    assert http.call("PUT", "/routes/{channel}/{category}", {"providers": whole}, **where)["providers"] == whole


def test_audiences_and_imports(app: Flask, http: Http) -> None:
    audience = http.call("POST", "/audiences", {"name": "Customers"}, 201)["id"]
    begun = http.call("POST", "/audiences/{audience}/imports", {"filename": "a.csv"}, 201, audience=audience)["id"]
    csv = b"email,first_name\nada@example.com,Ada\nnonsense,Nobody\n"
    refused = http.client.put(f"/api/v1/imports/{begun}/data", content=csv, headers={"Content-Type": "text/plain"})
    assert refused.status_code == 415
    answer = http.client.put(f"/api/v1/imports/{begun}/data", content=csv, headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()["state"]) == (200, "mapping")  # call("PUT", "/imports/{id}/data")
    assert http.call("POST", "/imports/{id}/check", {}, 202, id=begun)["state"] == "checking"
    _work(lambda number: run_check(number, HASTE), begun)
    assert http.call("GET", "/imports/{id}", id=begun)["state"] == "ready"
    http.call("POST", "/imports/{id}/load", status=202, id=begun)
    _work(lambda number: run_load(number, LoadPace(slice_seconds=600)), begun)
    assert http.call("GET", "/audiences/{audience}", audience=audience)["records"] == 1
    records = http.call("GET", "/audiences/{audience}/records", audience=audience)["items"]
    assert records[0]["values"]["first_name"] == "Ada"
    other = http.call("POST", "/audiences/{audience}/imports", {}, 201, audience=audience)["id"]
    assert http.call("POST", "/imports/{id}/cancel", id=other)["state"] == "cancelled"
    assert http.call("PUT", "/audiences/{audience}", {"name": "People"}, audience=audience)["name"] == "People"
    assert len(http.call("GET", "/audiences", q="People")["items"]) == 1
    assert http.call("POST", "/audiences/{audience}/archive", audience=audience)["archived"]
    assert not http.call("POST", "/audiences/{audience}/unarchive", audience=audience)["archived"]


def test_campaigns_and_reports(app: Flask, http: Http, made_audience: str) -> None:
    slug = new_slug()
    body = {"name": "News", "category": "transactional", "template": slug, "audience": made_audience}
    campaign = http.call("POST", "/campaigns", body, 201)["id"]
    changed = http.call("PUT", "/campaigns/{campaign}", body | {"name": "News 2"}, campaign=campaign)
    assert changed["name"] == "News 2"
    when = {"kind": "once", "zone": "UTC", "local": "2099-01-01T09:00"}
    assert http.call("POST", "/campaigns/{campaign}/schedule", when, campaign=campaign)["state"] == "scheduled"
    assert http.call("POST", "/campaigns/{campaign}/unschedule", campaign=campaign)["state"] == "draft"
    run = http.call("POST", "/campaigns/{campaign}/launch", status=202, campaign=campaign)
    http.call("POST", "/campaigns/{campaign}/launch", status=409, campaign=campaign)
    assert http.call("GET", "/campaigns/{campaign}", campaign=campaign)["state"] == "running"
    assert http.call("GET", "/campaigns/{campaign}/jobs", campaign=campaign)["items"][0]["id"] == run["id"]
    assert len(http.call("GET", "/campaigns")["items"]) == 1
    http.call("POST", "/jobs/{job}/cancel", job=run["id"])
    http.call("POST", "/campaigns/{campaign}/archive", status=409, campaign=campaign)
    assert http.call("GET", "/reports/{name}", name="days")["rows"][-1][1] == 1
    http.call("GET", "/reports/{name}", status=422, name="days", **{"from": "2026-02-01", "to": "2026-01-01"})
    assert "recipients" in http.call("GET", "/exports/reports/{name}.csv", name="templates")
    assert "recipient" in http.call("GET", "/exports/messages.csv")


def test_suppressions(http: Http) -> None:
    results = http.call("POST", "/suppressions", {"addresses": ["gone@example.com", "no address"]})["items"]
    assert [one["ok"] for one in results] == [True, False]
    listed = http.call("GET", "/suppressions", address="gone")["items"]
    assert [one["address"] for one in listed] == ["gone@example.com"]
    entry = listed[0]["id"]
    assert http.call("GET", "/suppressions/{suppression}", suppression=entry)["reason"] == "manual"
    assert "gone@example.com" in http.call("GET", "/exports/suppressions.csv")
    http.call("DELETE", "/suppressions/{suppression}", status=422, suppression=entry)
    http.call("DELETE", "/suppressions/{suppression}", suppression=entry, reason="asked for it")
    http.call("GET", "/suppressions/{suppression}", status=404, suppression=entry)


@pytest.fixture
def made_audience(app: Flask) -> str:
    """An audience with one record."""
    return load_rows(audience_name="Readers", header=("email", "name"), rows=[("ada@example.com", "Ada")]).public_id


def _work(step: Callable[..., bool], public: str) -> None:
    """What a worker does with an import."""
    db.session.rollback()
    while not step(parse_public_id("imp", public)):
        time.sleep(0.01)
    db.session.rollback()


def test_events(http: Http) -> None:
    slug = new_slug()
    variables = [{"path": "name", "required": True, "sample": "Ada"}]
    made = http.call("POST", "/events", {"name": "Signed up", "slug": "signed_up", "variables": variables}, 201)
    event = made["slug"]
    template = http.call("GET", "/templates", q="template")["items"][0]["id"]
    parts = {"deliveries": {"email": {"subscribed": True, "template": template}}, "enabled": True}
    assert http.call("PUT", "/events/{event}", parts, event=event)["enabled"], slug
    assert http.call("GET", "/events/{event}", event=event)["unresolved"] == []
    hours = {"opens": "09:00", "closes": "21:00", "days": [0, 1, 2, 3, 4], "zone": "Asia/Kolkata"}
    saved = http.call("PUT", "/events/{event}", {"rules": {"send_window": hours}}, event=event)
    assert saved["rules"]["send_window"] == hours
    http.call("PUT", "/events/{event}", {"rules": {"send_window": None}}, event=event)
    assert [one["slug"] for one in http.call("GET", "/events")["items"]] == [event]
    newest = http.call("GET", "/events/{event}/versions", event=event)["items"][0]["number"]
    before = newest - 1
    http.call("POST", "/events/{event}/versions/{number}/restore", event=event, number=before)
    http.call("POST", "/events/{event}/versions/{number}/restore", event=event, number=newest)
    body = {"payload": {"name": "Ada"}, "recipient": {"email": "ada@example.com"}}
    dry = http.call("POST", "/events/{event}", body | {"dry_run": True}, event=event)
    assert [one["parts"]["subject"] for one in dry["samples"]] == ["Hello Ada"]
    told = http.call("POST", "/events/{event}", body, 202, event=event)
    assert http.call("GET", "/messages/{message}", message=told["messages"][0]["message"])["state"] == "queued"
    assert http.call("GET", "/events/{event}/log", event=event)["items"][0]["id"] == told["id"]
    again = http.call("POST", "/events/{event}/log/{receipt}/replay", status=202, event=event, receipt=told["id"])
    assert again["decision"] == "matched"
    http.call("PUT", "/events/{event}", {"enabled": False}, event=event)
    assert http.call("DELETE", "/events/{event}", event=event, confirm=event)["name"] == "Signed up"


def test_one_time_codes(app: Flask, http: Http) -> None:
    new_configuration()
    number = "+919820012345"
    sent = http.call("POST", "/otp/send", {"phone": number})["codes"][0]
    again = http.call("POST", "/otp/resend", {"request_id": sent["request_id"]})["codes"][0]
    done = http.call("POST", "/otp/verify", {"request_id": again["request_id"], "code": code_from_sandbox(number)})
    assert done["verified"]
    assert http.call("GET", "/otp/{request}", request=again["request_id"])["state"] == "verified"


def test_otp_configurations(app: Flask, http: Http) -> None:
    made = http.call("POST", "/otp-configurations", {"name": "Payments"}, 201)["id"]
    listed = http.call("GET", "/otp-configurations")["items"]
    assert [(one["id"], one["default"]) for one in listed] == [(made, True)]
    changed = {"name": "Payments", "length": 8}
    saved = http.call("PUT", "/otp-configurations/{configuration}", changed, configuration=made)
    assert http.call("GET", "/otp-configurations/{configuration}", configuration=made) == saved
    other = http.call("POST", "/otp-configurations", {"name": "Sign-in"}, 201)["id"]
    assert http.call("POST", "/otp-configurations/{configuration}/default", configuration=other)["default"]
    assert http.call("DELETE", "/otp-configurations/{configuration}", configuration=made) == {"name": "Payments"}


def test_push_tokens(http: Http) -> None:
    device = {"token": "device-1", "platform": "android", "customer_id": "c-1"}
    made = http.call("POST", "/push-tokens", device)["id"]
    assert [row["id"] for row in http.call("GET", "/push-tokens", customer_id="c-1")["items"]] == [made]
    assert http.call("PUT", "/push-tokens/{push_token}", {"token": "device-2"}, push_token=made)["token"] == "device-2"
    assert http.call("GET", "/push-tokens/{push_token}", push_token=made)["token"] == "device-2"
    http.call("DELETE", "/push-tokens/{push_token}", push_token=made)
    assert http.call("GET", "/push-tokens", customer_id="c-1")["items"] == []


def test_webhook_endpoints(http: Http) -> None:
    body = {"name": "Shop", "url": "https://shop.example/hooks", "kinds": ["message.sent"]}
    made = http.call("POST", "/webhook-endpoints", body, 201)["id"]
    assert [row["id"] for row in http.call("GET", "/webhook-endpoints")["items"]] == [made]
    assert http.call("POST", "/webhook-endpoints/{endpoint}/secret", endpoint=made)["secret"].startswith("whsec_")
    trial = http.call("POST", "/webhook-endpoints/{endpoint}/test", status=202, endpoint=made)["id"]
    listed = http.call("GET", "/webhook-endpoints/{endpoint}/deliveries", endpoint=made)["items"]
    assert [row["id"] for row in listed] == [trial]
    assert http.call("GET", "/webhook-deliveries/{delivery}", delivery=trial)["id"] == trial
    http.call("POST", "/webhook-deliveries/{delivery}/redeliver", status=202, delivery=trial)
    http.call("POST", "/webhook-endpoints/{endpoint}/redeliver-failed", status=202, endpoint=made)
    renamed = http.call("PUT", "/webhook-endpoints/{endpoint}", body | {"name": "Till"}, endpoint=made)
    assert renamed["name"] == "Till"
    http.call("POST", "/webhook-endpoints/{endpoint}/enabled", {"enabled": False}, endpoint=made)
    assert http.call("GET", "/webhook-endpoints/{endpoint}", endpoint=made)["state"] == "disabled"
    http.call("DELETE", "/webhook-endpoints/{endpoint}", endpoint=made)
    assert http.call("GET", "/webhook-endpoints")["items"] == []
