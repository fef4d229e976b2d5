"""Taking over events of the standard set: whole, once, and nobody's own things are touched (both databases)."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from dashboard.events import services
from dashboard.events.coverage import Coverage, coverage_of, unresolved
from dashboard.events.models import Event, EventReceipt
from dashboard.events.receiving import receive
from dashboard.events.services import Names
from dashboard.events.standard.adopting import adopt, adopted
from dashboard.events.standard.catalogue import BY_KEY, STANDARD
from dashboard.extensions import db
from dashboard.message_templates.models import Category, Template, TemplateState
from dashboard.message_templates.queries import state_of
from dashboard.problems import DomainError
from tests.factories.api_keys import new_route
from tests.factories.events import incoming
from tests.factories.message_templates import new_template
from tests.factories.sending import SANDBOXES, new_provider


def template_of(event: Event, channel: str) -> Template:
    row = next(one for one in event.deliveries if one.channel == channel)
    assert row.template_id is not None
    return db.session.get_one(Template, row.template_id)


def count(model: type[Event] | type[Template] | type[EventReceipt]) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_as_drafts_nothing_is_subscribed_yet(app: Flask) -> None:
    (event,) = adopt(keys=["order_shipped"], publish=False)
    assert (event.slug, event.name, event.group, event.enabled) == ("order_shipped", "Order shipped", "Orders", False)
    assert [one.subscribed for one in event.deliveries] == [False] * 3
    assert {state_of(template_of(event, one)) for one in ("email", "sms", "push")} == {TemplateState.DRAFT}
    assert event.idempotency_path == "shipment.tracking_number"
    assert [one["path"] for one in event.variables if one["pii"]] == ["first_name"]


def test_the_whole_set_published_is_complete(app: Flask) -> None:
    events = adopt(keys=BY_KEY, publish=True)
    assert [event.slug for event in events] == [one.key for one in STANDARD]
    for event in events:
        standard = BY_KEY[event.slug]
        assert {one.channel for one in event.deliveries if one.subscribed} == set(standard.channels)
        assert unresolved(event) == []
        verdicts = {(row.path, row.verdict) for one in coverage_of(event) for row in one.rows}
        assert not [path for path, verdict in verdicts if verdict is Coverage.BLOCKING]
        assert template_of(event, "email").category == standard.category
        assert template_of(event, "sms").sample == standard.payload


def test_what_was_adopted_is_left_alone(app: Flask) -> None:
    (first,) = adopt(keys=["order_placed"], publish=True)
    services.rename_event(event_id=first.id, names=Names("Ours now", "order_placed"))
    assert [one.slug for one in adopt(keys=["order_placed", "order_shipped"], publish=False)] == ["order_shipped"]
    assert adopt(keys=["order_placed"], publish=False) == []
    assert (count(Event), count(Template)) == (2, 6)
    assert {slug: event.name for slug, event in adopted().items()} == {
        "order_placed": "Ours now", "order_shipped": "Order shipped",
    }  # fmt: skip


def test_templates_of_others_keep_their_names(app: Flask) -> None:
    own = new_template(name="Order shipped, Email")
    (event,) = adopt(keys=["order_shipped"], publish=False)
    assert template_of(event, "email").name == "Order shipped, email 2"
    assert template_of(event, "email").id != own.id
    services.delete_event(event_id=event.id, typed="order_shipped")
    (again,) = adopt(keys=["order_shipped"], publish=False)
    assert template_of(again, "email").name == "Order shipped, email 3"


def test_all_or_nothing(app: Flask) -> None:
    with pytest.raises(DomainError, match="Tick"):
        adopt(keys=[], publish=False)
    assert adopt(keys=["nonsense"], publish=False) == []
    assert (count(Event), count(Template)) == (0, 0)


def test_an_adopted_event_sends_when_it_is_on(app: Flask) -> None:
    for channel in ("email", "sms", "push"):
        new_route(Category.TRANSACTIONAL, new_provider(SANDBOXES[channel]))
    (event,) = adopt(keys=["order_placed"], publish=True)
    services.switch_event(event_id=event.id, enabled=True)
    told = incoming(BY_KEY["order_placed"].payload)
    received = receive("order_placed", told)
    assert {send.channel: send.state for send in received.receipt.sends} == dict.fromkeys(
        ("email", "sms", "push"), "sent"
    )
    assert receive("order_placed", told).duplicate
    assert count(EventReceipt) == 1
