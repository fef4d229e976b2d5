"""The page of the standard set."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.accounts.models import Role
from dashboard.events.models import Event
from dashboard.events.standard.adopting import adopt
from dashboard.events.standard.catalogue import STANDARD
from dashboard.extensions import db

WHERE = "/events/standard"


def slugs() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Event.slug).order_by(Event.slug)))


def test_the_page_offers_all_and_shows_their_texts(client: FlaskClient) -> None:
    page = client.get(WHERE).text
    assert re.findall(r'name="event" value="(\w+)"', page) == [one.key for one in STANDARD]
    assert "We have your order A-20418" in page
    assert "482913 is your code to sign in." in page
    assert 'href="/events/standard"' in client.get("/events").text
    assert 'href="/events/standard"' in client.get("/events/new").text


def test_several_are_taken_at_once(client: FlaskClient) -> None:
    answer = client.post(WHERE, data={"event": ["order_placed", "login_otp"], "texts": "publish"})
    assert (answer.status_code, answer.location) == (303, "/events")
    assert "2 events are there, switched off." in client.get("/events").text
    assert slugs() == ["login_otp", "order_placed"]


def test_one_leads_to_its_page_and_is_shown_as_ones_own(client: FlaskClient) -> None:
    answer = client.post(WHERE, data={"event": "order_placed", "texts": "draft"})
    event = db.session.scalars(select(Event)).one()
    assert answer.location == f"/events/{event.public_id}"
    page = client.get(WHERE).text
    assert 'value="order_placed"' not in page
    assert f'href="/events/{event.public_id}">Order placed</a>' in page
    again = client.post(WHERE, data={"event": "order_placed", "texts": "publish"})
    assert again.location == "/events"
    assert "They were there already." in client.get("/events").text
    assert slugs() == ["order_placed"]


def test_nothing_ticked_and_nonsense_are_refused_in_place(client: FlaskClient) -> None:
    for data in ({"texts": "draft"}, {"event": "nonsense", "texts": "draft"}):
        answer = client.post(WHERE, data=data, headers={"HX-Request": "true"})
        assert answer.status_code == 422
        assert "Tick the events that you want." in answer.text
        assert answer.text.lstrip().startswith("<form")
    kept = client.post(WHERE, data={"event": "order_placed", "texts": "loud"})
    assert (kept.status_code, slugs()) == (422, [])
    assert re.search(r'value="order_placed" data-select checked', kept.text)


def test_it_takes_an_editor(sign_in: Callable[..., FlaskClient]) -> None:
    adopt(keys=["order_placed"], publish=False)
    viewer = sign_in(Role.VIEWER)
    assert viewer.get(WHERE).status_code == 403
    assert viewer.post(WHERE, data={"event": "order_shipped", "texts": "draft"}).status_code == 403
    assert 'href="/events/standard"' not in viewer.get("/events").text
