"""The first provider of a route, a message centre, dies in mid-campaign; the second, a web service, takes the rest."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.jobs.models import Job
from dashboard.message_templates.models import Category
from dashboard.messages.models import Message
from dashboard.providers.models import Provider, ProviderIncident
from tests.factories.sending import new_job, new_provider
from tests.worker.connectors import provider_at, running, settings_of
from tests.worker.engine.slices import counters, deliver, events, make_due, messages, states
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer, vendor_server
from tests.worker.providers.message_centre import Centre, message_centre
from worker.engine.outages import outages
from worker.rendering.sms import SmsContent

pytestmark = pytest.mark.services
PEOPLE = 300
ANSWERED = 120
WINDOW = 10
GATEWAY = {"encoding": "form", "body": "to = {to}\ntext = {text}", "accepted": "id", "message_id": "id"}


def accept(seen: Seen) -> Answer:
    return json_answer({"id": f"gw-{seen.form['to']}"})


def routed_job(centre: Centre, server: VendorServer, category: Category) -> tuple[Job, Provider, Provider]:
    """A running job that goes by the message centre, then by the web service."""
    first = provider_at(centre, window=WINDOW)
    second = new_provider("http_gateway", url=f"{server.url}/send", **GATEWAY)
    route = [
        {"provider_id": provider.id, "weight": 0, "from_address": "PARCEL", "from_name": ""}
        for provider in (first, second)
    ]
    records = [{"phone": f"+9198300{number:05d}", "name": f"P{number}"} for number in range(PEOPLE)]
    content = SmsContent("Hi {{ name }}, your order left.")
    job = new_job(records, content=content, category=category, provider=first, route=route)
    return job, first, second


def send_while_the_first_dies(job: Job, centre: Centre) -> None:
    """Slices as a worker runs them, until nothing is left that can be done at once."""

    def die() -> None:
        centre.wait_for("submit", ANSWERED + WINDOW, seconds=60)
        centre.kill()

    killer = threading.Thread(target=die)
    killer.start()
    while deliver(job.id).more:
        pass
    killer.join()


@pytest.fixture(autouse=True)
def _no_outage_of_another_test(app: Flask) -> None:
    outages._pauses.clear()


def test_the_rest_goes_by_the_second_and_what_may_have_arrived_stays_unknown(app: Flask) -> None:
    with vendor_server() as server, message_centre(silent=ANSWERED) as centre, running(settings_of(app)):
        server.answer = accept
        job, first, second = routed_job(centre, server, Category.TRANSACTIONAL)
        send_while_the_first_dies(job, centre)
        by_first = ["+" + entry["destination"] for entry in centre.submits]
        by_second = [seen.form["to"] for seen in server.seen]

    assert states(job.id) == counters(job.id) == {"sent": PEOPLE - WINDOW, "unknown": WINDOW}
    rows = messages(job.id)
    assert Counter(row.provider_id for row in rows) == {
        first.id: ANSWERED + WINDOW,
        second.id: PEOPLE - ANSWERED - WINDOW,
    }
    assert sorted(by_first + by_second) == sorted(row.recipient for row in rows), "somebody is lost or doubled"
    unknown = [row for row in rows if row.state == "unknown"]
    assert {row.recipient for row in unknown} == set(by_first[ANSWERED:])
    assert {(row.provider_id, row.code, row.detail) for row in unknown} == {
        (first.id, "answer_lost", "The connection ended.")
    }
    incident = db.session.scalars(select(ProviderIncident)).one()
    assert incident.provider_id == first.id
    assert "it cannot be reached: " in incident.reason


def test_promotional_texts_in_doubt_go_once_more_by_the_second_and_are_marked(app: Flask) -> None:
    with vendor_server() as server, message_centre(silent=ANSWERED) as centre, running(settings_of(app)):
        server.answer = accept
        job, _, second = routed_job(centre, server, Category.PROMOTIONAL)
        send_while_the_first_dies(job, centre)
        assert counters(job.id) == {"sent": PEOPLE - WINDOW, "queued": WINDOW}
        make_due(job.id)
        deliver(job.id)
        by_first = ["+" + entry["destination"] for entry in centre.submits]
        taken = Counter(by_first + [seen.form["to"] for seen in server.seen])

    assert states(job.id) == counters(job.id) == {"sent": PEOPLE}
    assert len(taken) == PEOPLE
    marked = db.session.scalars(select(Message).where(Message.job_id == job.id, Message.maybe_twice)).all()
    assert {row.recipient for row in marked} == {number for number, times in taken.items() if times == 2}
    assert {row.recipient for row in marked} == set(by_first[ANSWERED:])
    assert {row.provider_id for row in marked} == {second.id}
    assert events(marked[0].id) == [("resent", "answer_lost")]
