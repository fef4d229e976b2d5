"""Blanks alone are not a name: no form takes them for one."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

BLANK = "   "


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/templates/new", {"name": BLANK, "category": "transactional", "starter": "short_message"}),
        ("/campaigns/new", {"name": BLANK, "category": "promotional"}),
        ("/audiences/new?source=paste", {"name": BLANK, "source": "paste", "pasted": "email\nada@example.com"}),
        ("/providers/new/sandbox", {"name": BLANK, "sender_address": "news@example.com", "sender_default": "0"}),
        ("/variables/new", {"name": BLANK, "value": "Spring"}),
        ("/users", {"username": BLANK, "role": "viewer"}),
        ("/suppressions/", {"addresses": BLANK, "scope": "promotional"}),
    ],
)
def test_blanks_are_no_name(client: FlaskClient, path: str, values: dict[str, Any]) -> None:
    answer = client.post(path, data=values)

    assert answer.status_code == 422
    assert "error-summary" in answer.text
