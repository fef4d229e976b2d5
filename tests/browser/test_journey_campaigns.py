"""Journeys 6 and 7: a campaign from its name to its last message, and what the ledger says about it."""

from __future__ import annotations

import csv
import io
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import expect

from dashboard.audiences.services import load_rows
from dashboard.campaigns.services import create_campaign
from dashboard.extensions import utc_now
from dashboard.providers.services import From, create_provider
from tests.browser.desk import Desk
from tests.browser.hands import Hands
from tests.browser.journeys import Journey, refused, told
from tests.factories.message_templates import new_template

HTML = '<p>Dear {{ first_name }}</p><p><a href="{{ unsubscribe_url }}">No more of these</a></p>'


@dataclass(frozen=True, slots=True)
class Furniture:
    """Names of what a campaign is made of, one set for each journey."""

    template: str
    audience: str
    provider: str
    campaign: str


def furnish(desk: Desk, people: Sequence[str], launched: bool = False, **settings: int) -> Furniture:
    """A published template, an audience of these people, and a sandbox; with `launched` also a ready campaign."""
    mark = secrets.token_hex(3)
    made = Furniture(f"Letter {mark}", f"People {mark}", f"Sandbox {mark}", f"Spring {mark}")
    with desk.data():
        template = new_template(made.template, published=True, category="promotional", html=HTML)
        rows = ((f"{name}-{mark}@example.com", name.title()) for name in people)
        audience = load_rows(audience_name=made.audience, header=("email", "first_name"), rows=rows)
        provider = create_provider(
            name=made.provider, vendor="sandbox", settings=settings,
            senders=[From("news@example.com", "The shop", is_default=True)],
        )  # fmt: skip
        if launched:
            create_campaign(
                name=made.campaign, actor_id=desk.person().id, template_id=template.id, audience_id=audience.id,
                provider_id=provider.id,
            )  # fmt: skip
    return made


def open_campaign(hands: Hands, name: str) -> None:
    """From the list of campaigns to the page of one."""
    hands.visit("Campaigns")
    hands.press(hands.page.get_by_role("rowheader").get_by_role("link", name=name, exact=True))
    expect(hands.page.get_by_role("heading", name=name, level=1)).to_be_visible()


def launch(hands: Hands) -> None:
    """From the review step to a campaign that runs."""
    hands.press(hands.page.locator("#launch"))
    dialog = hands.page.get_by_role("dialog")
    hands.press(dialog.get_by_role("button", name=re.compile("^Launch to")))
    told(hands, "It is on its way.")


def state(hands: Hands, words: str) -> None:
    """The page of the campaign comes to say that it is in this state; the demonstration may run before it."""
    expect(hands.page.locator("#campaign-head .badge").first).to_have_text(words, timeout=60_000)


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
