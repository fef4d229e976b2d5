from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.problems import DomainError, NotFound
from dashboard.push_tokens.models import DeviceState, Platform, PushToken
from dashboard.push_tokens.queries import page
from dashboard.push_tokens.services import change, register, remove
from dashboard.suppressions.models import Suppression, SuppressionReason, SuppressionScope
from dashboard.suppressions.services import suppress

ANDROID, WEB = Platform.ANDROID, Platform.WEB


def count() -> int:
    return len(db.session.scalars(select(PushToken)).all())


def test_a_known_token_is_brought_up_to_date(app: Flask) -> None:
    first = register(token="abc", platform=ANDROID, app="shop", customer_id="C-1")
    made, seen = first.id, first.last_seen_at
    again = register(token=" abc ", platform=ANDROID, app="shop", customer_id="C-2")
    assert (again.id, again.customer_id, count()) == (made, "C-2", 1)
    assert again.last_seen_at > seen
    assert again.created_at < again.last_seen_at


def test_tokens_that_differ_in_case_are_two(app: Flask) -> None:
    assert register(token="abc", platform=ANDROID).id != register(token="ABC", platform=ANDROID).id


def test_a_long_subscription_is_kept_whole(app: Flask) -> None:
    token = json.dumps({"endpoint": "https://push.example.com/" + "x" * 600})
    row = register(token=token, platform=WEB)
    assert row.token == token
    assert len(row.address) <= 320
    assert [found.id for found in page(token=token).rows] == [row.id]


@pytest.mark.parametrize("token", ["a b", "é", "x" * 5000])
def test_what_is_no_token_is_refused(app: Flask, token: str) -> None:
    with pytest.raises(DomainError):
        register(token=token, platform=ANDROID)
    row = register(token="good", platform=ANDROID)
    with pytest.raises(DomainError):
        change(token_id=row.id, token=token)


def test_a_new_token_takes_the_place_of_the_old_one_and_of_its_other_holder(app: Flask) -> None:
    row, other = register(token="old", platform=ANDROID, customer_id="C-1"), register(token="new", platform=ANDROID)
    assert other.id != row.id
    changed = change(token_id=row.id, token="new")
    assert (changed.token, changed.customer_id, count()) == ("new", "C-1", 1)
    assert change(token_id=row.id, app="shop").token == "new"


@pytest.mark.parametrize("again", [True, False])
def test_an_app_that_registers_knows_that_the_device_lives(app: Flask, again: bool) -> None:
    row = register(token="ABC", platform=ANDROID)
    suppress(channel="push", address="abc", scope=SuppressionScope.ALL, reason=SuppressionReason.BOUNCED)
    suppress(channel="push", address="abc")
    row.state, row.reason = DeviceState.GONE, "unregistered"
    db.session.commit()
    if again:
        row = register(token="ABC", platform=ANDROID)
    else:
        row = change(token_id=register(token="other", platform=ANDROID).id, token="ABC")
    assert (row.state, row.reason, row.gone_at) == ("active", "", None)
    assert [left.reason for left in db.session.scalars(select(Suppression))] == ["manual"]


def test_removed_is_removed(app: Flask) -> None:
    row = register(token="abc", platform=ANDROID, customer_id="C-1")
    remove(token_id=row.id)
    assert count() == 0
    with pytest.raises(NotFound):
        remove(token_id=row.id)
    with pytest.raises(NotFound):
        change(token_id=row.id, app="x")
