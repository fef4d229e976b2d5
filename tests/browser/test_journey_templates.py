"""Journeys 2 and 3: a mail from the first word to its test in the sandbox inbox, and the variables it reads."""

from __future__ import annotations

import re
import secrets

from playwright.sync_api import FrameLocator, Page, expect

from tests.browser.hands import Hands
from tests.browser.journeys import Journey, refused, told
from tests.factories.message_templates import new_template


def shown(page: Page) -> FrameLocator:
    """The mail in the preview of the editor."""
    return page.frame_locator("#mail-frame")


def test_a_template_is_written_published_and_tried(journey: Journey) -> None:
    journey.console.expect(422)
    person = journey.desk.person()
    hands = journey.enter(person)
    page = hands.page
    name = f"Welcome {secrets.token_hex(3)}"
    hands.visit("Templates")
    hands.button("New template")
    hands.fill("Name", "  ")
    hands.button("Create and edit")
    refused(hands, "Give the template a name")
    hands.fill("Name", name)
    hands.choose(hands.field("Category"), "Promotional")
    hands.pick(page.get_by_label("Short message"))
    hands.button("Create and edit")

    _write_the_mail(hands)
    _publish(hands, 1)
    _change_and_compare(hands)
    _send_tests(hands, person.username)
    _look_into_the_inbox(hands, f"{person.username}@example.com")


def _write_the_mail(hands: Hands) -> None:
    page = hands.page
    editor = page.locator("#template-fields .editor-host").first
    hands.edit(editor.locator(".cm-content"), "<h1>Dear {{ frist_name }}</h1>")
    expect(shown(page).locator("mark[data-undefined]")).to_have_text("frist_name")
    expect(page.locator("#preview-result")).to_contain_text("did you mean first_name")
    expect(page.locator(".editor-host .cm-lintRange-error").first).to_have_text("frist_name")
    hands.edit(editor.locator(".cm-content"), "<h1>Dear {% if first_name %}</h1>")
    expect(page.locator("#preview-result")).to_contain_text(re.compile(r"line 1, column \d+"))
    hands.edit(editor.locator(".cm-content"), "<h1>Dear ")
    page.keyboard.type("{{ fi")
    hands.accept_completion("first_name")
    page.keyboard.press("End")
    page.keyboard.insert_text('</h1>\n<p><a href="{{ unsubscribe_url }}">No more</a></p>')
    expect(shown(page).locator("h1")).to_have_text("Dear Asha")
    hands.fill("Subject", "Welcome, {{ first_name }}")
    expect(page.locator("#preview-result")).to_contain_text("Welcome, Asha")
    for view in ("Mobile", "Dark", "Text", "Headers", "Desktop"):
        hands.pick(page.locator("#preview-controls").get_by_label(view, exact=True))
    expect(shown(page).locator("h1")).to_have_text("Dear Asha")
    hands.save()
    expect(page.locator("#save-state")).to_contain_text("Saved ")


def _publish(hands: Hands, number: int) -> None:
    hands.button("Review and publish")
    told(hands, f"as version {number}")
    hands.button(f"Publish version {number}")
    told(hands, f"Version {number}")


def _change_and_compare(hands: Hands) -> None:
    page = hands.page
    hands.button("Edit")
    hands.fill("Subject", "Good morning, {{ first_name }}")
    hands.save()
    expect(page.locator("#save-state")).to_contain_text("Saved ")
    hands.press(page.get_by_role("link", name="Read view"))
    hands.menu("template-menu", "Versions")
    hands.button("Compare with version 1")
    expect(page.locator(".differences")).to_contain_text("Good morning")
    expect(page.locator(".differences")).to_contain_text("Welcome")
    hands.button("Publish the draft")
    hands.button("Publish version 2")


def _send_tests(hands: Hands, username: str) -> None:
    page = hands.page
    hands.button("Edit")
    hands.button("Send to me")
    expect(page.locator("#test-result")).to_contain_text(f"{username}@example.com")
    hands.button("Test send…")
    dialog = page.get_by_role("dialog")
    hands.write(dialog.get_by_label("Send to", exact=True), "not an address")
    hands.press(dialog.get_by_role("button", name="Send test"))
    expect(dialog.locator("[data-error-summary]")).to_be_focused()
    hands.write(dialog.get_by_label("Send to", exact=True), "ada@example.com, grace@example.com")
    hands.press(dialog.get_by_role("button", name="Send test"))
    expect(dialog).to_be_hidden()
    result = page.locator("#test-result")
    expect(result.get_by_text("Test to grace@example.com")).to_be_visible()
    expect(result.locator("li", has_text="Sent")).to_have_count(2)


def _look_into_the_inbox(hands: Hands, address: str) -> None:
    page = hands.page
    hands.visit("Sandbox inbox")
    hands.write(page.get_by_label("Recipient begins with"), address)
    hands.button("Find")
    hands.press(page.get_by_role("link", name="[TEST] Good morning, Asha"))
    expect(page.frame_locator("iframe").locator("h1")).to_have_text("Dear Asha")
    hands.button("Message in the ledger")
    told(hands, "left out of reports")


def test_variables_are_added_renamed_and_kept_while_used(journey: Journey) -> None:
    journey.console.expect(422)
    hands = journey.enter(journey.desk.person())
    page = hands.page
    name = f"season_{secrets.token_hex(3)}"
    template = _template_that_reads(journey, name)
    hands.visit("Variables")
    hands.button("New variable")
    dialog = page.get_by_role("dialog")
    hands.fill("Name", "1 season")
    hands.button("Add variable")
    expect(dialog.locator("[data-error-summary]")).to_be_focused()
    hands.fill("Name", name)
    hands.fill("Value", "Spring")
    hands.button("Add variable")
    row = page.locator("tr", has=page.get_by_text(name, exact=True))
    expect(row).to_contain_text("Spring")

    hands.press(row.get_by_role("link", name=f"Change {name}"))
    hands.write(page.get_by_label(f"Value of {name}"), "Summer")
    hands.press(row.get_by_role("button", name="Save"))
    expect(row.locator(".shown")).to_have_text("Summer")

    hands.press(row.get_by_role("link", name=f"Delete {name}"))
    told(hands, "It cannot be deleted while it is used by")
    hands.press(dialog.get_by_role("link", name="Close"))
    expect(dialog).to_be_hidden()

    hands.press(row.get_by_role("link", name=f"Rename {name}"))
    hands.fill("New name", f"{name}_of_the_shop")
    hands.press(dialog.get_by_role("button", name="Rename"))
    row = page.locator("tr", has=page.get_by_text(f"{name}_of_the_shop", exact=True))
    hands.press(row.get_by_role("link", name="1 template uses"))
    hands.press(page.get_by_role("link", name=template))
    told(hands, f"{name}_of_the_shop")


def _template_that_reads(journey: Journey, variable: str) -> str:
    name = f"Reader of {variable}"
    with journey.desk.data():
        new_template(name, published=True, html=f"<p>{{{{ {variable} }}}}</p>")
    return name
