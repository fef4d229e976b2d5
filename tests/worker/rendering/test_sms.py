"""SMS templates: stored, rendered, checked, previewed."""

from __future__ import annotations

import pytest

from worker.rendering.errors import RenderError, TemplateSyntaxProblem
from worker.rendering.preview import render_preview
from worker.rendering.sms import RenderedSms, SmsContent, compile_sms
from worker.rendering.sms_checks import check_sms
from worker.rendering.variables import rename_variable, variable_paths

CONTENT = SmsContent("Hi {{ name }}, {{ order.number }} left.", "1707160000000000001", "Hi {#var#}, {#var#} left.")


def test_round_trip() -> None:
    assert SmsContent.from_dict(CONTENT.to_dict()) == CONTENT
    assert SmsContent.from_dict({"text": None, "mood": 1}) == SmsContent("")
    with pytest.raises(TypeError, match="text"):
        SmsContent.from_dict({"text": 1})


def test_a_message_with_its_encoding_and_segments() -> None:
    compiled = compile_sms(CONTENT)
    rendered = compiled.render({"name": "Ana", "order": {"number": "7"}})
    assert rendered == RenderedSms("Hi Ana, 7 left.", "gsm7", 1)
    assert compiled.render({"name": "Asha ’", "order": {"number": "7"}}).encoding == "ucs2"
    assert compiled.variables == {"name", "order"} == compiled.required
    assert rendered.marked("[TEST] ").text == "[TEST] Hi Ana, 7 left."
    assert rendered.marked("[TEST] ").measure.units == 24


def test_nothing_is_escaped_and_ends_are_trimmed() -> None:
    assert compile_sms(SmsContent("\n {{ a }}\r\nb \n")).render({"a": "<&>"}).text == "<&>\nb"


def test_what_cannot_be_compiled_or_rendered() -> None:
    with pytest.raises(TemplateSyntaxProblem) as broken:
        compile_sms(SmsContent("{{ a"))
    assert broken.value.part == "text"
    with pytest.raises(RenderError) as missing:
        compile_sms(CONTENT).render({"order": {"number": "1"}})
    assert (missing.value.code, missing.value.variable) == ("undefined_variable", "name")


@pytest.mark.parametrize(
    ("text", "code"), [("", "empty_message"), ("a" * 1531, "too_many_segments"), ("я" * 671, "too_many_segments")]
)
def test_what_no_gateway_takes(text: str, code: str) -> None:
    with pytest.raises(RenderError) as refused:
        RenderedSms.of(text).check()
    assert refused.value.code == code
    RenderedSms.of("a" * 1530).check()


def test_variables_and_renaming() -> None:
    assert [use.path for use in variable_paths(CONTENT)] == ["name", "order.number"]
    assert rename_variable(CONTENT, "name", "first_name").text == "Hi {{ first_name }}, {{ order.number }} left."


def test_preview_shows_what_is_missing_and_refuses_nothing() -> None:
    result = render_preview(CONTENT, {"name": "Ana"}, lenient=True)
    assert result.rendered == RenderedSms("Hi Ana, «order.number» left.", "ucs2", 1)
    assert result.undefined == ("order",)
    assert render_preview(CONTENT, {"name": "Ana"}, lenient=False).rendered is None


def remarks(content: SmsContent, text: str | None = None) -> list[tuple[str, str, str]]:
    rendered = None if text is None else RenderedSms.of(text)
    return [(r.severity, r.code, r.part) for r in check_sms(content, rendered, slot_limit=30)]


@pytest.mark.parametrize(
    ("content", "text", "expected"),
    [
        (CONTENT, "Hi Ana, 7 left.", []),
        (CONTENT, None, []),
        (CONTENT, "Hi Ana, 7 went.", [("warning", "not_as_registered", "registered_text")]),
        (SmsContent("Hi {#var#}"), "Hi ", [("error", "slot_in_text", "text")]),
        (SmsContent("a", "12345"), "a", [("warning", "odd_registered_template", "registered_template")]),
        (SmsContent("a"), "", [("error", "empty_message", "text")]),
        (SmsContent("a"), "Don’t", [("warning", "ucs2", "text")]),
        (SmsContent("a"), "a" * 400, [("warning", "long", "text")]),
    ],
)
def test_advice(content: SmsContent, text: str | None, expected: list[tuple[str, str, str]]) -> None:
    assert remarks(content, text) == expected


def test_runs_for_a_phone() -> None:
    sms = RenderedSms.of("See https://x.example/a, Asha. " + "a" * 150)
    first, second = sms.runs(slots=[(25, 29)])
    assert [tuple(run) for run in first] == [
        ("See ", ""),
        ("https://x.example/a", "link"),
        (", ", ""),
        ("Asha", "slot"),
        (". " + "a" * 122, ""),
    ]
    assert [tuple(run) for run in second] == [("a" * 28, "")]
    assert RenderedSms.of("").runs() == ((),)
