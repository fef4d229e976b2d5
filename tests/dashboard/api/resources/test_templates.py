"""Templates of every channel by the API."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.dashboard.api.conftest import Call

CONTENTS: dict[str, dict[str, Any]] = {
    "email": {"subject": "Hi {{ name }}", "text": "Dear {{ name }}"},
    "sms": {"text": "Hi {{ name }}", "registered_template": "1107160000000000001", "registered_text": "Hi {#var#}"},
    "push": {"title": "Hi {{ name }}", "body": "Look", "link": "app://home", "data": [{"key": "order", "value": "7"}]},
}
CHANGED = {
    "email": {"subject": "Dear {{ name }}"},
    "sms": {"text": "Dear {{ name }}"},
    "push": {"title": "Dear", "body": "B"},
}


@pytest.mark.parametrize("channel", CONTENTS)
def test_a_template_is_made_rendered_changed_and_published(call: Call, channel: str) -> None:
    body = {"name": f"A {channel}", "category": "transactional", "content": CONTENTS[channel]}
    made = call("POST", "/templates", body).json or {}
    assert (made["channel"], made["required"]) == (channel, ["name"])
    assert CONTENTS[channel].items() <= made["content"].items()
    where = f"/templates/{made['id']}"
    shown = call("POST", f"{where}/render", {"variables": {"name": "Ada"}, "draft": True}).json or {}
    assert "Hi Ada" in shown["parts"].values()
    assert (call("POST", f"{where}/publish", {}).json or {})["number"] == 1
    saved = call("PUT", where, body | {"content": CHANGED[channel]}).json or {}
    assert CHANGED[channel].items() <= saved["content"].items()
    listed = (call("GET", f"/templates?channel={channel}").json or {})["items"]
    assert [one["id"] for one in listed] == [made["id"]]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({}, "content.subject"),
        ({"text": ""}, "content.text"),
        ({"text": "a", "registered_template": "abc"}, "content.registered_template"),
        ({"title": "a"}, "content.body"),
        ({"title": "a", "body": "b", "data": [{"key": "1", "value": ""}]}, "content.data.0.key"),
        ({"subject": "a", "title": "b"}, "content.body"),
        ("text", "content"),
    ],
)
def test_a_fault_is_named_where_it_stands(call: Call, content: Any, field: str) -> None:
    answer = call("POST", "/templates", {"name": "A", "category": "otp", "content": content})
    assert (answer.status_code, (answer.json or {})["field"]) == (422, field)


def test_a_template_keeps_its_channel(app: Flask, call: Call) -> None:
    body = {"name": "A", "category": "transactional", "content": CONTENTS["sms"]}
    made = call("POST", "/templates", body).json or {}
    answer = call("PUT", f"/templates/{made['id']}", body | {"content": CONTENTS["email"]})
    assert (answer.status_code, (answer.json or {})["code"]) == (422, "wrong_channel")
