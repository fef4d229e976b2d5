"""Journey 5: a mail server and a sandbox are set up, tried, and made defaults."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from playwright.sync_api import expect

from tests.browser.hands import Hands
from tests.browser.journeys import Journey, refused, told
from tests.installations import free_port, until


class Letterbox(Message):
    """Keeps what a server takes."""

    def __init__(self) -> None:
        super().__init__()
        self.subjects: list[str] = []

    def handle_message(self, message: Any) -> None:
        self.subjects.append(str(message["Subject"]))


@pytest.fixture
def mail_server() -> Iterator[tuple[int, Letterbox]]:
    """A real SMTP server on a port of its own, and what it takes."""
    box = Letterbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield controller.port, box
    controller.stop()


def test_a_mail_server_is_added_and_tried(journey: Journey, mail_server: tuple[int, Letterbox]) -> None:
    journey.console.expect(422)
    port, box = mail_server
    hands = journey.enter(journey.desk.person())
    page = hands.page
    name = f"Relay {secrets.token_hex(3)}"
    hands.visit("Providers")
    hands.button("Add provider")
    hands.button("Set up SMTP")
    hands.fill("Name", name)
    hands.fill("Host", "127.0.0.1")
    hands.fill("Port", str(free_port()))
    hands.pick(page.get_by_label("None", exact=True).first)
    hands.fill("Address", "not an address")
    hands.button("Add provider")
    refused(hands, "not an address")
    hands.fill("Address", "news@example.com")
    hands.button("Add another address")
    second = page.get_by_role("group", name="From address 2")
    hands.write(second.get_by_label("Address"), "shop@example.com")
    hands.button("Add provider")
    expect(page.get_by_role("heading", name=name)).to_be_visible()

    hands.button("Test connection")
    told(hands, "It does not work yet: see the last step.")
    hands.press(page.get_by_role("link", name="Configuration"))
    hands.fill("Port", str(port))
    hands.save()
    hands.press(page.get_by_role("link", name="Health", exact=True))
    hands.button("Test connection")
    told(hands, "Everything works. Nothing was sent.")

    hands.button("Send a test message")
    dialog = page.get_by_role("dialog")
    hands.write(dialog.get_by_label("To"), "ada@example.com")
    hands.press(dialog.get_by_role("button", name="Send test message"))
    expect(page.locator("#trial")).to_contain_text("Sent")
    until(lambda: len(box.subjects) == 1, 10, "no mail has arrived")


def test_a_sandbox_becomes_a_default_and_ceases_to_be(journey: Journey) -> None:
    journey.console.expect(422)
    hands = journey.enter(journey.desk.person())
    page = hands.page
    name = f"Practice {secrets.token_hex(3)}"
    hands.visit("Providers")
    hands.button("Add provider")
    hands.button("Set up Sandbox")
    hands.fill("Name", name)
    hands.fill("Address", "practice@example.com")
    hands.fill("Failing, %", "101")
    hands.button("Add provider")
    refused(hands, re.compile("Failing"))
    hands.fill("Failing, %", "0")
    hands.button("Add provider")
    expect(page.get_by_role("heading", name=name)).to_be_visible()

    hands.visit("Providers")
    cell = page.get_by_role("row", name=re.compile("^OTP")).locator("td").first
    before = cell.locator("strong").inner_text() if cell.locator("strong").count() else ""
    _make_default(hands, name)
    expect(cell).to_contain_text(name)
    if before:
        hands.press(page.locator("#toasts").get_by_role("button", name="Undo"))
        expect(cell).to_contain_text(before)


def _make_default(hands: Hands, name: str) -> None:
    hands.press(hands.page.locator("#route-email-otp"))
    dialog = hands.page.get_by_role("dialog")
    hands.choose(dialog.get_by_label("Provider at place 1"), name)
    hands.press(dialog.get_by_role("button", name="Save route"))
