"""A whole template, compiled and rendered."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.rendering import limits
from worker.rendering.compiler import RenderError, TemplateSyntaxProblem, compile_email
from worker.rendering.content import EmailContent, HeaderSource, RenderedEmail


def content(**parts: Any) -> EmailContent:
    return EmailContent(**{"subject": "s", "html": "<p>h</p>", **parts})


def failure(values: dict[str, Any], **parts: Any) -> RenderError:
    with pytest.raises(RenderError) as caught:
        compile_email(content(**parts)).render(values)
    return caught.value


def test_a_whole_email() -> None:
    compiled = compile_email(
        content(
            subject="Order {{ order.id }}\n  for {{ name }}  ",
            html="<p>{{ name }}</p>",
            text="Hello {{ name }}",
            from_name="Team {{ team }}",
            reply_to="{{ team }} <help@x.example>",
            cc=("Boss <boss@x.example>",),
            bcc=("log@x.example",),
            cc_variable="order.manager",
            bcc_variable="archive",
            headers=(HeaderSource("X-Order", "{{ order.id }}"),),
        )
    )
    values = {"name": "Anna <3", "team": "Süd", "order": {"id": 7, "manager": "m@x.example, boss@x.example"}}
    assert compiled.render(values) == RenderedEmail(
        subject="Order 7 for Anna <3",
        html="<p>Anna &lt;3</p>",
        text="Hello Anna <3",
        from_name="Team Süd",
        reply_to="Süd <help@x.example>",
        cc=("boss@x.example", "m@x.example"),
        bcc=("log@x.example",),
        headers=(("X-Order", "7"),),
    )
    assert compiled.variables == {"name", "team", "order", "archive"}
    assert compiled.required == {"name", "team", "order"}


@pytest.mark.parametrize("copies", [None, "", [], " ", [""]])
def test_a_record_without_copies_has_none(copies: object) -> None:
    compiled = compile_email(content(cc_variable="manager", bcc_variable="a.b"))
    email = compiled.render({"manager": copies, "a": copies})
    assert (email.cc, email.bcc) == ((), ())
    assert compile_email(content(cc_variable="manager")).render({}).cc == ()


@pytest.mark.parametrize(
    ("source", "values", "variable", "line", "column"),
    [
        ("{{ name }}", {}, "name", 1, 4),
        ("a\n b {{ name|upper }}", {}, "name", 2, 7),
        ("{{ order.id }}", {}, "order.id", 1, 4),
        ("{{ order.id }}", {"order": {}}, "order.id", 1, 4),
        ("{{ order.lines[0].title }}", {"order": {"lines": [{}]}}, "title", 1, None),
        ("{% if vip %}x{% endif %}", {}, "vip", 1, 7),
        ("{{ a|d(1) }}\n{{ a }}", {}, "a", 2, 4),
        ("{% for x in xs %}{% endfor %}", {}, "xs", 1, 13),
        ("{{ f() }}{{ f(1) }}", {}, "f", 1, 4),
        ("{{ a + 1 }}", {}, "a", 1, 4),
        ("{{ a == 1 }}", {}, "a", 1, 4),
        ("{{ a['b'].c }}", {"a": {"b": {}}}, "a.b.c", 1, 4),
        ("{{ xs[5] }}", {"xs": []}, "5", 1, None),
    ],
)
def test_an_undefined_variable_is_told_with_its_place(
    source: str, values: dict[str, Any], variable: str, line: int, column: int | None
) -> None:
    error = failure(values, html=source)
    assert (error.code, error.part, error.line, error.column) == ("undefined_variable", "html", line, column)
    assert error.variable == variable
    assert variable in error.message


@pytest.mark.parametrize(
    ("source", "values", "message"),
    [
        ("\n\n{{ 1 / n }}", {"n": 0}, "division"),
        ("\n\n{{ n + 'a' }}", {"n": 1}, "unsupported operand"),
        ("\n\n{{ n() }}", {"n": 1}, "not callable"),
        ("\n\n{% for x in n %}{% endfor %}", {"n": 1}, "not iterable"),
        ("\n\n{{ [n]|sum(start=[]) }}", {"n": 1}, "numbers only"),
        ("\n\n{{ n|round(1, 'odd') }}", {"n": 1}, "method must be"),
    ],
)
def test_a_failing_expression_is_told_with_its_line(source: str, values: dict[str, Any], message: str) -> None:
    error = failure(values, html=source)
    assert (error.code, error.part, error.line) == ("render_failed", "html", 3)
    assert message in error.message


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@x.example", "a\nb", "\na", "a\n", "a\rb", "a\x00", "\x1b[2J", "a\x0bb"])
@pytest.mark.parametrize("part", ["subject", "from_name", "reply_to", "header:X-A"])
def test_no_value_opens_a_second_header(part: str, bad: str) -> None:
    parts: dict[str, Any] = {part: "{{ v }}"} if ":" not in part else {"headers": (HeaderSource("X-A", "{{ v }}"),)}
    error = failure({"v": bad}, **parts)
    assert (error.code, error.part) == ("header_injection", part)


def test_line_breaks_of_the_source_are_spaces_in_a_header() -> None:
    subject = "{% if vip %}\n  Dear\r\n  {{ name }}\n{% else %}\n  Hi\n{% endif %}\n"
    compiled = compile_email(content(subject=subject))
    assert compiled.render({"vip": True, "name": "Anna"}).subject == "Dear Anna"
    assert compiled.render({"vip": False}).subject == "Hi"


def test_odd_characters_in_values() -> None:
    email = compile_email(content(subject="{{ v }}", html="{{ v }}|{{ w }}", text="{{ w }}")).render(
        {"v": "a\tb\u2028c\ud83d", "w": "x\x00y\r\nz\rq\udc80"}
    )
    assert email.subject == "a b c?"
    assert email.html == "a\tb\u2028c?|xy\nz\nq?"
    assert email.text == "xy\nz\nq?"


@pytest.mark.parametrize(
    ("parts", "values", "part", "variable"),
    [
        ({"cc_variable": "m"}, {"m": "nobody"}, "cc", "m"),
        ({"cc_variable": "m"}, {"m": "a@x.example\r\nBcc: b@x.example"}, "cc", "m"),
        ({"bcc_variable": "m"}, {"m": 7}, "bcc", "m"),
        ({"reply_to": "{{ m }}"}, {"m": "nobody"}, "reply_to", None),
    ],
)
def test_bad_addresses_of_a_record(
    parts: dict[str, Any], values: dict[str, Any], part: str, variable: str | None
) -> None:
    error = failure(values, **parts)
    assert (error.code, error.part, error.variable) == ("bad_address", part, variable)


@pytest.mark.parametrize(
    ("parts", "part", "code", "line", "column"),
    [
        ({"subject": "{{ x"}, "subject", "syntax_error", 1, 4),
        ({"html": "a\n {% if x %}"}, "html", "syntax_error", 2, 5),
        ({"text": "{{ x|uper }}"}, "text", "unknown_filter", 1, 6),
        ({"html": "{{ x is evn }}"}, "html", "unknown_test", 1, 6),
        ({"from_name": "{% endif %}"}, "from_name", "syntax_error", 1, 4),
        ({"headers": (HeaderSource("X-A", "{{"),)}, "header:X-A", "syntax_error", 1, 1),
        ({"headers": (HeaderSource("Bcc", "x"),)}, "header:Bcc", "bad_header", 1, 1),
        ({"cc": ("nobody",)}, "cc", "bad_address", 1, 1),
        ({"bcc": tuple(f"a{n}@x.example" for n in range(51))}, "bcc", "bad_address", 1, 1),
        ({"html": "{% block a %}{% endblock %}\n{% block a %}{% endblock %}"}, "html", "syntax_error", 2, 4),
    ],
)
def test_what_does_not_compile(parts: dict[str, Any], part: str, code: str, line: int, column: int) -> None:
    with pytest.raises(TemplateSyntaxProblem) as caught:
        compile_email(content(**parts))
    problem = caught.value
    assert (problem.part, problem.code, problem.line, problem.column) == (part, code, line, column)


def test_the_first_failing_part_is_told() -> None:
    error = failure({}, html="{{ a }}", subject="{{ b }}")
    assert error.part in ("html", "subject")
    assert error.variable in ("a", "b")


def test_styles_move_inline_when_asked_for() -> None:
    html = "<html><head><style>p{color:red}@media print{p{color:blue}}</style></head><body><p>{{ n }}</p></body></html>"
    plain = compile_email(content(html=html)).render({"n": "<x>"}).html
    inlined = compile_email(content(html=html, inline_css=True)).render({"n": "<x>"}).html
    assert plain == html.replace("{{ n }}", "&lt;x&gt;")
    assert '<p style="color: red;">&lt;x&gt;</p>' in inlined
    assert "@media print" in inlined
    assert compile_email(content(html="", inline_css=True)).render({}).html == ""


def test_too_much_output_in_any_part() -> None:
    for part in ("subject", "html", "text"):
        error = failure({"big": "x" * 100_000}, **{part: "{% for i in range(1000) %}{{ big }}{% endfor %}"})
        assert (error.code, error.part) == ("output_too_large", part)


def test_slow_work_after_rendering_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Converting tangled HTML to text is work that no template line stands for."""
    monkeypatch.setattr(limits, "CPU_SECONDS", 0.05)
    compiled = compile_email(content(html="{{ tangle|safe }}"))
    with pytest.raises(RenderError) as caught:
        compiled.render({"tangle": "<ul><li>" * 200_000})
    assert caught.value.code == "too_slow"


def test_threads_share_a_compiled_email() -> None:
    compiled = compile_email(content(html="{% for i in xs %}{{ i }}{{ name }}{% endfor %}", subject="{{ name }}"))
    wrong: list[str] = []

    def run(name: str) -> None:
        for _ in range(200):
            email = compiled.render({"name": name, "xs": [1, 2]})
            if (email.subject, email.html, email.text) != (name, f"1{name}2{name}", f"1{name}2{name}"):
                wrong.append(email.html)

    threads = [threading.Thread(target=run, args=(f"name{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), json_values))
def test_any_value_renders_or_fails_in_words(values: dict[str, Any]) -> None:
    compiled = compile_email(
        content(subject="{{ a }}", html="{{ b }}{% for x in c %}{{ x }}{% endfor %}", cc_variable="a")
    )
    email, error = None, None
    try:
        email = compiled.render(json.loads(json.dumps(values)))
    except RenderError as raised:
        error = raised
    if error is not None:
        assert error.message
        assert error.code in ("undefined_variable", "render_failed", "header_injection", "bad_address")
    if email is not None:
        assert "\n" not in email.subject
        assert email.html.encode().decode() == email.html
