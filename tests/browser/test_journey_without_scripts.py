"""The way through the desk where no script runs: every form is a page, every wait is a link to press."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.hands import Hands, Mouse
from tests.browser.journeys import Journey
from tests.browser.test_journey_campaigns import furnish, open_campaign
from tests.factories.users import PASSWORD


def refresh_until(hands: Hands, seen: Callable[[], Locator], seconds: float = 150) -> None:
    """Press the page's own "Refresh" until something is there."""
    deadline = time.monotonic() + seconds
    while not seen().count():
        assert time.monotonic() < deadline, f"{seen()} does not come: {hands.page.locator('main').inner_text()}"
        again = hands.page.get_by_role("link", name="Refresh")
        if again.count():
            again.first.click()
        else:
            hands.page.reload()


@pytest.mark.parametrize("journey", [Mouse], indirect=True)
def test_a_mail_is_written_and_sent_without_scripts(journey: Journey) -> None:
    journey.console.expect(401, 422)
    person = journey.desk.person()
    hands = journey.enter(path="/templates/new", java_script_enabled=False)
    page = hands.page
    hands.fill("User name", person.username)
    hands.fill("Password", PASSWORD)
    hands.button("Sign in")
    name = f"Plain {secrets.token_hex(3)}"
    hands.fill("Name", name)
    hands.button("Create and edit")
    page.locator("textarea[name=html]").fill("<h1>Dear {{ frist_name }}</h1>")
    hands.button("Preview")
    expect(page.locator("#preview-result")).to_contain_text("did you mean first_name")
    page.locator("textarea[name=html]").fill("<h1>Dear {{ first_name }}</h1>")
    hands.button("Preview")
    expect(page.frame_locator("#mail-frame").locator("h1")).to_have_text("Dear Asha")
    hands.button("Add a header")
    page.locator("#header_name-0").fill("X-Run")
    page.locator("#header_value-0").fill("plain")
    hands.button("Send to me")
    refresh_until(hands, lambda: page.locator("li", has_text="Sent").filter(has_text=person.username))


@pytest.mark.parametrize("journey", [Mouse], indirect=True)
def test_rows_are_imported_without_scripts(journey: Journey) -> None:
    hands = journey.enter(journey.desk.person(), "/audiences/new", java_script_enabled=False)
    page = hands.page
    name = f"Plain rows {secrets.token_hex(3)}"
    hands.fill("Name", name)
    rows = b"email;first_name\nmira@example.com;Mira\nnobody;Nobody\n"
    page.locator("#file").set_input_files({"name": "rows.csv", "mimeType": "text/csv", "buffer": rows})
    hands.button("Upload")
    hands.choose(hands.field("Delimiter"), "Semicolon")
    hands.button("Read again")
    hands.button("Check the whole file")
    refresh_until(hands, lambda: page.get_by_role("button", name="Load 1 rows"))
    hands.button("Load 1 rows")
    refresh_until(hands, lambda: page.get_by_role("link", name=f"Open {name}"))
    hands.button(f"Open {name}")
    expect(page.get_by_text("mira@example.com").first).to_be_visible()


@pytest.mark.parametrize("journey", [Mouse], indirect=True)
def test_a_campaign_is_sent_paused_and_found_without_scripts(journey: Journey) -> None:
    people = [f"person{number}" for number in range(300)]
    made = furnish(journey.desk, people, launched=True, slow_percent=100, slow_milliseconds=300)
    hands = journey.enter(journey.desk.person(), java_script_enabled=False)
    page = hands.page
    open_campaign(hands, made.campaign)
    hands.button("Edit")
    hands.button("Save and continue")
    hands.button("Save and continue")
    hands.button("Save and continue")
    hands.press(page.locator("#launch"))
    hands.press(page.get_by_role("button", name=re.compile("^Launch to")))
    refresh_until(hands, lambda: page.locator("#campaign-progress .stat", has_text=re.compile(r"Sent\s*[1-9]")))
    hands.press(page.locator("#pause"))
    hands.button("Pause")
    refresh_until(hands, lambda: page.locator("#resume"))
    hands.press(page.locator("#resume"))
    hands.press(page.locator("#cancel"))
    hands.write(page.get_by_label(re.compile("^Type")), "cancel")
    hands.button("Cancel what is left")
    refresh_until(hands, lambda: page.locator("#campaign-head .badge", has_text="Cancelled"))

    hands.visit("Messages")
    hands.choose(hands.field("Campaign"), made.campaign)
    hands.button("Apply")
    expect(page.locator(".result-count")).to_contain_text("300 messages")
