"""Bodies sent as passages encoded ahead are, to the byte, the bodies encoded as a whole."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.rendering import strategies
from worker.providers.smtp_wire.envelope import dot_stuff
from worker.rendering.compiler import compile_email
from worker.rendering.content import EmailContent, HeaderSource
from worker.rendering.mime import MimeBuilder
from worker.rendering.passages import NO_RUNS, BodyRuns, Passage

BUILDER = MimeBuilder(attachments=(), from_address="desk@carillon.example", default_from_name="Carillon")
FIXED = {"to": "anna@x.example", "message_id": "<1.a@carillon.example>", "date": datetime(2026, 11, 24, tzinfo=UTC)}

#: Long enough to be a passage, with everything that encoding treats specially.
_static = st.lists(strategies.body_line, min_size=1, max_size=6).map(lambda lines: "\n".join(lines * 8))
_source = st.lists(
    st.one_of(
        _static.map(lambda text: "{% raw %}" + text.replace("{%", "") + "{% endraw %}"),
        st.sampled_from(["{{ a }}", "{{ b }}", "\n", ".", "{% for x in c %}{{ x }}\n{% endfor %}", "{{ '\\r' }}"]),
    ),
    max_size=6,
).map("".join)
_value = st.one_of(strategies.body, st.text(max_size=30), st.sampled_from(["\r", "\n", ".", "\x00", "\ud800"]))


@given(html=_source, text=_source, a=_value, b=_value, c=st.lists(_value, max_size=3), eight_bit=st.booleans())
def test_passages_change_no_byte(html: str, text: str, a: str, b: str, c: list[str], eight_bit: bool) -> None:
    compiled = compile_email(EmailContent(subject="s", html=html, text=text))
    email, runs = compiled.render_in_runs({"a": a, "b": b, "c": c})

    whole = BUILDER.build(email, **FIXED, eight_bit=eight_bit)  # type: ignore[arg-type]

    assert BUILDER.build(email, **FIXED, eight_bit=eight_bit, runs=runs) == whole  # type: ignore[arg-type]
    for known in (runs, NO_RUNS):
        built = BUILDER.build_for_data(email, **FIXED, eight_bit=eight_bit, runs=known)  # type: ignore[arg-type]
        assert built == dot_stuff(whole)


@pytest.mark.parametrize("line", ["A line of a letter", "Zeile für Müller"])
def test_most_of_a_letter_is_encoded_ahead(line: str) -> None:
    html = "<p>{{ name }}</p>\n" + f"<p>{line}</p>\n" * 100 + "<p>{{ name }}</p>\n"
    email, runs = compile_email(EmailContent(subject="s", html=html, text="x")).render_in_runs({"name": "Ünal"})

    assert runs.html is not None
    passages = [run for run in runs.html if isinstance(run, Passage)]
    assert sum(len(passage.plain) for passage in passages) > 0.9 * len(html)
    for eight_bit in (False, True):
        raw = BUILDER.build(email, **FIXED, runs=runs, eight_bit=eight_bit)  # type: ignore[arg-type]
        message = BytesParser(policy=default).parsebytes(raw)
        assert isinstance(message, EmailMessage)
        body = message.get_body(("html",))
        assert body is not None
        assert str(body.get_content()).replace("\r\n", "\n") == email.html


def test_styles_moved_inline_leave_no_passages() -> None:
    html = "<style>p { color: red }</style>\n" + "<p>Hello</p>\n" * 100
    _, runs = compile_email(EmailContent(subject="s", html=html, inline_css=True)).render_in_runs({})

    assert runs == BodyRuns(None, None)


def test_a_header_that_begins_with_a_dot_is_doubled() -> None:
    content = EmailContent(subject="s", html="", text="x", headers=(HeaderSource(".note", "1"),))
    email, runs = compile_email(content).render_in_runs({})

    built = BUILDER.build_for_data(email, **FIXED, runs=runs)  # type: ignore[arg-type]

    assert b"\r\n..note: 1\r\n" in built
    assert built == dot_stuff(BUILDER.build(email, **FIXED))  # type: ignore[arg-type]
