"""Trying an event, and the log of what was received: masked, filtered, taken in again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.accounts.models import Role, User
from dashboard.audit.models import AuditEntry
from dashboard.events import services
from dashboard.events.models import Event, EventReceipt
from dashboard.events.receiving import keep_invalid, receive
from dashboard.events.schema import InvalidPayload, infer
from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job
from tests.factories.api_keys import new_key
from tests.factories.events import ADA, PAYLOAD, incoming, new_event
from worker.engine.deliver import work

HTMX = {"HX-Request": "true"}


def mine(**values: str) -> None:
    """The addresses of the person at the screen."""
    with transaction():
        user = db.session.scalars(select(User)).first()
        assert user is not None
        user.email, user.phone, user.push_token = "", "", ""
        for name, value in values.items():
            setattr(user, name, value)


def receipts(event: Event) -> list[EventReceipt]:
    db.session.rollback()
    rows = select(EventReceipt).where(EventReceipt.event_id == event.id).order_by(EventReceipt.id)
    return list(db.session.scalars(rows))


def told(event: Event, **values: Any) -> EventReceipt:
    return receive(event.slug, incoming(**values)).receipt


# -- try it


def test_a_dry_run_shows_the_decision_and_every_message(client: FlaskClient) -> None:
    event = new_event("email", "sms", "push", rows=(("country", "is", "IN"),), on=False)
    address = f"/events/{event.public_id}/try"
    page = client.get(address).text
    assert "A-1815" in page  # the samples
    answer = client.post(address, data={"payload": json.dumps(PAYLOAD), "do": "dry"}, headers=HTMX)
    assert answer.status_code == 200
    assert "It matches" in answer.text
    assert "It would be sent by Email, SMS, Push." in answer.text
    assert "The event is off" in answer.text
    assert "country is IN" in answer.text
    assert "Order A-1815 is on its way" in answer.text
    frame = re.search(r'src="(/templates/[^"]+)"', answer.text)
    assert frame
    assert "<p>IN</p>" in client.get(frame[1].replace("&amp;", "&")).text
    assert receipts(event) == []

    other = client.post(address, data={"payload": json.dumps({**PAYLOAD, "country": "NO"})}).text
    assert "A condition did not hold: country is IN." in other
    assert "does not hold" in other


def test_a_dry_run_says_what_is_wrong(client: FlaskClient) -> None:
    event = new_event("sms")
    address = f"/events/{event.public_id}/try"
    unfit = client.post(address, data={"payload": '{"country": "IN"}'}).text
    assert "The payload does not fit" in unfit
    assert "payload.order is missing" in unfit
    broken = client.post(address, data={"payload": "{"})
    assert broken.status_code == 422
    assert "This is no JSON object" in broken.text
    assert client.post(address, data={"payload": "x" * 70_000}).status_code == 422
    bare = services.create_event(names=services.Names("Bare", "bare"))
    page = client.post(f"/events/{bare.public_id}/try", data={"payload": ""}).text
    assert "No channel is subscribed." in page


def test_one_is_sent_to_the_person_at_the_screen(client: FlaskClient) -> None:
    event = new_event("email", "sms", on=False)
    address = f"/events/{event.public_id}/try"
    mine()
    lost = client.post(address, data={"payload": json.dumps(PAYLOAD), "do": "send"})
    assert lost.status_code == 422
    assert "no address to send to" in lost.text
    mine(phone="+919820012345")
    unfit = client.post(address, data={"payload": "{}", "do": "send"})
    assert unfit.status_code == 422
    assert "is missing" in unfit.text
    done = client.post(address, data={"payload": json.dumps(PAYLOAD), "do": "send"}, headers=HTMX)
    (row,) = receipts(event)
    assert done.headers["HX-Redirect"] == f"/events/{event.public_id}/log/{row.public_id}"
    assert (row.is_test, row.recipient) == (True, {"phone": "+919820012345"})
    assert db.session.scalars(select(Job.is_test)).all() == [True]
    page = client.get(done.headers["HX-Redirect"]).text
    assert "The recipient has no email." in page
    for _ in range(9):
        client.post(address, data={"payload": json.dumps(PAYLOAD), "do": "send"})
    over = client.post(address, data={"payload": json.dumps(PAYLOAD), "do": "send"})
    assert over.status_code == 422
    assert "test sends within a minute" in over.text


def test_a_logged_payload_can_be_tried_without_its_personal_parts(client: FlaskClient) -> None:
    event = new_event("sms")
    variables = [*infer(PAYLOAD), *infer({"customer": {"first_name": "Ada"}})]
    services.save_schema(event_id=event.id, variables=variables)
    row = told(event, payload={**PAYLOAD, "country": "NO", "customer": {"first_name": "Grace"}})
    page = client.get(f"/events/{event.public_id}/try?from={row.public_id}").text
    assert "NO" in page
    assert "Grace" not in page
    other = new_event()
    assert client.get(f"/events/{other.public_id}/try?from={row.public_id}").status_code == 404


# -- the log


def test_the_log_is_filtered_by_state(client: FlaskClient) -> None:
    event = new_event("sms", rows=(("country", "is", "IN"),))
    address = f"/events/{event.public_id}/log"
    assert "Nothing was received yet" in client.get(address).text
    sent = told(event)
    filtered = told(event, payload={**PAYLOAD, "country": "NO"})
    problem = InvalidPayload("payload.order is missing.", field="payload.order")
    invalid = keep_invalid(event.slug, incoming({}), problem)
    page = client.get(address).text
    assert all(row.public_id in page for row in (sent, filtered, invalid))
    assert "A condition did not hold: country is IN." in page
    only = client.get(f"{address}?state=invalid", headers=HTMX)
    assert invalid.public_id in only.text
    assert sent.public_id not in only.text
    assert only.headers["HX-Push-Url"] == f"{address}?state=invalid"
    assert "None of these" in client.get(f"{address}?state=accepted").text
    assert client.get(f"{address}?after=nonsense").status_code == 200
    assert 'aria-label="2 of' not in client.get("/events").text
    assert 'aria-label="3 of Order shipped in 7 days"' in client.get("/events").text


def test_older_entries_are_on_further_pages(client: FlaskClient) -> None:
    event = new_event("sms", on=False)
    rows = [told(event) for _ in range(51)]
    address = f"/events/{event.public_id}/log"
    page = client.get(address).text
    assert rows[0].public_id not in page
    older = re.search(r'href="([^"]+after=[^"]+)"', page)
    assert older
    assert rows[0].public_id in client.get(older[1]).text


def test_an_entry_tells_all_but_personal_parts(client: FlaskClient, sign_in: Callable[..., FlaskClient]) -> None:
    event = new_event("sms", "email")
    variables = [*infer(PAYLOAD), *infer({"customer": {"first_name": "Ada"}})]
    services.save_schema(event_id=event.id, variables=variables)
    key, _ = new_key()
    payload = {**PAYLOAD, "customer": {"first_name": "Grace"}}
    row = told(event, payload=payload, recipient={"phone": ADA["phone"], "external_id": "C-1"}, api_key_id=key.id)
    address = f"/events/{event.public_id}/log/{row.public_id}"
    page = client.get(address).text
    assert "Grace" not in page
    assert "•••" in page
    assert f"API key {key.name}" in page
    (message,) = [send.public_message_id for send in row.sends if send.message_id]
    assert message in page
    assert "The recipient has no email." in page
    assert ADA["phone"] in page
    seen = sign_in(Role.VIEWER).get(address).text
    assert ADA["phone"] not in seen
    assert "+91***210" in seen
    assert "C-1" in seen
    other = new_event()
    assert client.get(f"/events/{other.public_id}/log/{row.public_id}").status_code == 404


def test_an_entry_is_taken_in_again(client: FlaskClient, sign_in: Callable[..., FlaskClient]) -> None:
    event = new_event("sms", idempotency_path="order.number")
    row = told(event)
    address = f"/events/{event.public_id}/log/{row.public_id}/replay"
    assert "what is sent goes to" in client.get(address, headers=HTMX).text
    done = client.post(address)
    again = receipts(event)[-1]
    assert done.location == f"/events/{event.public_id}/log/{again.public_id}"
    assert (again.replay_of_id, again.state) == (row.id, "sent")
    assert f'Again of</dt><dd><a href="/events/{event.public_id}/log/{row.public_id}"' in client.get(done.location).text
    assert "event.replay" in db.session.scalars(select(AuditEntry.action)).all()
    services.save_schema(
        event_id=services.switch_event(event_id=event.id, enabled=False).id, variables=infer({**PAYLOAD, "new": 1})
    )
    refused = client.post(address)
    assert refused.location == f"/events/{event.public_id}/log/{row.public_id}"
    assert "payload.new is missing." in client.get(refused.location).text
    editor = sign_in(Role.EDITOR)
    assert editor.post(address).status_code == 403
    assert "Replay" not in editor.get(f"/events/{event.public_id}/log/{row.public_id}").text


def test_a_message_names_its_event(app: Flask, client: FlaskClient) -> None:
    event = new_event("sms")
    row = told(event)
    (send,) = row.sends
    assert send.job_id is not None
    work(send.job_id)
    page = client.get(f"/messages/{send.public_message_id}").text
    assert f"/events/{event.public_id}/log/{row.public_id}" in page
    assert send.public_message_id in client.get(f"/events/{event.public_id}/log/{row.public_id}").text


def test_viewers_do_not_try(sign_in: Callable[..., FlaskClient]) -> None:
    event = new_event("sms")
    viewer = sign_in(Role.VIEWER)
    assert viewer.get(f"/events/{event.public_id}/try").status_code == 403
    assert viewer.post(f"/events/{event.public_id}/try", data={"payload": "{}", "do": "send"}).status_code == 403
    assert "Try it" not in viewer.get(f"/events/{event.public_id}").text
