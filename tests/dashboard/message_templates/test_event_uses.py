"""Templates that events send: seen on their pages, kept from being archived, kept from breaking what is on."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from dashboard.events import services as events
from dashboard.events.models import Event
from dashboard.events.schema import infer
from dashboard.extensions import db
from dashboard.message_templates import services
from dashboard.message_templates.models import Template
from dashboard.message_templates.services import Draft
from dashboard.problems import DomainError
from tests.factories.events import PAYLOAD, new_event
from worker.rendering.sms import SmsContent


def template_of(event: Event) -> Template:
    return db.session.get_one(Template, event.deliveries[1].template_id)


def write(template: Template, text: str) -> None:
    draft = Draft(name=template.name, category=template.category, content=SmsContent(text), sample={})
    services.save_draft(template_id=template.id, draft=draft, version=None)


def test_its_pages_name_the_events_that_send_it(client: FlaskClient) -> None:
    event = new_event("sms")
    template = template_of(event)
    page = client.get(f"/templates/{template.public_id}").text
    assert f'<a href="/events/{event.public_id}">Order shipped</a>' in page
    write(template, "Order {{ order.number }}")
    assert "Order shipped" in client.get(f"/templates/{template.public_id}/publish").text


def test_what_an_event_sends_is_not_archived(client: FlaskClient) -> None:
    event = new_event("sms")
    template = template_of(event)
    where = client.post(f"/templates/{template.public_id}/archive").location
    assert "is sent by “Order shipped”, which is on." in client.get(where).text
    assert template_of(event).archived_at is None
    events.switch_event(event_id=event.id, enabled=False)
    client.post(f"/templates/{template.public_id}/archive")
    db.session.rollback()
    assert template_of(event).archived_at is not None


def test_a_version_that_would_break_an_event_is_not_published(client: FlaskClient) -> None:
    event = new_event("sms")
    template = template_of(event)
    write(template, "Dear {{ title }}, order {{ order.number }}")
    page = client.get(f"/templates/{template.public_id}/publish").text
    assert "An event that is on would break" in page
    assert f"/events/{event.public_id}/variables?add=title" in page
    assert "Publish version 2</span>" not in page
    with pytest.raises(DomainError, match="Order shipped has no title") as refused:
        services.publish(template_id=template.id, note="")
    assert refused.value.code == "unresolved"
    events.save_schema(event_id=event.id, variables=infer({**PAYLOAD, "title": "Dr"}))
    assert services.publish(template_id=template.id, note="").number == 2


def test_events_that_are_off_or_not_subscribed_hold_nothing_back(client: FlaskClient) -> None:
    event = new_event("sms", on=False)
    template = template_of(event)
    write(template, "Dear {{ title }}")
    assert services.publish(template_id=template.id, note="").number == 2
    assert "title: nothing provides it" in client.get(f"/events/{event.public_id}").text
