"""Journeys 6 and 7: a campaign from its name to its last message, and what the ledger says about it."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import expect

from dashboard.extensions import utc_now
from tests.browser.campaigns import Furniture, furnish, launch, open_campaign, state
from tests.browser.hands import Hands
from tests.browser.journeys import Journey, refused, told


def test_a_campaign_is_made_looked_at_and_sent(journey: Journey) -> None:
    journey.console.expect(422)
    made = furnish(journey.desk, ["ada", "grace", "linus", "fail+at", "mira"])
    hands = journey.enter(journey.desk.person())
    page = hands.page
    hands.visit("Campaigns")
    hands.button("New campaign")
    hands.fill("Name", "   ")
    hands.button("Create and continue")
    refused(hands, "Give it a name.")
    hands.fill("Name", made.campaign)
    hands.button("Create and continue")
    hands.press(page.get_by_role("link", name=re.compile("Review")))
    told(hands, re.compile("It cannot start until this is solved"))

    _fill_the_steps(hands, made)
    hands.button("Render 20 samples")
    told(hands, "All 5 can be rendered.")
    hands.press(page.locator("#samples tbody a").nth(1))
    expect(page.locator("#samples tbody a").nth(1)).to_have_attribute("aria-current", "true")
    hands.press(page.locator("main").get_by_role("link", name=made.campaign))
    hands.button("Edit")
    hands.press(page.get_by_role("link", name=re.compile("Review")))
    launch(hands)
    state(hands, "Finished with failures")
    expect(page.locator("#errors")).to_contain_text("fail")
    assert page.evaluate("window.countersChecked") > 0

    _read_the_ledger(hands, made)
    _unsubscribe(journey, hands, made)


def _fill_the_steps(hands: Hands, made: Furniture) -> None:
    page = hands.page
    hands.press(page.get_by_role("link", name=re.compile("Audience")).filter(visible=True).last)
    hands.choose(hands.field("Audience"), made.audience)
    expect(page.locator("#funnel")).to_contain_text("To send")
    hands.button("Save and continue")
    hands.choose(hands.field("Template"), made.template)
    expect(page.locator("#coverage")).to_contain_text("first_name")
    hands.choose(hands.field("Provider"), made.provider)
    told(hands, f"{made.provider} sends it as")
    hands.button("Save and continue")
    hands.pick(page.get_by_label("At a time"))
    hands.fill("Local time", "2020-01-01T09:30")
    expect(page.locator("#echo")).to_contain_text("That does not work")
    hands.pick(page.get_by_label("Now", exact=False).first)
    expect(page.locator("#echo")).to_contain_text("As soon as you launch it")
    hands.button("Save and continue")
    expect(page.locator("#preflight")).to_contain_text("checks passed")


def _read_the_ledger(hands: Hands, made: Furniture) -> None:
    """Journey 7: the list with filters, its export, one message with its timeline."""
    page = hands.page
    hands.visit("Messages")
    hands.choose(hands.field("Campaign"), made.campaign)
    expect(page.locator(".result-count")).to_contain_text("5 messages")
    hands.choose(hands.field("Status"), "Failed")
    expect(page.locator(".result-count")).to_contain_text("1 message")
    file = hands.download(page.locator("#export"))
    rows = list(csv.DictReader(io.StringIO(Path(file.path()).read_text(encoding="utf-8-sig"))))
    assert [(row["state"], row["campaign"], row["channel"]) for row in rows] == [("failed", made.campaign, "email")]
    assert rows[0]["recipient"].startswith("fail+at-")
    hands.press(page.locator("#results tbody a").first)
    expect(page.locator(".timeline")).to_contain_text("It failed and is not tried again.")
    hands.press(page.get_by_role("link", name="Data", exact=True))
    expect(page.get_by_role("row", name=re.compile("first_name"))).to_contain_text("record")


def _unsubscribe(journey: Journey, hands: Hands, made: Furniture) -> None:
    """Somebody uses the link of their mail; the next run leaves them out and says so in the ledger."""
    page = hands.page
    hands.visit("Sandbox inbox")
    hands.write(page.get_by_label("Recipient begins with"), f"ada-{made.campaign.split()[1]}")
    hands.button("Find")
    hands.press(page.locator("#results tbody th a").first)
    link = page.frame_locator("iframe").get_by_role("link", name="No more of these").get_attribute("href")
    theirs = journey.enter(path=str(link))
    theirs.button("Unsubscribe")
    told(theirs, "You are unsubscribed")

    open_campaign(hands, made.campaign)
    hands.menu("more", "Duplicate")
    hands.press(page.get_by_role("link", name=re.compile("Review")))
    expect(page.locator("#preflight")).to_contain_text("1 suppressed")
    launch(hands)
    state(hands, "Finished with failures")
    hands.press(page.locator("#campaign-progress").get_by_role("link", name=re.compile("Suppressed")))
    expect(page.locator("#results tbody tr")).to_have_count(1)
    expect(page.locator("#results tbody tr")).to_contain_text("Suppressed")


def test_a_run_is_paused_resumed_and_cancelled(journey: Journey) -> None:
    journey.console.expect(422)
    people = [f"person{number}" for number in range(900)]
    made = furnish(journey.desk, people, launched=True, slow_percent=100, slow_milliseconds=300)
    hands = journey.enter(journey.desk.person())
    page = hands.page
    open_campaign(hands, made.campaign)
    hands.button("Edit")
    hands.press(page.get_by_role("link", name=re.compile("Review")))
    launch(hands)
    expect(page.locator("#campaign-progress .stat", has_text="Sent")).to_contain_text(re.compile(r"[1-9]"))
    dialog = page.get_by_role("dialog")
    hands.press(page.locator("#pause"))
    hands.press(dialog.get_by_role("button", name="Pause"))
    state(hands, "Paused")
    hands.press(page.locator("#resume"))
    state(hands, "Running")
    hands.press(page.locator("#cancel"))
    hands.write(dialog.get_by_label(re.compile("^Type")), "stop")
    hands.press(dialog.get_by_role("button", name="Cancel what is left"))
    expect(dialog.locator("[data-error-summary]")).to_be_focused()
    hands.write(dialog.get_by_label(re.compile("^Type")), "cancel")
    hands.press(dialog.get_by_role("button", name="Cancel what is left"))
    state(hands, "Cancelled")
    expect(page.locator("#campaign-progress")).to_contain_text("Cancelled")
    assert page.evaluate("window.countersChecked") > 0


def test_a_campaign_is_scheduled_and_taken_back(journey: Journey) -> None:
    journey.console.expect(422)
    made = furnish(journey.desk, ["ada", "grace"], launched=True)
    hands = journey.enter(journey.desk.person())
    page = hands.page
    open_campaign(hands, made.campaign)
    hands.button("Edit")
    hands.press(page.get_by_role("link", name=re.compile("Schedule")))
    hands.pick(page.get_by_label("At a time"))
    hands.fill("Local time", (utc_now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M"))
    hands.fill("Time zone", "Europe/Nowhere")
    hands.button("Save and continue")
    refused(hands, "zone")
    hands.fill("Time zone", "Asia/Kolkata")
    expect(page.locator("#echo")).to_contain_text("Kolkata")
    hands.button("Save and continue")
    hands.press(page.locator("#schedule"))
    dialog = page.get_by_role("dialog")
    hands.press(dialog.get_by_role("button", name=re.compile("^Schedule for")))
    told(hands, "It is scheduled.")
    state(hands, "Scheduled")
    hands.press(page.locator("#unschedule"))
    state(hands, "Draft")
