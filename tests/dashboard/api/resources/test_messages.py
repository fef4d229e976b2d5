"""Sending by the API: what is accepted, refused and answered, and that the ledger agrees."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from dashboard.api_keys.models import Scope
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import parse_public_id
from dashboard.jobs.models import Chunk, ChunkState, Job
from dashboard.jobs.queries import job_totals
from dashboard.message_templates.models import Category, Template
from dashboard.messages import listing
from dashboard.messages.filters import MessageFilters
from dashboard.messages.models import Message
from dashboard.providers.models import ChannelSwitch, Provider, SandboxMail
from dashboard.suppressions.services import suppress
from tests.dashboard.api.conftest import Call
from tests.factories.api_keys import new_key, new_route, new_slug
from tests.factories.sending import new_template
from worker.engine.deliver import work

ADA = {"email": "ada@example.com", "variables": {"name": "Ada"}, "reference": "order-1"}


def order(slug: str, *recipients: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"template": slug, "recipients": list(recipients or (ADA,)), **more}


@pytest.fixture
def slug(app: Flask) -> str:
    new_route()
    return new_slug()


def numbers_of(answer: Any, prefix: str = "run") -> list[int]:
    return [parse_public_id(prefix, job["id"]) for job in answer.json["jobs"]]


def sent_by_workers(answer: Any) -> None:
    """Let a worker do the jobs; what the request had read is read again."""
    for job in numbers_of(answer):
        work(job)
    db.session.rollback()


def test_an_accepted_request_is_written_and_sent_by_the_workers(call: Call, slug: str) -> None:
    answer = call("POST", "/messages", order(slug, ADA, {"email": "bob@example.com", "variables": {"name": "Bob"}}))
    assert answer.status_code == 202, answer.text
    messages = answer.json["messages"]
    assert [message["index"] for message in messages] == [0, 1]
    assert answer.json["counts"] == {"queued": 2}
    before = call("GET", f"/messages/{messages[0]['id']}").json
    assert (before["state"], before["recipient"], before["reference"]) == ("queued", "ada@example.com", "order-1")
    sent_by_workers(answer)
    after = call("GET", f"/messages/{messages[0]['id']}").json
    assert (after["state"], after["attempts"]) == ("sent", 1)
    mails = db.session.scalars(select(SandboxMail).order_by(SandboxMail.id)).all()
    assert {mail.recipient for mail in mails} == {"ada@example.com", "bob@example.com"}


def test_a_template_is_found_by_its_id_too(call: Call, slug: str) -> None:
    template = db.session.scalars(select(Template)).one().public_id
    assert call("POST", "/messages", order(template)).status_code == 202


def test_who_lacks_a_variable_fails_and_the_others_are_sent(call: Call, slug: str) -> None:
    people = (ADA, {"email": "eve@example.com"}, {"email": "not an address", "variables": {"name": "X"}}, {})
    answer = call("POST", "/messages", order(slug, *people))
    sent_by_workers(answer)
    states = [call("GET", f"/messages/{message['id']}").json for message in answer.json["messages"]]
    assert [state["state"] for state in states] == ["sent", "failed", "failed", "failed"]
    assert [state["code"] for state in states[1:]] == ["undefined_variable", "invalid_address", "no_address"]


def test_sync_answers_for_each_recipient(call: Call, slug: str) -> None:
    with transaction():
        suppress(address="gone@example.com", note="", scope="all")
    people = (ADA, {"email": "eve@example.com"}, {}, {"email": "gone@example.com", "variables": {"name": "G"}})
    answer = call("POST", "/messages", order(slug, *people, mode="sync"))
    assert answer.status_code == 200, answer.text
    messages = answer.json["messages"]
    assert [message["state"] for message in messages] == ["sent", "failed", "failed", "suppressed"]
    assert [message["code"] for message in messages[1:3]] == ["undefined_variable", "no_address"]
    assert answer.json["counts"] == {"sent": 1, "failed": 2, "suppressed": 1}
    db.session.rollback()
    job = db.session.get_one(Job, numbers_of(answer)[0])
    totals = job_totals(job.id)
    assert (totals.sent, totals.failed, totals.suppressed, totals.queued, totals.sending) == (1, 2, 1, 0, 0)
    assert (job.state, db.session.scalars(select(Chunk.state)).all()) == ("finished", ["done"])
    for message in messages:
        assert call("GET", message["ask"].removeprefix("/api/v1")).json["state"] == message["state"]


def test_variables_of_the_request_hold_for_those_without(call: Call, slug: str) -> None:
    people = (ADA, {"email": "eve@example.com"})
    answer = call("POST", "/messages", order(slug, *people, mode="sync", variables={"name": "friend"}))
    assert answer.json["counts"] == {"sent": 2}
    subjects = set(db.session.scalars(select(SandboxMail.subject)))
    assert subjects == {"Hello Ada", "Hello friend"}


def test_messages_are_found_by_the_senders_own_reference(call: Call, slug: str) -> None:
    sent = call("POST", "/messages", order(slug, metadata={"cart": "7"})).json
    found = call("GET", "/messages?reference=order-1").json["items"]
    assert [item["id"] for item in found] == [sent["messages"][0]["id"]]
    assert found[0]["metadata"] == {"cart": "7"}
    assert call("GET", "/messages?reference=nothing").json["items"] == []


def test_what_is_to_go_later_waits_and_can_be_cancelled(call: Call, slug: str) -> None:
    later = (utc_now() + timedelta(hours=1)).isoformat()
    answer = call("POST", "/messages", order(slug, send_at=later))
    job = numbers_of(answer)[0]
    assert work(job).sent == 0
    assert db.session.scalars(select(Chunk.state)).one() == ChunkState.WAITING
    cancelled = call("POST", f"/messages/{answer.json['messages'][0]['id']}/cancel", {})
    assert (cancelled.status_code, cancelled.json["state"]) == (200, "cancelled")
    assert call("POST", f"/messages/{answer.json['messages'][0]['id']}/cancel", {}).status_code == 409


def test_what_was_sent_cannot_be_cancelled(call: Call, slug: str) -> None:
    message = call("POST", "/messages", order(slug, mode="sync")).json["messages"][0]["id"]
    answer = call("POST", f"/messages/{message}/cancel", {})
    assert (answer.status_code, answer.json["code"]) == (409, "wrong_state")


def test_one_of_a_batch_that_was_not_reached_is_cancelled_with_its_batch_only(call: Call, slug: str) -> None:
    answer = call("POST", "/messages", order(slug, ADA, ADA))
    refused = call("POST", f"/messages/{answer.json['messages'][1]['id']}/cancel", {})
    assert refused.status_code == 409
    assert "whole batch" in refused.json["message"]


def test_a_dry_run_tells_and_writes_nothing(call: Call, slug: str) -> None:
    answer = call("POST", "/messages", order(slug, ADA, {"email": "eve@example.com"}, dry_run=True))
    assert answer.status_code == 200
    assert [message["state"] for message in answer.json["messages"]] == ["queued", "failed"]
    assert answer.json["id"] is None
    assert db.session.scalar(select(func.count()).select_from(Job)) == 0


def test_rendering_shows_the_parts_and_what_is_missing(call: Call, slug: str) -> None:
    made = call("POST", "/messages/render", {"template": slug, "variables": {"name": "Ada"}}).json
    assert made["parts"]["subject"] == "Hello Ada"
    missing = call("POST", "/messages/render", {"template": slug}).json
    assert (missing["parts"], missing["undefined"]) == (None, ["name"])
    shown = call("POST", "/messages/render", {"template": slug, "strict": False}).json
    assert "name" in shown["parts"]["subject"]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"template": "unheard-of"}, "template", "unknown_template"),
        ({"template": None}, None, "invalid"),
        ({"provider": "prv_0000000000001"}, "provider", "no_provider"),
        ({"provider": "nonsense"}, "provider", "unknown_provider"),
        ({"recipients": []}, "recipients", "invalid"),
        ({"recipients": [{"mail": "a@example.com"}]}, "recipients.0.mail", "unknown_field"),
        ({"colour": "red"}, "colour", "unknown_field"),
        ({"mode": "later"}, "mode", "invalid"),
        ({"recipients": "ada@example.com"}, "recipients", "invalid"),
        ({"send_at": "tomorrow"}, "send_at", "invalid"),
        ({"send_at": "2030-01-01T00:00:00"}, "send_at", "invalid"),
        ({"mode": "sync", "send_at": "2030-01-01T00:00:00Z"}, None, "invalid"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "expired"),
        ({"mode": "sync", "recipients": [ADA] * 101}, "recipients", "invalid"),
        ({"recipients": [{}] * 10_001}, "recipients", "invalid"),
        ({"template": None, "channels": {"sms": {"template": "nothing"}}}, "channels.sms.template", "unknown_template"),
        ({"template": None, "channels": {}}, None, "invalid"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_field(
    call: Call, slug: str, change: dict[str, Any], field: str | None, code: str
) -> None:
    body = {name: value for name, value in (order(slug) | change).items() if value is not None}
    answer = call("POST", "/messages", body)
    assert (answer.status_code, answer.json["code"], answer.json["field"]) == (422, code, field), answer.text
    assert db.session.scalar(select(func.count()).select_from(Message)) == 0


def test_a_template_of_another_channel_is_refused(call: Call, slug: str) -> None:
    body = {"channels": {"sms": {"template": slug}}, "recipients": [ADA]}
    answer = call("POST", "/messages", body)
    assert (answer.status_code, answer.json["code"]) == (422, "wrong_channel")


def test_a_category_without_a_provider_says_so(call: Call, slug: str) -> None:
    answer = call("POST", "/messages", order(new_slug(Category.PROMOTIONAL)))
    assert (answer.status_code, answer.json["code"]) == (422, "no_provider")


def test_a_template_without_a_published_version_is_refused(call: Call, slug: str) -> None:
    with transaction():
        db.session.scalars(select(Template)).one().published_version_id = None
    answer = call("POST", "/messages", order(slug))
    assert (answer.status_code, answer.json["code"]) == (422, "not_published")


def test_a_key_may_be_narrowed_to_templates(call: Call, slug: str) -> None:
    other, _ = new_template(category=Category.TRANSACTIONAL)
    _, narrow = new_key([Scope.SEND], template_ids=[other.id])
    assert call("POST", "/messages", order(other.slug), token=narrow).status_code == 202
    answer = call("POST", "/messages", order(slug), token=narrow)
    assert (answer.status_code, answer.json["code"]) == (403, "not_allowed")


def test_ten_thousand_recipients_are_accepted(call: Call, slug: str) -> None:
    people = [{"email": f"p{number}@example.com", "variables": {"name": "P"}} for number in range(10_000)]
    answer = call("POST", "/messages", order(slug, *people))
    assert answer.status_code == 202
    assert len({message["id"] for message in answer.json["messages"]}) == 10_000
    assert db.session.scalars(select(Job.record_count)).one() == 10_000


@pytest.mark.parametrize("path", ["/messages/nonsense", "/messages/msg_0000000000001", "/messages/tpl_0000000000001"])
def test_unknown_messages_are_not_found(call: Call, path: str) -> None:
    assert call("GET", path).status_code == 404
    assert call("POST", f"{path}/cancel", {}).status_code == 404


def test_the_list_is_read_with_a_cursor_and_filters(call: Call, slug: str) -> None:
    people = [{"email": f"p{number}@example.com", "variables": {"name": "P"}} for number in range(5)]
    call("POST", "/messages", order(slug, *people, {"email": "nobody"}, mode="sync"))
    seen, cursor = [], ""
    while cursor is not None:
        page = call("GET", f"/messages?limit=2{cursor and '&after='}{cursor}").json
        seen += [item["recipient"] for item in page["items"]]
        cursor = page["next"]
    assert seen == ["nobody", *(f"p{number}@example.com" for number in reversed(range(5)))]
    assert len(call("GET", "/messages?state=failed").json["items"]) == 1
    assert len(call("GET", "/messages?recipient=p3@").json["items"]) == 1
    for bad in ("after=zzz", "limit=0", "limit=x", "template=zzz", "colour=red", "channel=fax", "since=never"):
        assert call("GET", f"/messages?{bad}").status_code == 422, bad


def test_a_whole_request_has_a_state_and_can_be_cancelled(call: Call, slug: str) -> None:
    answer = call("POST", "/messages", order(slug, ADA, ADA, metadata={"cart": "7"}, reference="req-1"))
    path = f"/sends/{answer.json['id']}"
    state = call("GET", path).json
    assert (state["reference"], state["metadata"]) == ("req-1", {"cart": "7"})
    assert state["jobs"][0]["counts"] == {"queued": 2}
    assert call("POST", f"{path}/cancel", {}).json["jobs"][0]["state"] == "cancelling"
    done = call("POST", "/messages", order(slug, mode="sync")).json["id"]
    assert call("POST", f"/sends/{done}/cancel", {}).status_code == 409
    for missing in ("nonsense", "snd_0000000000001"):
        assert call("GET", f"/sends/{missing}").status_code == 404
        assert call("POST", f"/sends/{missing}/cancel", {}).status_code == 404


def test_the_query_that_people_copy_gives_their_list(app: Flask, call: Call, slug: str) -> None:
    call("POST", "/messages", order(slug, ADA, {}, mode="sync"))
    filters = MessageFilters(state="failed", range="24h", with_tests=True)
    query = listing.api_query(filters)
    assert [item["state"] for item in call("GET", f"/messages{query}").json["items"]] == ["failed"]


def test_what_changes_at_the_desk_counts_with_the_next_request(call: Call, slug: str) -> None:
    """What a request needs is remembered; a switch, a drain or a new version must not be."""
    assert call("POST", "/messages", order(slug, mode="sync")).status_code == 200
    provider = db.session.scalars(select(Provider)).one()
    with transaction():
        db.session.get_one(Provider, provider.id).draining = True
    assert call("POST", "/messages", order(slug, mode="sync")).json["code"] == "provider_draining"
    with transaction() as session:
        session.get_one(Provider, provider.id).draining = False
        session.add(ChannelSwitch(channel="email", off=True, reason="a test"))
    category = db.session.scalars(select(Template.category)).one()
    assert category == "transactional"
    assert call("POST", "/messages", order(slug, mode="sync")).json["code"] == "channel_off"
    with transaction() as session:
        session.get_one(ChannelSwitch, "email").off = False
    assert call("POST", "/messages", order(slug, mode="sync")).status_code == 200
    with transaction() as session:
        session.scalars(select(Template)).one().archived_at = utc_now()
    assert call("POST", "/messages", order(slug, mode="sync")).json["code"] == "archived"
