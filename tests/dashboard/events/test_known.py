"""Events that are kept: each look says whether what is known still holds, whichever process changed it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from dashboard.events import services
from dashboard.events.conditions import Conditions, Group, Row
from dashboard.events.known import known_event
from dashboard.events.models import Event
from dashboard.events.receiving import receive
from dashboard.events.services import Delivery, Rules
from dashboard.extensions import db, transaction
from dashboard.problems import NotFound
from tests.factories.events import incoming, new_event


def elsewhere(statement: str, **values: object) -> None:
    """Change something as another process would: on a connection of its own, behind all that is kept here."""
    db.session.rollback()
    engine = create_engine(db.engine.url)
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()


def decided(event: Event) -> tuple[str, str]:
    row = receive(event.slug, incoming()).receipt
    return row.state, row.reason


def test_the_same_is_not_made_twice(app: Flask) -> None:
    slug = new_event("email").slug
    assert known_event(slug) is known_event(slug)


def test_an_event_is_found_by_its_id_too(app: Flask) -> None:
    event = new_event("email")
    assert known_event(event.public_id).event.slug == event.slug
    for name in ("no-such-event", "evt_0000000000000"):
        with pytest.raises(NotFound):
            known_event(name)


def test_an_event_that_another_process_switched_off_sends_nothing(app: Flask) -> None:
    event = new_event("email")
    assert decided(event)[0] == "sent"
    elsewhere("UPDATE events SET enabled = :off WHERE id = :id", off=False, id=event.id)
    assert decided(event) == ("filtered", "The event is switched off.")


def test_a_channel_that_another_process_unsubscribed_is_not_used(app: Flask) -> None:
    event = new_event("email")
    assert decided(event)[0] == "sent"
    elsewhere("UPDATE event_deliveries SET subscribed = :off WHERE event_id = :id", off=False, id=event.id)
    assert decided(event) == ("filtered", "No channel is subscribed.")


@pytest.mark.parametrize(
    "change",
    [
        lambda event: services.save_conditions(
            event_id=event.id, conditions=Conditions((Group((Row("country", "is", "DE"),)),))
        ),
        lambda event: services.save_rules(event_id=event.id, rules=Rules(cap_count=1, cap_seconds=60)),
        lambda event: services.save_deliveries(event_id=event.id, deliveries={"email": Delivery(subscribed=False)}),
        lambda event: services.switch_event(event_id=event.id, enabled=False),
    ],
)
def test_every_change_counts_at_once(app: Flask, change: Callable[[Event], object]) -> None:
    event = new_event("email")
    assert decided(event)[0] == "sent"
    with transaction():
        change(event)
    assert decided(event)[0] == "filtered"


def test_a_deleted_event_is_unknown(app: Flask) -> None:
    event = new_event("email", on=False)
    assert known_event(event.slug)
    slug = event.slug
    services.delete_event(event_id=event.id, typed=slug)
    with pytest.raises(NotFound):
        known_event(slug)
