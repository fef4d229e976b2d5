"""Every form of the channels answers wild input with words, never with a server error."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from tests.factories.providers import new_relay

WILD = {
    "empty": "",
    "blank": "   ",
    "long": "x" * 70_000,
    "html": "<script>alert(1)</script><b>",
    "lines": "a\r\nBcc: b@example.com",
    "nul": "a\x00b",
    "huge": "9" * 400,
    "exponent": "1e999",
    "nan": "nan",
    "surrogate": "\U0001f600" * 400,
    "jinja": "{{ ''.__class__ }}{% for",
}
PAGES = [
    "/providers/new/smtp",
    "/providers/new/smpp",
    "/providers/new/firebase",
    "/providers/new/http_gateway",
    "/templates/new?channel=sms",
    "/templates/new?channel=push",
    "/otp/new",
    "/suppressions/new",
    "/campaigns/new",
    "/events/new",
]


def fields_of(page: str) -> list[str]:
    main = page[page.index("<main") :]
    names = re.findall(r'<(?:input|select|textarea|button)\b[^>]*\bname="([^"]+)"', main)
    return [name for name in dict.fromkeys(names) if name != "csrf_token"]


def refused_badly(client: FlaskClient, url: str, names: list[str]) -> dict[str, int]:
    """The kinds of input that are not answered in words, with the status of their answers."""
    answers = {kind: client.post(url, data=dict.fromkeys(names, wild)).status_code for kind, wild in WILD.items()}
    return {kind: status for kind, status in answers.items() if status not in (200, 303, 400, 404, 409, 413, 422)}


@pytest.mark.parametrize("path", PAGES)
def test_wild_input_is_answered_in_words(client: FlaskClient, path: str) -> None:
    page = client.get(path).text
    action = re.search(r'<form[^>]*method="post"[^>]*action="([^"]+)"', page[page.index("<main") :])
    assert action is not None
    assert refused_badly(client, action[1].replace("&amp;", "&"), fields_of(page)) == {}


@pytest.mark.parametrize(("shown", "posted"), [("/configuration",) * 2, ("", "/rate"), ("/test-message",) * 2])
def test_wild_changes_of_a_provider_are_answered_in_words(client: FlaskClient, shown: str, posted: str) -> None:
    where = f"/providers/{new_relay().public_id}"
    assert refused_badly(client, where + posted, fields_of(client.get(where + shown).text)) == {}
