"""Journey: events of the standard set are taken over with their texts, subscribed and unsubscribed several at once."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from dashboard.message_templates.services import create_template
from tests.browser.desk import Desk
from tests.browser.hands import Hands
from tests.browser.journeys import Journey, refused, told

#: Two events for each way, since one desk serves both; the second has no text for push.
BY_MOUSE = (("order_shipped", "Order shipped"), ("return_requested", "Return requested"))
BY_KEYBOARD = (("order_delayed", "Order delayed"), ("review_requested", "Review requested"))


def _prepare(desk: Desk, name: str) -> None:
    """A template of somebody's own that is called as the copy would be."""
    with desk.data():
        create_template(name=f"{name}, email", category="transactional", starter_key="blank")


def test_standard_events_are_taken_over_and_subscribed(journey: Journey) -> None:
    chosen = BY_KEYBOARD if journey.by_keyboard else BY_MOUSE
    names = [name for _, name in chosen]
    _prepare(journey.desk, names[0])
    journey.console.expect(422)
    hands = journey.enter(journey.desk.person())
    _choose_none(hands)
    _take(hands, names)
    _see_them(hands, names)
    _subscribe(hands, names)
    _see_them_as_ones_own(hands, names)
    _make_one_that_exists(hands, *chosen[0])


def _box(hands: Hands, name: str) -> Locator:
    return hands.page.get_by_label(f"Select {name}", exact=True)


def _row(hands: Hands, name: str) -> Locator:
    return hands.page.locator("tr").filter(has=hands.page.get_by_role("link", name=name, exact=True))


def _choose_none(hands: Hands) -> None:
    hands.visit("Events")
    hands.press(hands.page.get_by_role("main").get_by_role("link", name="Standard events").first)
    expect(hands.page.get_by_role("heading", name="Standard events", level=1)).to_be_visible()
    hands.button("Add the ticked events")
    refused(hands, "Tick the events that you want.")


def _take(hands: Hands, names: list[str]) -> None:
    """What was ticked stays ticked over a change of mind about the texts."""
    page = hands.page
    for name in names:
        hands.tick(_box(hands, name))
        expect(_box(hands, name)).to_be_checked()
    hands.pick(page.get_by_role("radio", name="Published"))
    hands.button("Add the ticked events")
    told(hands, "2 events are there, switched off. Look at the texts, then switch on what you need.")


def _see_them(hands: Hands, names: list[str]) -> None:
    """Both with copies of their texts; the template that had the name is left alone."""
    first, second = (_row(hands, name) for name in names)
    expect(first).to_contain_text(f"{names[0]}, email 2")
    expect(first).to_contain_text(f"{names[0]}, push")
    expect(second).to_contain_text(f"{names[1]}, SMS")
    for row in (first, second):
        expect(row).to_contain_text("Off")


def _subscribe(hands: Hands, names: list[str]) -> None:
    page = hands.page
    channel = page.locator("#bulk-channel")
    hands.button("Subscribe")
    told(hands, "Tick the events first, then choose a channel.")
    for words, channel_words, button in (
        ("Email is not subscribed any more for 2 of 2 events.", "Email", "Unsubscribe"),
        ("Email is subscribed for 2 of 2 events.", "Email", "Subscribe"),
        (f"{names[1]} has no template for push. Choose one first.", "Push", "Subscribe"),
        ("SMS was so already for all 2 of them.", "SMS", "Subscribe"),
    ):
        for name in names:
            hands.tick(_box(hands, name))
        hands.choose(channel, channel_words)
        hands.button(button)
        told(hands, words)
    expect(_row(hands, names[0])).to_contain_text(f"{names[0]}, email 2")


def _see_them_as_ones_own(hands: Hands, names: list[str]) -> None:
    page = hands.page
    hands.press(page.get_by_role("main").get_by_role("link", name="Standard events").first)
    expect(page.get_by_role("heading", name="Standard events", level=1)).to_be_visible()
    for name in names:
        expect(_row(hands, name)).to_contain_text("yours")
        expect(_box(hands, name)).to_have_count(0)
    hands.press(page.get_by_role("main").get_by_role("link", name=names[0], exact=True))
    expect(page.get_by_role("heading", name=names[0], level=1)).to_be_visible()


def _make_one_that_exists(hands: Hands, slug: str, name: str) -> None:
    hands.visit("Events")
    hands.press(hands.page.get_by_role("main").get_by_role("link", name="New event").first)
    hands.fill("Name", name)
    hands.button("Create event")
    refused(hands, "There is already an event of this slug.")
    expect(hands.field("Slug")).to_have_value(slug)
