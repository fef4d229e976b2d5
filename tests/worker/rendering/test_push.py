"""Push templates: stored, rendered, checked, previewed."""

from __future__ import annotations

import json

import pytest

from worker.rendering.errors import RenderError, TemplateSyntaxProblem
from worker.rendering.preview import render_preview
from worker.rendering.push import DataSource, PushContent, RenderedPush, compile_push
from worker.rendering.push_checks import check_push
from worker.rendering.variables import rename_variable, variable_paths

CONTENT = PushContent(
    title="{{ name }}, it\nleft",
    body="Order {{ order }}\nis on its way",
    image="https://x.example/{{ order }}.png",
    link="app://orders/{{ order }}",
    collapse_key="order-{{ order }}",
    data=(DataSource("order", "{{ order }}"), DataSource("kind", "shipped")),
)


def test_round_trip() -> None:
    assert PushContent.from_dict(json.loads(json.dumps(CONTENT.to_dict()))) == CONTENT
    assert PushContent.from_dict({}) == PushContent("")
    with pytest.raises(TypeError, match="data"):
        PushContent.from_dict({"data": ["x"]})


def test_a_notification_and_its_payload() -> None:
    rendered = compile_push(CONTENT).render({"name": "Zoë", "order": 7})
    assert rendered == RenderedPush(
        title="Zoë, it left",
        body="Order 7\nis on its way",
        image="https://x.example/7.png",
        link="app://orders/7",
        collapse_key="order-7",
        data=(("order", "7"), ("kind", "shipped")),
    )
    assert rendered.payload["data"] == {"order": "7", "kind": "shipped", "link": "app://orders/7"}
    text = json.dumps(rendered.payload, ensure_ascii=False, separators=(",", ":"))
    assert rendered.payload_bytes == len(text.encode())
    assert rendered.preview == "Zoë, it left: Order 7 is on its way"
    assert rendered.marked("[TEST] ").title == "[TEST] Zoë, it left"


def test_line_breaks_of_values_stay_out_of_what_is_one_line() -> None:
    assert compile_push(PushContent("{{ a }}")).render({"a": "x\ny"}).title == "x y"


def test_what_cannot_be_compiled_or_rendered() -> None:
    with pytest.raises(TemplateSyntaxProblem) as broken:
        compile_push(PushContent("a", data=(DataSource("k", "{{"),)))
    assert broken.value.part == "data:k"
    with pytest.raises(RenderError) as missing:
        compile_push(CONTENT).render({"name": "a"})
    assert missing.value.variable == "order"


def test_what_no_vendor_takes() -> None:
    with pytest.raises(RenderError, match="empty"):
        RenderedPush("", "").check()
    fixed = RenderedPush("t", "").payload_bytes + len(',"body":""')
    RenderedPush("t", "x" * (4096 - fixed)).check()
    with pytest.raises(RenderError) as large:
        RenderedPush("t", "x" * (4097 - fixed)).check()
    assert (large.value.code, large.value.part) == ("payload_too_large", "body")


def test_variables_and_renaming() -> None:
    assert {use.part for use in variable_paths(CONTENT)} == {
        *("title", "body", "image", "link", "collapse_key", "data:order")
    }
    renamed = rename_variable(CONTENT, "order", "number")
    assert renamed.data[0].value == "{{ number }}"
    assert renamed.link == "app://orders/{{ number }}"


def test_preview_leaves_a_broken_part_out() -> None:
    content = PushContent("Hi {{ name }}", "There", link="{{ 1 / 0 }}")
    result = render_preview(content, {}, lenient=True)
    assert result.rendered == RenderedPush("Hi «name»", "There")
    assert [(r.part, r.code) for r in result.diagnostics] == [
        ("title", "undefined_variable"),
        ("link", "render_failed"),
    ]


@pytest.mark.parametrize(
    ("rendered", "expected"),
    [
        (RenderedPush("t", "b", "https://x.example/a.png", "app://x"), []),
        (RenderedPush("", "b"), [("warning", "no_title")]),
        (RenderedPush("", ""), [("error", "empty_message")]),
        (RenderedPush("t" * 51, "b" * 179), [("info", "long_title"), ("info", "long_body")]),
        (
            RenderedPush("t", "", "http://x.example/a.png", "orders"),
            [("warning", "image_not_https"), ("warning", "relative_link")],
        ),
        (RenderedPush("t", "x" * 5000), [("error", "payload_too_large"), ("info", "long_body")]),
    ],
)
def test_advice(rendered: RenderedPush, expected: list[tuple[str, str]]) -> None:
    assert [(r.severity, r.code) for r in check_push(PushContent("t"), rendered)] == expected


def test_a_link_in_the_data_too() -> None:
    content = PushContent("t", link="app://x", data=(DataSource("link", "y"),))
    assert [r.code for r in check_push(content, None)] == ["link_twice"]
