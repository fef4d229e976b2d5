"""Previews: what is shown, what is said, and the documents of the frame."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard.message_templates import preview_store
from dashboard.message_templates.preview_choice import PreviewChoice
from dashboard.message_templates.preview_data import collect
from dashboard.message_templates.preview_documents import document
from dashboard.message_templates.previews import Preview, completion_list, make_preview
from tests.factories.message_templates import content
from worker.rendering.content import Attachment, HeaderSource

OWNER = 5
pytestmark = pytest.mark.usefixtures("app")


def preview(
    sample: dict[str, Any] | None = None, *, strict: bool = False, category: str = "transactional", **changes: Any
) -> Preview:
    data = collect(PreviewChoice(), {"first_name": "Asha"} if sample is None else sample)
    return make_preview(content=content(**changes), category=category, data=data, owner=OWNER, strict=strict)


def stored(made: Preview) -> dict[str, Any]:
    assert made.token is not None
    found = preview_store.find(made.token, owner=OWNER)
    assert found is not None
    return found


def test_a_good_template() -> None:
    made = preview(text="Hello {{ first_name }}")
    assert made.errors == 0
    assert made.subject == "Hello Asha"
    assert "your city is unknown" in stored(made)["html"]
    assert stored(made)["text"] == "Hello Asha"
    assert json.loads(made.marks) == []


def test_undefined_variables_are_shown_listed_and_underlined() -> None:
    made = preview(html="<p>{{ frist_name }}\n{{ frist_name }}</p>")
    assert 'data-undefined="frist_name"' in stored(made)["html"]
    assert made.undefined == ("frist_name",)
    remark = made.remarks[0]
    assert (remark.kind, remark.line, remark.column, remark.suggestion) == ("blocking", 1, 7, "first_name")
    assert "did you mean first_name" in remark.message
    assert remark.more == 1
    marks = [(mark["line"], mark["column"], mark["end_column"]) for mark in json.loads(made.marks)]
    assert marks == [(1, 7, 17), (2, 4, 14)]
    line = made.variables[0]
    assert (line.name, line.missing) == ("frist_name", True)


def test_strict_is_as_in_sending() -> None:
    made = preview(html="<p>{{ nobody_knows }}</p>", strict=True)
    assert made.token is None
    assert made.errors == 1


def test_values_and_their_layers() -> None:
    made = preview(
        html="{{ first_name }} {{ order.id }} {{ unsubscribe_url }} {{ a|default(1) }}",
        sample={"first_name": "A", "order": {"id": 7}},
    )
    lines = {line.name: line for line in made.variables}
    assert (lines["first_name"].value, lines["first_name"].origin) == ("A", "sample")
    assert (lines["order"].value, lines["order"].origin) == ('{"id": 7}', "sample")
    assert lines["unsubscribe_url"].origin == "system"
    assert lines["a"].guarded
    assert not any(remark.kind == "info" and "a " in remark.message for remark in made.remarks)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ ''.__class__ }}", "__class__"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{{ a * b }}{% endfor %}{% endfor %}", ""),
        ("{% for a in range(100000) %}" + "x" * 2000 + "{% endfor %}", "longer than"),
        ("{% if x %}", "never closed"),
        ("{{ first_name|uper }}", "there is no filter 'uper'"),
        ("{{ 10 ** (10 ** 8) }}", ""),
        ("{{ 'a' * 10 ** 10 }}", ""),
        ("{% include 'secret' %}", "not available"),
    ],
)
def test_hostile_and_broken_templates_end_in_words(source: str, words: str) -> None:
    made = preview(html=source)
    assert made.token is None
    assert made.errors >= 1
    assert any(words in remark.message for remark in made.remarks if remark.kind == "blocking")


def test_a_value_with_a_line_break_cannot_make_a_header() -> None:
    made = preview({"first_name": "x\r\nBcc: everybody@example.com"})
    assert any("line break" in remark.message for remark in made.remarks)
    assert not any(line.startswith("Bcc") for line in stored(made)["headers"])


def test_checks_are_part_of_the_list() -> None:
    made = preview(category="promotional", html='<img src="https://x.example/a.png"><a href="http://localhost/">x</a>')
    words = " ".join(remark.message for remark in made.remarks if remark.kind == "warning")
    assert "unsubscribe" in words
    assert "alt text" in words
    assert "your own network" in words


def test_headers_as_they_will_be_sent() -> None:
    made = preview(
        category="promotional",
        html="<p>Hello</p>{{ unsubscribe_url }}",
        from_name="Bluebird",
        reply_to="help@example.com",
        cc=("boss@example.com",),
        headers=(HeaderSource("X-Run", "{{ first_name }}"),),
        attachments=(Attachment("a.pdf", "application/pdf", b""),),
    )
    head = stored(made)["headers"]
    assert "From: Bluebird <sender@example.com>" in head
    assert "Subject: Hello Asha" in head
    assert "X-Run: Asha" in head
    assert "Cc: boss@example.com" in head
    assert any(line.startswith("List-Unsubscribe: <http://desk.example/u/") for line in head)
    assert any(line.startswith("Content-Type: multipart/mixed") for line in head)


@pytest.mark.parametrize("view", ["desktop", "mobile"])
def test_the_mail_itself_is_served_as_it_is(view: str) -> None:
    assert document(view, {"html": "<p>x</p>", "text": "", "headers": []}) == "<p>x</p>"


@pytest.mark.parametrize("view", ["text", "source", "headers"])
def test_plain_views_escape_what_they_show(view: str) -> None:
    shown = document(
        view, {"html": "<script>1</script>", "text": "<script>1</script>", "headers": ["X: <script>1</script>"]}
    )
    assert "<script>" not in shown
    assert "&lt;script&gt;1" in shown


@pytest.mark.parametrize(
    ("html", "begins"),
    [
        ("<!doctype html><html><head lang='x'><title>t</title>", "<!doctype html><html><head lang='x'><style>"),
        ("<!DOCTYPE html><p>x", "<!DOCTYPE html><style>"),
        ("<p>x", "<style>"),
    ],
)
def test_dark_view_puts_its_style_where_the_mails_own_rules_win(html: str, begins: str) -> None:
    assert document("dark", {"html": html, "text": "", "headers": []}).startswith(begins)


def test_completion_offers_inner_names_too() -> None:
    data = collect(PreviewChoice(), {"order": {"id": 7, "lines": [1]}, "first_name": "A"})
    names = {item["name"]: item for item in completion_list(data)}
    assert names["order.id"] == {"name": "order.id", "source": "sample", "sample": "7"}
    assert {"order", "order.lines", "first_name", "unsubscribe_url"} <= set(names)


def test_a_full_disk_is_told_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any, **_keywords: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preview_store, "keep", full)
    made = preview()
    assert made.token is None
    assert "No space left" in made.remarks[0].message
