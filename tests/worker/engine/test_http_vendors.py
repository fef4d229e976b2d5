"""Campaigns through vendors over HTTP: from records to calls, and from callbacks back to the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask import Flask

from dashboard.extensions import db
from dashboard.jobs.models import Job
from dashboard.providers.models import Provider
from tests.factories.sending import new_job, new_provider, people
from tests.worker.engine.slices import counters, deliver, expire_leases, make_due, messages, states
from tests.worker.providers.http_contract import json_callback
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer, vendor_server
from worker.engine.plan import adapter_for
from worker.receipts.applying import take
from worker.rendering.sms import SmsContent

SMS = SmsContent("Hi {{ name }}, your order left.", registered_template="1707160000000000001")
GATEWAY = {
    "encoding": "json",
    "body": '{"messages": [{"to": "{to}", "text": "{text}", "from": "{sender}", "dlt": "{template_id}"}]}',
    "items": "results",
    "accepted": "id",
    "message_id": "id",
    "code": "error",
    "error_codes": "7 = retry",
    "batch_size": 20,
}


@pytest.fixture
def server() -> Iterator[VendorServer]:
    with vendor_server() as server:
        server.answer = accept
        yield server


def accept(seen: Seen) -> Answer:
    return json_answer({"results": [{"id": f"gw-{message['to']}"} for message in seen.json["messages"]]})


def new_sms_job(server: VendorServer, count: int) -> Job:
    provider = new_provider("http_gateway", url=f"{server.url}/send", **GATEWAY)
    records = [{"phone": f"+9198200{number:05d}", "name": f"P{number}"} for number in range(count)]
    return new_job(records, content=SMS, provider=provider)


def test_texts_share_calls_and_receipts_find_each_of_them(app: Flask, server: VendorServer) -> None:
    job = new_sms_job(server, 250)
    assert deliver(job.id).sent == 250
    sent = [message for seen in server.seen for message in seen.json["messages"]]
    assert len({message["to"] for message in sent}) == len(sent) == 250
    assert len(server.seen) < 50, "messages did not share calls"
    assert sent[0]["dlt"] == "1707160000000000001"

    adapter = adapter_for(db.session.get_one(Provider, job.provider_id), app.extensions["carillon_settings"], db.engine)
    for turn in range(2):  # the second time everything is a duplicate
        words = [{"id": f"gw-{message['to']}", "to": message["to"][1:], "status": "DELIVRD"} for message in sent]
        done = take(db.engine, job.provider_id, adapter.receipts(json_callback(json.dumps(words).encode())))
        assert done == {"applied": 250} if turn == 0 else {"duplicate": 250}
    db.session.expire_all()
    assert states(job.id) == counters(job.id) == {"delivered": 250}


def test_refused_put_off_and_lost_answers_stand_in_the_ledger(app: Flask, server: VendorServer) -> None:
    def answer(seen: Seen) -> Answer:
        numbers = [message["to"][-2:] for message in seen.json["messages"]]
        if "05" in numbers:
            return Answer(cut=True)
        errors = {"03": {"error": "55"}, "04": {"error": "7"}}
        return json_answer({"results": [errors.get(number, {"id": f"gw-{number}"}) for number in numbers]})

    server.answer = answer
    provider = new_provider("http_gateway", url=f"{server.url}/send", **{**GATEWAY, "batch_size": 1})
    records = [{"phone": f"+9198200000{number:02d}", "name": "A"} for number in range(8)]
    job = new_job(records, content=SMS, provider=provider, resend_unknown=False)
    deliver(job.id)
    found = {row.recipient[-2:]: (row.state, row.code) for row in messages(job.id)}
    assert found["03"] == ("failed", "55")
    assert found["04"] == ("queued", "7")
    assert found["05"] == ("unknown", "connection_lost_after_request")
    assert sum(state == "sent" for state, _ in found.values()) == 5

    server.answer = accept
    make_due(job.id)
    expire_leases(job.id)
    deliver(job.id)
    assert states(job.id) == counters(job.id) == {"sent": 6, "failed": 1, "unknown": 1}
    assert sum(seen.json["messages"][0]["to"][-2:] == "04" for seen in server.seen) == 2
    assert sum(seen.json["messages"][0]["to"][-2:] == "05" for seen in server.seen) == 1


def test_personalised_mails_share_calls(app: Flask, server: VendorServer) -> None:
    server.always(json_answer({"data": {"message_id": "c"}, "message": "OK", "status": "success"}, 202))
    provider = new_provider("pepipost", url=f"{server.url}/v5/mail/send", api_key="key-of-the-test")
    job = new_job(people(250), provider=provider)
    assert deliver(job.id).sent == 250
    entries = [entry for seen in server.seen for entry in seen.json["personalizations"]]
    assert {entry["token_to"] for entry in entries} == {str(row.id) for row in messages(job.id)}
    assert len({entry["attributes"]["SUBJECT"] for entry in entries}) == 250
    assert "List-Unsubscribe" in entries[0]["headers"]
    assert len(server.seen) < 60, "messages did not share calls"
