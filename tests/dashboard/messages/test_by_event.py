"""Messages of one event: in the log, its export and the API, in reports, and from the event's page."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from dashboard.api_keys.models import Scope
from dashboard.current import current_settings
from dashboard.events import services
from dashboard.events.models import Event
from dashboard.events.receiving import receive
from dashboard.extensions import db, transaction
from dashboard.ids import new_id, parse_public_id, public_id
from dashboard.jobs.models import Job
from dashboard.messages import queries
from dashboard.messages.filters import MessageFilters
from dashboard.messages.models import Message
from dashboard.messages.services import resend
from dashboard.reports.filters import ReportFilters
from tests.factories.api_keys import bearer, new_key
from tests.factories.events import incoming, new_event
from tests.factories.messages import add_message, add_messages
from worker.engine.deliver import work


def told(event: Event, **values: Any) -> list[Job]:
    """Tell of the event, and send what it leads to."""
    sends = receive(event.slug, incoming(**values)).receipt.sends
    ids = [send.job_id for send in sends if send.job_id is not None]
    for job_id in ids:
        work(job_id)
    db.session.rollback()
    return [db.session.get_one(Job, job_id) for job_id in ids]


def rows_of(page: str) -> int:
    return page.count('<th scope="row"><a href="/messages/')


def test_the_log_is_narrowed_to_an_event(client: FlaskClient) -> None:
    event, other = new_event("email", "sms"), new_event("push")
    jobs = told(event)
    told(other)
    add_message()
    page = client.get(f"/messages/?event={event.public_id}").text
    assert rows_of(page) == 2
    assert f'<option value="{event.public_id}" selected>{event.name}</option>' in page
    assert f'aria-label="Remove filter Event: {event.name}"' in page
    assert rows_of(client.get(f"/messages/?event={event.public_id}&channel=sms").text) == 1
    assert rows_of(client.get(f"/messages/?event={public_id('evt', new_id())}").text) == 0
    assert f"/messages?event={event.public_id}" in page  # the same by the API
    (line, _) = list(csv.DictReader(io.StringIO(client.get(f"/messages/export.csv?event={event.public_id}").text)))
    assert line["event"] == event.name
    assert {job.event_id for job in jobs} == {event.id}


def test_the_pages_of_event_and_message_lead_to_each_other(client: FlaskClient) -> None:
    event = new_event("email")
    (job,) = told(event)
    page = client.get(f"/events/{event.public_id}").text
    assert f'href="/messages/?event={event.public_id}"' in page
    assert f'href="/reports/days?event={event.public_id}"' in page
    message = client.get(f"/messages/{public_id('msg', job.first_message_id)}").text
    assert f'<a href="/events/{event.public_id}">{event.name}</a>' in message
    assert "as it was received" in message
    services.switch_event(event_id=event.id, enabled=False)
    services.delete_event(event_id=event.id, typed=event.slug)
    message = client.get(f"/messages/{public_id('msg', job.first_message_id)}").text
    assert "deleted event" in message
    assert "as it was received" not in message
    assert rows_of(client.get(f"/messages/?event={event.public_id}").text) == 1


def test_a_message_sent_again_belongs_to_the_event_too(app: Flask) -> None:
    event = new_event("email")
    (job,) = told(event)
    again = resend(message_id=job.first_message_id)
    db.session.rollback()
    assert [row.event_id for row in db.session.scalars(select(Job))] == [event.id, event.id]
    work(db.session.scalars(select(Job.id).where(Job.first_message_id == again)).one())
    db.session.rollback()
    assert queries.count(MessageFilters(range="all", objects={"event": event.id})) == 2


def test_the_api_lists_and_exports_messages_of_an_event(app: Flask) -> None:
    headers = bearer(new_key(scopes=[Scope.REPORTS])[1])
    call = lambda method, path: app.test_client().open(f"/api/v1{path}", method=method, headers=headers)  # noqa: E731
    event = new_event("email", "sms")
    told(event)
    add_message()
    for name in (event.slug, event.public_id):
        items = call("GET", f"/messages?event={name}").json["items"]
        assert [item["event"] for item in items] == [event.public_id] * 2
    one = call("GET", f"/messages/{items[0]['id']}").json
    assert (one["event"], one["campaign"]) == (event.public_id, None)
    assert call("GET", f"/jobs/{one['job']}").json["event"] == event.public_id
    assert call("GET", f"/exports/messages.csv?event={event.slug}").text.count(event.name) == 2
    refused = call("GET", "/messages?event=no-such-event")
    assert (refused.status_code, refused.json["field"]) == (422, "event")
    assert call("GET", f"/messages?event={public_id('evt', new_id())}").json["items"] == []
    lines = call("GET", f"/reports/channels?event={event.slug}")
    assert lines.status_code == 422  # no such report
    report = call("GET", f"/reports/days?event={event.slug}").json
    assert sum(row[1] for row in report["rows"]) == 2


def test_reports_by_event(client: FlaskClient) -> None:
    event, other = new_event("email", "sms"), new_event("push")
    told(event)
    told(other)
    with transaction():
        db.session.get_one(Event, other.id).name = "Order cancelled"
    page = client.get("/reports/events").text
    assert page.index(">Order shipped</a>") < page.index(">Order cancelled</a>")
    assert f'<a href="/events/{event.public_id}">Order shipped</a>' in page
    lines = list(csv.DictReader(io.StringIO(client.get(f"/reports/templates.csv?event={event.public_id}").text)))
    assert [line["recipients"] for line in lines] == ["1", "1"]
    assert f"event={event.public_id}" in client.get(f"/reports/days?event={event.public_id}").text
    services.switch_event(event_id=event.id, enabled=False)
    services.delete_event(event_id=event.id, typed=event.slug)
    page = client.get("/reports/events").text
    assert "deleted" in page
    assert f'href="/events/{event.public_id}"' not in page


def lines_of_plan(statement: Any) -> str:
    explain = "EXPLAIN " if db.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    compiled = statement.compile(db.engine, compile_kwargs={"literal_binds": True})
    found = db.session.execute(text((explain + str(compiled)).replace(":", "\\:")))
    return "\n".join(" ".join(map(str, row)) for row in found)


@pytest.fixture
def crowded(app: Flask) -> int:
    """An event with a few messages among very many of others; its id."""
    event_id = new_id()
    for _ in range(4):
        add_messages(5_000)
        add_messages(5, event_id)
        add_messages(500, new_id())
    with db.engine.connect() as connection:
        connection.execute(text("ANALYZE messages"))
        connection.commit()
    return event_id


def test_a_page_of_an_event_is_read_from_its_index(crowded: int) -> None:
    filters = MessageFilters(range="all", objects={"event": crowded})
    assert len(queries.page(filters, after=None, before=None).rows) == 20
    asked = select(Message).where(*filters.conditions()).order_by(Message.id.desc()).limit(51)
    plan = lines_of_plan(asked)
    assert "ix_messages_event_id" in plan or "_event_id_id_idx" in plan, plan  # months name theirs by themselves


def test_a_report_of_an_event_reads_its_jobs_by_their_index(app: Flask) -> None:
    event = new_event("email")
    told(event)
    zone_filters = ReportFilters.from_query(
        {"range": "90d", "event": event.public_id}, zone=current_settings().zone, today=event.created_at.date()
    )
    with transaction():
        if db.engine.dialect.name == "postgresql":
            db.session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = lines_of_plan(select(func.count()).select_from(Job).where(*zone_filters.of_jobs()))
    assert "ix_jobs_event_id" in plan, plan


def test_ids_of_other_kinds_filter_nothing(client: FlaskClient) -> None:
    add_message()
    assert rows_of(client.get("/messages/?event=nonsense&range=all").text) == 1
    assert parse_public_id("evt", public_id("evt", 7)) == 7
