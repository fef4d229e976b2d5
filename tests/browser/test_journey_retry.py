"""A provider refuses a share of a campaign; once it takes everything, what failed is sent again, and nobody twice."""

from __future__ import annotations

import re
from collections import Counter

from playwright.sync_api import expect
from sqlalchemy import select

from dashboard.campaigns.models import Campaign
from dashboard.extensions import db
from dashboard.messages.models import Message
from dashboard.providers.models import SandboxMail
from tests.browser.campaigns import Furniture, furnish, launch, open_campaign, state
from tests.browser.desk import Desk
from tests.browser.hands import Hands
from tests.browser.journeys import Journey, told

PEOPLE = 40


def ledger_of(desk: Desk, name: str) -> tuple[Counter[str], Counter[str]]:
    """Messages of a campaign by state, and the mail that arrived by recipient."""
    with desk.data():
        mine = select(Message.id).join(Campaign, Campaign.id == Message.campaign_id).where(Campaign.name == name)
        states = db.session.scalars(select(Message.state).where(Message.id.in_(mine)))
        mails = db.session.scalars(select(SandboxMail.recipient).where(SandboxMail.message_id.in_(mine)))
        return Counter(states), Counter(mails)


def stat(hands: Hands, words: str) -> int:
    """One of the numbers of the run that the page shows."""
    text = hands.page.locator("#campaign-progress .stat", has_text=words).locator(".stat-value").inner_text()
    return int(re.sub(r"\D", "", text))


def test_what_was_refused_is_sent_again_and_adds_up(journey: Journey) -> None:
    journey.console.expect(422)
    journey.desk.await_demonstration()  # there is one campaign worker here
    made = furnish(journey.desk, [f"person{number}" for number in range(PEOPLE)], launched=True, fail_percent=40)
    hands = journey.enter(journey.desk.person())
    page = hands.page
    open_campaign(hands, made.campaign)
    hands.button("Edit")
    hands.press(page.get_by_role("link", name=re.compile("Review")))
    launch(hands)
    state(hands, "Finished with failures")
    failed = stat(hands, "Failed")
    assert 0 < failed < PEOPLE
    assert stat(hands, "Sent") == PEOPLE - failed
    expect(page.locator("#errors")).to_contain_text(str(failed))

    _mend_the_provider(hands, made)
    open_campaign(hands, made.campaign)
    _send_again(hands, failed)
    state(hands, "Finished")
    expect(page.get_by_role("heading", name="Last run: what failed, sent again")).to_be_visible()
    assert (stat(hands, "Sent"), stat(hands, "Failed")) == (failed, 0)
    runs = page.get_by_role("region", name="Runs", exact=True).locator("tbody tr")
    expect(runs).to_have_count(2)
    expect(runs.first).to_contain_text("again")
    assert page.evaluate("window.countersChecked") > 0

    states, arrived = ledger_of(journey.desk, made.campaign)
    assert states == {"sent": PEOPLE, "failed": failed}
    assert sorted(arrived.values()) == [1] * PEOPLE
    hands.press(runs.last.get_by_role("link"))
    told(hands, f"{PEOPLE} = ")
    hands.press(page.locator("#retry"))
    told(hands, "All of them were sent again already")
    expect(page.get_by_role("dialog").get_by_role("button", name="Send again")).to_have_count(0)


def _mend_the_provider(hands: Hands, made: Furniture) -> None:
    page = hands.page
    hands.visit("Providers")
    hands.press(page.get_by_role("link", name=made.provider, exact=True).first)
    hands.press(page.get_by_role("link", name="Configuration"))
    hands.fill("Failing, %", "140")
    hands.save()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    hands.fill("Failing, %", "0")
    hands.save()
    told(hands, "Saved.")


def _send_again(hands: Hands, failed: int) -> None:
    """Refusals for good are not ticked: whoever sends again has to say that they mean them."""
    page, dialog = hands.page, hands.page.get_by_role("dialog")
    hands.press(page.locator("#retry"))
    box = dialog.get_by_role("checkbox")
    expect(box).not_to_be_checked()
    hands.press(dialog.get_by_role("button", name="Send again"))
    expect(dialog.locator("[data-error-summary]")).to_be_focused()
    expect(dialog).to_contain_text("Choose at least one group of errors.")
    hands.tick(box)
    hands.press(dialog.get_by_role("button", name="Send again"))
    told(hands, f"{failed} messages are sent again.")
