"""What is stored of a template comes back as it was."""

from __future__ import annotations

import json

import pytest

from worker.rendering.content import Attachment, EmailContent, HeaderSource, header_part

FULL = EmailContent(
    subject="s {{ a }}",
    html="<p>ä</p>",
    text="t",
    from_name="n",
    reply_to="r@x.example",
    cc=("c@x.example",),
    bcc=("b@x.example",),
    cc_variable="manager",
    bcc_variable="archive",
    headers=(HeaderSource("X-A", "{{ b }}"),),
    attachments=(Attachment("a.txt", "text/plain", b"1"),),
    inline_css=True,
)


def test_round_trip_through_json() -> None:
    stored = json.loads(json.dumps(FULL.to_dict()))
    assert EmailContent.from_dict(stored, attachments=FULL.attachments) == FULL


def test_missing_and_null_keys_are_empty_and_unknown_ones_are_left_alone() -> None:
    content = EmailContent.from_dict({"subject": "s", "text": None, "cc": None, "mood": "fine"})
    assert content == EmailContent(subject="s", html="")


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"subject": 3}, "subject"),
        ({"cc": "a@x.example"}, "cc"),
        ({"bcc": [1]}, "bcc"),
        ({"headers": ["X: y"]}, "headers"),
        ({"headers": [{"name": "X", "value": 1}]}, "value"),
    ],
)
def test_a_wrong_shape_names_its_key(data: dict[str, object], key: str) -> None:
    with pytest.raises(TypeError, match=key):
        EmailContent.from_dict(data)


def test_sources_in_the_order_of_the_editor() -> None:
    assert [part for part, _ in FULL.sources()] == ["subject", "from_name", "reply_to", "header:X-A", "html", "text"]
    assert [part for part, _ in EmailContent(subject="", html="").sources()][-1] == "html"
    assert list(FULL.address_variables()) == [("cc", "manager"), ("bcc", "archive")]
    assert header_part("X-A") == "header:X-A"
