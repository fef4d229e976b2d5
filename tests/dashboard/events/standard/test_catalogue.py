"""The standard set holds together: every text renders with its samples, keeps to its channel and has what it reads."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from dashboard.events.coverage import provided
from dashboard.events.schema import check_payload, check_variables
from dashboard.events.standard.catalogue import BY_KEY, STANDARD
from dashboard.events.standard.pieces import StandardEvent
from dashboard.message_templates.models import Category
from dashboard.variables.models import READ_ONLY_VARIABLES
from worker.rendering.channels import compile_content
from worker.rendering.content import Content
from worker.rendering.preview import render_preview
from worker.rendering.push import PAYLOAD_LIMIT, RenderedPush
from worker.rendering.registered_text import match_registered
from worker.rendering.segments import GSM7, measure
from worker.rendering.sms import SmsContent
from worker.rendering.values import SYSTEM_VARIABLES
from worker.rendering.variables import variable_paths

SYSTEM = {"unsubscribe_url": "https://example.com/u/7q4k"}
COMPANY = dict.fromkeys(READ_ONLY_VARIABLES, "") | {
    "company_name": "Loom and Thread", "company_address": "4 Mill Lane, Pune", "support_email": "help@example.com",
    "support_phone": "+91 20 5550 0100", "return_policy_url": "https://example.com/returns",
}  # fmt: skip
TEXTS = [
    pytest.param(event, content, id=f"{event.key}-{content.channel}")
    for event in STANDARD
    for content in event.contents
]
MESSAGES = [case for case in TEXTS if isinstance(case.values[1], SmsContent)]


def test_keys_and_names_are_there_once() -> None:
    assert len(BY_KEY) == len(STANDARD) == len({event.name for event in STANDARD})
    assert {
        "order_placed",
        "order_shipped",
        "order_delivered",
        "order_cancelled",
        "login_otp",
        "password_reset",
    } <= set(BY_KEY)


@pytest.mark.parametrize("event", STANDARD, ids=lambda event: event.key)
def test_an_event_says_what_it_brings(event: StandardEvent) -> None:
    check_variables(event.variables)
    check_payload(event.payload, event.variables)
    assert all(variable.sample is not None for variable in event.variables)
    assert {"email", "sms"} <= set(event.channels)
    assert not event.once or event.once in {one.path for one in event.variables if one.required}
    read = {use.path for content in event.contents for use in variable_paths(content)}
    unread = {one.path for one in event.variables if not any(path.startswith(one.path) for path in read)}
    assert unread - {event.once} == set()


@pytest.mark.parametrize(("event", "content"), TEXTS)
def test_a_text_reads_nothing_that_may_be_missing(event: StandardEvent, content: Content) -> None:
    for use in variable_paths(content):
        certain, missing = provided(use.path, event.variables)
        known = certain or use.root in SYSTEM_VARIABLES or use.copes_without(missing)
        assert known, use.path
        assert certain is not False or use.root in SYSTEM_VARIABLES or use.root in READ_ONLY_VARIABLES, use.path


@pytest.mark.parametrize("given", [{}, COMPANY], ids=["fresh", "settled"])
@pytest.mark.parametrize(("event", "content"), TEXTS)
def test_a_text_renders_with_its_samples(
    app: Flask, event: StandardEvent, content: Content, given: dict[str, str]
) -> None:
    globals_ = {name: value for name, value in given.items() if value}
    result = render_preview(content, {**globals_, **event.payload, **SYSTEM}, lenient=False)
    assert result.rendered is not None, result.diagnostics
    assert not result.undefined
    assert [one for one in result.diagnostics if one.severity != "info"] == []
    if isinstance(result.rendered, RenderedPush):
        assert len(result.rendered.body) < 120
        assert len(str(result.rendered)) < PAYLOAD_LIMIT


@pytest.mark.parametrize(("event", "content"), TEXTS)
def test_a_text_needs_no_more_than_what_is_required(event: StandardEvent, content: Content) -> None:
    bare = {**event.payload, **SYSTEM}
    bare.pop("first_name", None)
    compile_content(content).render(bare).check()


@pytest.mark.parametrize("given", [{}, COMPANY], ids=["fresh", "settled"])
@pytest.mark.parametrize(("event", "content"), MESSAGES)
def test_an_sms_is_short_and_keeps_to_its_registered_text(
    event: StandardEvent, content: SmsContent, given: dict[str, str]
) -> None:
    values = {**{name: value for name, value in given.items() if value}, **event.payload, **SYSTEM}
    text = compile_content(content).render(values).preview
    size = measure(text)
    assert (size.encoding, size.segments <= 2) == (GSM7, True), text
    assert match_registered(content.registered_text, text, slot_limit=30).slots, text
    assert text.endswith(given.get("company_name", "Your shop")), "a registered text names its sender"


@pytest.mark.parametrize("event", STANDARD, ids=lambda event: event.key)
def test_the_category_fits_the_texts(event: StandardEvent) -> None:
    for content in event.contents:
        paths = {use.root for use in variable_paths(content)}
        wants_a_way_out = event.category is Category.PROMOTIONAL and content.channel != "push"
        assert ("unsubscribe_url" in paths) == wants_a_way_out
        assert ("code" in paths) == (event.category is Category.OTP)


def test_no_text_leads_to_a_real_place() -> None:
    for event in STANDARD:
        for address in re.findall(r"https?://[^\s\"'<]+", f"{event.contents}{event.payload}"):
            assert address.startswith("https://example.com/"), address
