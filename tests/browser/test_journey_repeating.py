"""A campaign that repeats by cron until its end: what the rule means is shown, its runs are made and listed."""

from __future__ import annotations

import re
from datetime import timedelta

from playwright.sync_api import expect
from sqlalchemy import select

from dashboard.campaigns.models import Campaign
from dashboard.extensions import db, transaction, utc_now
from tests.browser.campaigns import furnish, open_campaign, state
from tests.browser.desk import Desk
from tests.browser.hands import Hands
from tests.browser.journeys import Journey, refused, told
from tests.installations import until


def campaign_named(name: str) -> Campaign:
    return db.session.scalars(select(Campaign).where(Campaign.name == name)).one()


def let_its_time_come(desk: Desk, name: str, *, last: bool = False) -> None:
    """Its next run is due now, and with `last` nothing comes after it; wait for the scheduler and for that run."""
    with desk.data():
        before = campaign_named(name).last_job_id
        with transaction():
            campaign = campaign_named(name)
            campaign.next_run_at = utc_now() - timedelta(seconds=1)
            campaign.cron_until = utc_now() if last else campaign.cron_until

    def job_id() -> int | None:
        with desk.data():
            made = campaign_named(name).last_job_id
            return made if made != before else None

    until(job_id, 60, "the scheduler does not start it")
    desk.await_job(job_id() or 0)


def test_a_campaign_repeats_until_its_end(journey: Journey) -> None:
    journey.console.expect(422)
    journey.desk.await_demonstration()  # there is one campaign worker here
    made = furnish(journey.desk, ["ada", "grace"], launched=True)
    hands = journey.enter(journey.desk.person())
    page = hands.page
    open_campaign(hands, made.campaign)
    hands.button("Edit")
    hands.press(page.get_by_role("link", name=re.compile("Schedule")))
    _choose_the_rule(hands)
    hands.press(page.locator("#schedule"))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("30 9 * * 1-5")
    hands.press(dialog.get_by_role("button", name="Schedule for 2 recipients"))
    told(hands, "It is scheduled.")
    state(hands, "Scheduled")
    expect(page.get_by_text("Nothing has been sent yet")).to_be_visible()
    coming = page.locator(".card", has=page.get_by_role("heading", name="Next runs"))
    expect(coming.get_by_role("listitem")).to_have_count(5)
    expect(coming).to_contain_text("Ends ")

    let_its_time_come(journey.desk, made.campaign)
    open_campaign(hands, made.campaign)
    state(hands, "Scheduled")  # its next time is shown again
    runs = page.get_by_role("region", name="Runs", exact=True).locator("tbody tr")
    expect(runs).to_have_count(1)
    expect(runs.first).to_contain_text("Finished")
    expect(coming.get_by_role("listitem")).to_have_count(5)

    let_its_time_come(journey.desk, made.campaign, last=True)
    open_campaign(hands, made.campaign)
    state(hands, "Finished")
    expect(runs).to_have_count(2)
    expect(coming).to_have_count(0)
    hands.press(runs.last.get_by_role("link"))
    expect(page.get_by_role("heading", name=f"Run of {made.campaign}")).to_be_visible()
    told(hands, "2 = 2 sent")
    hands.press(page.locator("main").get_by_role("link", name="Messages", exact=True))
    expect(page.locator(".result-count")).to_contain_text("2 messages")


def _choose_the_rule(hands: Hands) -> None:
    """Wrong rules say what is wrong with them while they are typed, and again where they are saved."""
    page, echo = hands.page, hands.page.locator("#echo")
    hands.pick(page.get_by_label("Again and again"))
    hands.fill("Cron rule", "30 9 * *")
    expect(echo).to_contain_text("five fields are needed (minute, hour, day of month, month, day of week), here are 4")
    hands.fill("Cron rule", "* * * * *")
    expect(echo).to_contain_text("It would run every minute. The shortest repeat is 15 minutes")
    hands.button("Save and continue")
    refused(hands, "It would run every minute.")
    expect(hands.field("Cron rule")).to_have_value("* * * * *")
    hands.fill("Cron rule", "30 9 * * 1-5")
    expect(echo.locator("ol").get_by_role("listitem")).to_have_count(5)
    hands.fill("Last day", "2020-01-01")
    expect(echo).to_contain_text("It would never run before that day ends.")
    hands.button("Save and continue")
    refused(hands, "It would never run before that day ends.")
    hands.fill("Last day", (utc_now() + timedelta(days=60)).strftime("%Y-%m-%d"))
    expect(echo.locator("ol").get_by_role("listitem")).to_have_count(5)
    hands.fill("Time zone", "Europe/Berlin")
    expect(echo).to_contain_text(re.compile("09:30.*Berlin"))
    hands.button("Save and continue")
    expect(page.locator("#preflight")).to_contain_text("checks passed")
