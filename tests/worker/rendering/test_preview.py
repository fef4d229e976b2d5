"""Previews of templates nobody has checked, through the real process."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

import pytest

from worker.rendering import preview as preview_module
from worker.rendering.compiler import compile_email
from worker.rendering.content import Attachment, EmailContent, HeaderSource
from worker.rendering.preview import PreviewResult, render_preview


def preview(html: str, values: dict[str, Any] | None = None, *, lenient: bool = True, **parts: Any) -> PreviewResult:
    content = EmailContent(**{"subject": "s", "html": html, **parts})
    return render_preview(content, values or {}, lenient=lenient)


def html_of(result: PreviewResult) -> str:
    assert result.rendered is not None
    return result.rendered.html


def codes(result: PreviewResult) -> list[tuple[str, str]]:
    return [(remark.part, remark.code) for remark in result.diagnostics]


def test_with_all_values_it_shows_what_is_sent() -> None:
    content = EmailContent(
        subject="Hi {{ name }}",
        html="<p>{{ name }}</p>{% for i in items %}<li>{{ i.title }}</li>{% endfor %}",
        from_name="{{ team }}",
        headers=(HeaderSource("X-A", "{{ name }}"),),
        cc_variable="boss",
        attachments=(Attachment("a.bin", "application/x", b"\x00"),),
    )
    values = {"name": "Änna", "items": [{"title": "Tea"}], "team": "T", "boss": ["b@x.example"]}
    sent = compile_email(content).render(values)
    for lenient in (True, False):
        assert render_preview(content, values, lenient=lenient) == PreviewResult(sent, [], ())


def test_missing_values_are_marked() -> None:
    result = preview(
        "<p>{{ nmae }}</p><a href=\"{{ url }}\" title='{{ t }}'>x</a><title>{{ head }}</title>",
        {"name": "Anna"},
        subject="Hi {{ nmae }}",
        text="Dear {{ nmae }}",
    )
    assert result.rendered is not None
    assert '<mark data-undefined="nmae" style="' in result.rendered.html
    assert ">nmae</mark></p>" in result.rendered.html
    assert "<a href=\"«url»\" title='«t»'>" in result.rendered.html
    assert "<title>«head»</title>" in result.rendered.html
    assert (result.rendered.subject, result.rendered.text) == ("Hi «nmae»", "Dear «nmae»")
    assert result.undefined == ("nmae", "url", "t", "head")
    assert result.diagnostics[0].suggestion == "name"


@pytest.mark.parametrize(
    ("source", "shown", "undefined"),
    [
        ("{{ a|upper }}", "«A»", ("a",)),
        ("{{ a|default('x') }}", "x", ()),
        ("{% if a is defined %}1{% else %}2{% endif %}", "2", ()),
        ("{% if a %}1{% else %}2{% endif %}", "2", ("a",)),
        ("{% if a > 3 or a == 1 %}1{% else %}2{% endif %}", "2", ("a",)),
        ("{% if 1 in a %}1{% else %}2{% endif %}", "2", ("a",)),
        ("{{ a + 1 }}{{ 2 * a }}{{ -a }}", ">a</mark>", ("a",)),
        ("{{ a|round(2) }}{{ a()[0].b }}", ">a.b</mark>", ("a",)),
        ("{{ '%.2f'|format(a) }}{{ a|int }}{{ a|float }}{{ a|length }}", "0.0000.01", ("a",)),
        ("{{ '{}'.format(a) }}{{ 'x' ~ a }}", "«a»", ("a",)),
        ("{% for i in a %}<b>{{ i.t }}</b>{% endfor %}", ">a[].t</mark></b>", ("a",)),
        ("{{ a|join(', ') }}", ">a[]</mark>", ("a",)),
        ("{{ a != a }}{{ a is none }}", "TrueFalse", ("a",)),
        ("{{ o.x }}", ">x</mark>", ("o.x",)),
        ("{{ {a: 1}|length }}", "1", ("a",)),
    ],
)
def test_what_a_missing_value_does(source: str, shown: str, undefined: tuple[str, ...]) -> None:
    result = preview(source, {"o": {"id": 1}}, text="t")
    assert shown in html_of(result)
    assert result.undefined == undefined


def test_strict_shows_nothing_when_a_customer_would_get_nothing() -> None:
    result = preview("<p>{{ nmae }}</p>", {"name": "A"}, lenient=False)
    assert result.rendered is None
    assert codes(result) == [("html", "undefined_variable")]
    assert result.undefined == ("nmae",)


def test_a_bad_header_does_not_hide_the_body() -> None:
    result = preview(
        "<p>body</p>",
        {"evil": "a\nb"},
        subject="{{ evil }}",
        from_name="{{ x",
        reply_to="{{ nobody }}",
        cc=("no address",),
        bcc_variable="evil",
        headers=(HeaderSource("From", "x"), HeaderSource("X-A", "{{ 1 / 0 }}"), HeaderSource("X-B", "b")),
    )
    assert result.rendered is not None
    assert (result.rendered.html, result.rendered.subject) == ("<p>body</p>", "")
    assert result.rendered.headers == (("X-B", "b"),)
    assert codes(result) == [
        ("from_name", "syntax_error"),
        ("reply_to", "undefined_variable"),
        ("header:From", "bad_header"),
        ("cc", "bad_address"),
        ("subject", "header_injection"),
        ("bcc", "bad_address"),
        ("header:X-A", "render_failed"),
    ]


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("{% if x %}", "syntax_error"),
        ("{{ 1|nope }}", "unknown_filter"),
        ("{{ ''.__class__ }}", "render_failed"),
        ("{{ ''.__class__.__mro__ }}", "render_failed"),
        ("{{ 'a' * 10 ** 10 }}", "output_too_large"),
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "too_slow"),
        ("{% for i in range(9) %}" * 25 + "{% endfor %}" * 25, "syntax_error"),
        ("{{ 1 / 0 }}", "render_failed"),
    ],
)
def test_broken_and_hostile_templates_are_told(source: str, code: str, lenient: bool) -> None:
    result = preview(source, {"x": 1}, lenient=lenient)
    assert result.rendered is None
    assert codes(result) == [("html", code)]


def test_markup_of_values_and_names_is_escaped() -> None:
    result = preview("{{ v }}{{ o['<b>'] }}", {"v": "<script>", "o": {}})
    assert html_of(result).startswith('&lt;script&gt;<mark data-undefined="&lt;b&gt;"')


def test_values_that_are_no_json_are_shown_as_text() -> None:
    assert (
        html_of(
            preview(
                "{{ v }}",
                {
                    "v": {
                        1,
                    }
                },
            )
        )
        == "{1}"
    )


def test_the_process_has_nothing_to_steal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "very secret")
    process = preview_module._Process()
    with open(f"/proc/{process._process.pid}/environ", "rb") as environment:
        assert b"very secret" not in environment.read()
    process.end()
    assert not process.alive


def test_previews_at_the_same_time() -> None:
    results: dict[int, str] = {}

    def run(number: int) -> None:
        results[number] = html_of(preview("{{ n }}", {"n": number}))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: str(number) for number in range(12)}
    assert len(preview_module._pool._idle) <= 4


def test_a_killed_process_is_replaced() -> None:
    assert html_of(preview("a")) == "a"
    for process in preview_module._pool._idle:
        os.kill(process._process.pid, signal.SIGKILL)
    assert html_of(preview("b")) == "b"


def test_a_process_that_dies_while_it_works_is_replaced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(preview_module._Process):
        def ask(self, request: bytes) -> bytes | None:
            os.kill(self._process.pid, signal.SIGKILL)
            return super().ask(request)

    monkeypatch.setattr(preview_module, "_pool", preview_module._Pool())
    monkeypatch.setattr(preview_module, "_Process", Dying)
    result = preview("a")
    assert result.rendered is None
    assert codes(result) == [("html", "preview_unavailable")]


def test_a_forked_worker_starts_its_own_processes() -> None:
    assert html_of(preview("a")) == "a"
    before = {process._process.pid for process in preview_module._pool._idle}
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer = html_of(preview("{{ n }}", {"n": 5}))
        own = {process._process.pid for process in preview_module._pool._idle}
        os.write(writing, f"{answer} {own.isdisjoint(before)}".encode())
        preview_module._pool.end()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "5 True"
    os.waitpid(child, 0)
    assert html_of(preview("b")) == "b"


def test_the_process_ends_with_its_caller() -> None:
    process = preview_module._Process()
    assert process._process.stdin is not None
    process._process.stdin.close()
    assert process._process.wait() == 0
    process.forget()


def test_a_caller_that_goes_away_leaves_no_noise() -> None:
    process = preview_module._Process()
    assert process._process.stdin is not None
    assert process._process.stdout is not None
    process._process.stdout.close()
    request = {"content": {"subject": "s", "html": "h"}, "values": {}, "lenient": True}
    preview_module.write_frame(process._process.stdin, json.dumps(request).encode())  # type: ignore[arg-type]
    assert process._process.wait() == 0
    process.forget()


def test_it_runs_with_the_python_that_asks() -> None:
    process = preview_module._Process()
    assert process._process.args[0] == sys.executable
    process.end()
