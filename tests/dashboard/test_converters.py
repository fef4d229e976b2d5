"""Numbers in addresses: what no row can have is not found, on either database."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.extensions import db
from tests.factories.campaigns import new_desk
from tests.factories.events import new_event

BEYOND = ("2147483648", "9" * 30)


@pytest.mark.parametrize("number", BEYOND)
def test_a_number_beyond_every_column_is_not_found(app: Flask, client: FlaskClient, number: str) -> None:
    desk, event = new_desk(1), new_event("email")
    db.session.rollback()
    for path in (
        f"/events/{event.public_id}/history/{number}/restore",
        f"/events/{event.public_id}/history/1..{number}",
        f"/templates/{desk.template.public_id}/versions/{number}/restore",
        f"/templates/{desk.template.public_id}/versions/1..{number}",
        f"/audiences/{desk.audience.public_id}/records/{number}",
    ):
        assert client.get(path).status_code == 404, path


def test_the_largest_number_is_looked_for(app: Flask) -> None:
    found = app.url_map.bind("localhost").match("/audiences/adn_0000000000000/records/2147483647")
    assert found[1]["record_no"] == 2_147_483_647
