from __future__ import annotations

from flask.testing import FlaskClient

HTMX = {"HX-Request": "true"}


def test_a_new_desk_shows_the_first_steps_and_nothing_wrong(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "First steps" in page
    assert "Nothing needs a person right now." in page
    assert "No campaign is scheduled for the next 24 hours." in page
