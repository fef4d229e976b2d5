"""What an editor advises before an email goes out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.rendering.strategies import rendered
from worker.rendering import limits
from worker.rendering.checks import CLIPPING_BYTES, check_email
from worker.rendering.content import EmailContent
from worker.rendering.diagnostics import Diagnostic

GOOD = EmailContent(
    subject="Hello {{ name }}",
    html='<p>Hi</p><img src="https://x.example/a.png" alt="Tree"><a href="{{ unsubscribe_url }}">stop</a>',
    text="Hi {{ unsubscribe_url }}",
)


def codes(category: str = "promotional", **parts: Any) -> list[str]:
    content = {"subject": GOOD.subject, "html": GOOD.html, "text": GOOD.text, **parts}
    return [remark.code for remark in check_email(EmailContent(**content), category=category)]


def of_html(html: str) -> list[Diagnostic]:
    return check_email(EmailContent(subject="s", html=html, text="t"))


def test_a_good_email_has_no_remark() -> None:
    assert check_email(GOOD, category="promotional") == []


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"subject": " "}, ["missing_subject"]),
        ({"subject": "x" * 71}, ["long_subject"]),
        ({"subject": "x" * 70}, []),
        ({"subject": "{{ name }}" * 20}, []),
        ({"text": ""}, ["missing_text"]),
        ({"html": ""}, ["missing_html"]),
        ({"html": " ", "text": ""}, ["missing_body", "missing_unsubscribe"]),
        ({"html": "<p>x</p>", "text": "y"}, ["missing_unsubscribe"]),
        ({"html": "<p>x</p>"}, ["missing_unsubscribe"]),
        ({"text": "y"}, ["missing_unsubscribe"]),
        ({"html": GOOD.html + "x" * CLIPPING_BYTES}, ["clipped"]),
    ],
)
def test_parts(parts: dict[str, str], expected: list[str]) -> None:
    assert codes(**parts) == expected


def test_only_promotional_mail_needs_a_link_to_unsubscribe() -> None:
    assert codes("transactional", html="<p>x</p>", text="y") == []
    (remark,) = check_email(EmailContent(subject="s", html="<p>x</p>", text="y"), category="promotional")
    assert (remark.severity, remark.part) == ("warning", "html")
    (remark,) = check_email(EmailContent(subject="s", html="<p>x</p>", text=GOOD.text), category="promotional")
    assert (remark.severity, remark.part) == ("info", "html")


def test_lengths_are_of_the_rendered_email_where_there_is_one() -> None:
    found = check_email(GOOD, rendered(subject="x" * 80, html="ä" * 60_000, text="t"))
    assert [remark.code for remark in found] == ["long_subject", "clipped"]
    assert "80 characters" in found[0].message
    assert "117 KB" in found[1].message


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ('<img src="https://x.example/a.png">', "image_without_alt"),
        ('<img src="https://x.example/a.png"/>', "image_without_alt"),
        ('<a href="http://x.example">x</a>', "insecure_link"),
        ('<a HREF="HTTP://x.example">x</a>', "insecure_link"),
        ('<a href="https://localhost:8000/x">x</a>', "local_link"),
        ('<a href="http://127.0.0.1/x">x</a>', "local_link"),
        ('<a href="https://10.0.0.5/">x</a>', "local_link"),
        ('<a href="https://172.20.1.1/">x</a>', "local_link"),
        ('<a href="https://[::1]:8/">x</a>', "local_link"),
        ('<a href="https://desk.internal/">x</a>', "local_link"),
        ('<a href="https://desk/">x</a>', "local_link"),
        ('<a href="/offers">x</a>', "relative_link"),
        ('<a href="offers.html">x</a>', "relative_link"),
        ('<img alt="" src="images/a.png">', "relative_link"),
        ('<a href="">x</a>', "empty_link"),
        ('<a href="#">x</a>', "empty_link"),
        ('<a href=" ">x</a>', "empty_link"),
    ],
)
def test_links_and_images(html: str, code: str) -> None:
    (remark,) = of_html("<p>{{ a }}\n é" + html)
    tag = html[1:].split()[0].lower()
    assert (remark.code, remark.severity, remark.line, remark.column) == (code, "warning", 2, 3)
    assert remark.end_column == 3 + 1 + len(tag)


@pytest.mark.parametrize(
    "html",
    [
        '<a href="{{ url }}">x</a>',
        '<a href="{{ base }}/path?a={{ b }}">x</a>',
        '<a href="https://{{ host }}/x">x</a>',
        '<a href="https://x.example/{% if a %}b{% endif %}">x</a>',
        '<a href="mailto:a@x.example">x</a><a href="tel:+49">x</a><a href="#part">x</a><a name="part">x</a>',
        '<img src="cid:logo" alt=""><img src="data:image/png;base64,AA" alt="x">',
        '<img src="{{ logo }}" alt="{{ name }}">',
        '{# <img> #}<!-- <img> --><a href="https://8.8.8.8/">x</a>',
        '{{ "<img>" }}',
        '<a href="https://[bad">x</a>',
    ],
)
def test_nothing_to_say(html: str) -> None:
    assert of_html(html) == []


def test_tangled_html_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CPU_SECONDS", 0.05)
    found = of_html("<p>" * 3_000_000)
    assert [remark.code for remark in found] == ["clipped", "unreadable"]


@given(
    st.lists(st.sampled_from(["{{", "}}", "{%", "%}", "{#", "#}", "<a href=", '"', ">", "<img ", "<!--", "x", "\n"]))
)
def test_anything_typed_is_survived(pieces: list[str]) -> None:
    for remark in of_html("".join(pieces)):
        assert remark.line >= 1
        assert remark.column >= 1
