"""What an editor underlines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.rendering.content import EmailContent, HeaderSource
from worker.rendering.diagnostics import Diagnostic, diagnose, from_render_error
from worker.rendering.errors import RenderError

KNOWN = {"name": "record", "order": "event", "order.id": "event", "order.lines": "event", "company.phone": "global"}


def remarks(html: str, known: dict[str, str] | None = None, **parts: Any) -> list[Diagnostic]:
    return diagnose(EmailContent(**{"subject": "s", "html": html, **parts}), KNOWN if known is None else known)


def test_a_sound_template_has_no_remark() -> None:
    html = "{{ name }}{{ order }}{{ order.id }}{{ order.lines[0].title }}{{ company.phone }}{{ company }}{{ name.x() }}"
    assert remarks(html) == []


def test_an_unknown_variable_is_found_at_each_use() -> None:
    found = remarks("é {{ nmae }}\n{{ nmae|upper }}", subject="{{ nmae }}")
    assert [(r.part, r.line, r.column, r.end_column) for r in found] == [
        ("subject", 1, 4, 8),
        ("html", 1, 6, 10),
        ("html", 2, 4, 8),
    ]
    assert {(r.severity, r.code, r.variable, r.suggestion) for r in found} == {
        ("error", "undefined_variable", "nmae", "name")
    }
    assert found[0].message == "nmae is not defined, did you mean name?"


@pytest.mark.parametrize(
    ("source", "variable", "suggestion", "end_column"),
    [
        ("{{ order.idd }}", "order.idd", "order.id", 13),
        ("{{ order.idd.x }}", "order.idd", "order.id", 13),
        ("{{ ordre.id }}", "ordre", "order", 9),
        ("{{ company.fax }}", "company.fax", None, 15),
        ("{{ Name }}", "Name", "name", 8),
        ("{{ COMPANY }}", "COMPANY", "company", 11),
        ("{{ zzz }}", "zzz", None, 7),
    ],
)
def test_the_missing_part_of_a_path(source: str, variable: str, suggestion: str | None, end_column: int) -> None:
    (remark,) = remarks(source)
    assert (remark.variable, remark.suggestion, remark.end_column) == (variable, suggestion, end_column)


@pytest.mark.parametrize(
    ("source", "severities"),
    [
        ("{{ nick|default('x') }}", ["info"]),
        ("{% if nick is defined %}{{ nick.first }}{% endif %}", ["info", "info"]),
        ("{% if order.x is defined %}{{ order.x }}{{ order.y }}{% endif %}", ["info", "info", "error"]),
        ("{{ nick }}", ["error"]),
    ],
)
def test_a_use_that_copes_is_an_info(source: str, severities: list[str]) -> None:
    assert [remark.severity for remark in remarks(source)] == severities


def test_address_variables_must_be_known() -> None:
    (remark,) = remarks("", cc_variable="manger", known={"manager": "record"})
    assert (remark.severity, remark.part, remark.variable, remark.suggestion) == ("error", "cc", "manger", "manager")
    assert remarks("", cc_variable="manager", known={"manager": "record"}) == []


def test_every_part_is_looked_at_and_a_broken_one_hides_no_other() -> None:
    found = remarks(
        "{{ a }}{% if %}",
        subject="{{ b|uper }}{{ c }}",
        text="{% for x in y %}",
        headers=(HeaderSource("X A", "{{ d }}"), HeaderSource("From", "x")),
        cc=("nobody",),
        bcc=("a@x.example",),
        known={},
    )
    assert [(r.part, r.code, r.variable) for r in found] == [
        ("subject", "undefined_variable", "b"),
        ("subject", "unknown_filter", None),
        ("subject", "undefined_variable", "c"),
        ("header:X A", "undefined_variable", "d"),
        ("html", "syntax_error", None),
        ("text", "syntax_error", None),
        ("header:X A", "bad_header", None),
        ("header:From", "bad_header", None),
        ("cc", "bad_address", None),
    ]
    assert found[1].suggestion == "upper"
    assert found[5].message == "{% for %} is never closed: {% endfor %} is missing"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ first name }}", "expected }} but found 'name'"),
        ("{% if x }}", "unexpected '}'"),
        ("{{ x", "unexpected end of template, expected }}"),
        ("{{ x|nope }}", "there is no filter 'nope'"),
        ("{% include 'a' %}", "not available"),
        ("{% endfor %}", "unknown tag 'endfor'"),
        ("{{ 'abc }}", "unexpected char"),
        ("{% block a %}{% endblock %}{% block a %}{% endblock %}", "defined twice"),
        ("{{ " + "a + " * 900 + "a }}", "nested too deeply"),
    ],
)
def test_messages_are_for_people(source: str, message: str) -> None:
    found = remarks(source, known={"x": "r", "a": "r", "first": "r"})
    assert message in found[0].message
    assert " at " not in found[0].message


@given(
    st.lists(st.sampled_from(["{{", "}}", "{%", "%}", "{#", "if ", "for x in ", "endif", "a.b", "|", "'", "(", "\n"]))
)
def test_anything_typed_gets_an_answer_within_the_text(pieces: list[str]) -> None:
    source = "".join(pieces)
    lines = source.split("\n")
    for remark in remarks(source, known={}):
        assert remark.message
        assert 1 <= remark.line <= len(lines)
        assert 1 <= remark.column <= len(lines[remark.line - 1]) + 1


def test_a_failed_rendering_becomes_a_remark() -> None:
    error = RenderError("undefined_variable", "nmae is undefined", part="text", line=3, column=5, variable="nmae")
    assert from_render_error(error, KNOWN) == Diagnostic(
        "error", "undefined_variable", "text", 3, 5, 9, "nmae is undefined, did you mean name?", "nmae", "name"
    )
    assert from_render_error(RenderError("too_slow", "slow"), KNOWN) == Diagnostic(
        "error", "too_slow", "html", 1, 1, None, "slow"
    )
