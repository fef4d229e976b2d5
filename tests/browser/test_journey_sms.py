"""Journey: a text message from its first word to the phone preview, a test send, and a notification beside it."""

from __future__ import annotations

import secrets

from playwright.sync_api import expect

from tests.browser.hands import Hands
from tests.browser.journeys import Journey, told

NUMBER = "+919820012345"


def test_a_text_message_is_written_measured_and_tried(journey: Journey) -> None:
    person = journey.desk.person(phone=NUMBER)
    hands = journey.enter(person)
    page = hands.page
    hands.visit("Templates")
    hands.button("New template")
    hands.press(page.get_by_role("navigation", name="Channel").get_by_role("link", name="SMS"))
    hands.fill("Name", f"Shipped {secrets.token_hex(3)}")
    hands.button("Create and edit")
    _measure(hands)
    _hold_against_the_registered_text(hands)
    hands.save()
    expect(page.locator("#save-state")).to_contain_text("Saved ")
    hands.button("Send to me")
    expect(page.locator("#test-result")).to_contain_text(NUMBER)
    expect(page.locator("#test-result li", has_text="Sent")).to_have_count(1)
    hands.button("Review and publish")
    told(hands, "as version 1")
    hands.button("Publish version 1")
    expect(page.get_by_role("link", name="Edit", exact=True)).to_be_visible()
    _look_into_the_inbox(hands)


def _measure(hands: Hands) -> None:
    page = hands.page
    editor = page.locator("#sms-message .editor-host .cm-content")
    meter = page.locator("#sms-meter")
    hands.edit(editor, "Hi {{ first_name }}, it’s here")
    expect(meter).to_contain_text("UCS-2")
    expect(page.locator(".culprits")).to_contain_text("right single quotation mark")
    hands.button("Replace all")
    expect(meter).to_contain_text("GSM-7")
    expect(page.locator(".bubble")).to_have_text("Hi Asha, it's here")
    hands.edit(page.locator("#sms-message .editor-host .cm-content"), "a" * 170)
    expect(meter).to_contain_text("2 segments")
    expect(page.locator(".bubble .cut")).to_have_count(1)


def _hold_against_the_registered_text(hands: Hands) -> None:
    page = hands.page
    hands.edit(page.locator("#sms-message .editor-host .cm-content"), "Hi {{ first_name }}, it left")
    hands.fill("DLT template id", "1707160000000000001")
    hands.fill("Registered text", "Dear {#var#}, it left")
    expect(page.locator("#preview-result")).to_contain_text("It does not fit the registered text")
    hands.fill("Registered text", "Hi {#var#}, it left")
    expect(page.locator(".bubble .slot")).to_have_text("Asha")


def _look_into_the_inbox(hands: Hands) -> None:
    page = hands.page
    hands.visit("Sandbox inbox")
    hands.write(page.get_by_label("Recipient begins with"), NUMBER)
    hands.button("Find")
    hands.press(page.get_by_role("link", name="[TEST] Hi Asha, it left").first)
    expect(page.locator(".bubble")).to_have_text("[TEST] Hi Asha, it left")
    hands.button("Message in the ledger")
    told(hands, "left out of reports")


def test_a_notification_on_locked_phones(journey: Journey) -> None:
    hands = journey.enter(journey.desk.person(push_token="device-of-mine"), path="/templates/new?channel=push")
    page = hands.page
    hands.fill("Name", f"Pushed {secrets.token_hex(3)}")
    hands.button("Create and edit")
    hands.fill("Title", "{{ first_name }}, it left")
    expect(page.locator(".lock[data-system=ios]")).to_contain_text("Asha, it left")
    expect(page.locator("#push-meter")).to_contain_text("bytes")
    hands.button("Send to me")
    expect(page.locator("#test-result")).to_contain_text("device-of-mine")
    expect(page.locator("#test-result li", has_text="Sent")).to_have_count(1)
