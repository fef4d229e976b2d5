"""Journey: an event is wired with conditions, mended, switched on, told over HTTP, and seen in log and reports."""

from __future__ import annotations

import json
import secrets

from playwright.sync_api import expect
from sqlalchemy import select

from dashboard.api_keys.models import Scope
from dashboard.api_keys.services import create_key
from dashboard.extensions import db
from dashboard.ids import parse_public_id
from dashboard.message_templates.services import Draft, create_template, publish, save_draft
from dashboard.messages.models import Message
from tests.browser.desk import Desk
from tests.browser.hands import Hands
from tests.browser.journeys import Journey, told
from tests.browser.shells import code, in_a_shell
from tests.installations import until
from worker.rendering.content import EmailContent

CANCELLED = {
    "order": {"id": "A-1815", "status": "cancelled", "items": [{"sku": "S-7", "count": 2}]},
    "customer": {"first_name": "Ada"},
}
SUBJECT = "Order {{ order.id }} is cancelled"
BODY = "<p>Dear {{ customer.first_name }}, you have your money back within {{ refund_days }} days.</p>"


def _prepare(desk: Desk, mark: str) -> tuple[str, str]:
    """The name of a published email template, and a key that may tell of events."""
    with desk.data():
        template = create_template(name=f"Cancelled {mark}", category="transactional", starter_key="blank")
        content = EmailContent(subject=SUBJECT, html=BODY)
        draft = Draft(name=template.name, category="transactional", content=content, sample={})
        save_draft(template_id=template.id, draft=draft, version=None)
        publish(template_id=template.id, note="")
        return template.name, create_key(name=f"Shop {mark}", scopes=[Scope.EVENTS])[1]


def test_an_event_is_wired_told_and_seen(journey: Journey) -> None:
    mark = secrets.token_hex(3)
    template, key = _prepare(journey.desk, mark)
    hands = journey.enter(journey.desk.person(email="me@example.com"))
    name = f"Order cancelled {mark}"
    _make(hands, name)
    _condition(hands)
    _choose_template(hands, template)
    _mend(hands)
    _try(hands)
    _switch_on(hands, name)
    message = _tell(journey.desk, hands, key)
    _see_it_in_the_log(hands, message)
    _see_it_in_the_reports(hands, template)


def _tab(hands: Hands, words: str) -> None:
    hands.press(hands.page.get_by_label("Parts of the event").get_by_role("link", name=words, exact=True))
    expect(hands.page.get_by_label("Parts of the event").locator("[aria-current]")).to_have_text(words)


def _make(hands: Hands, name: str) -> None:
    page = hands.page
    hands.visit("Events")
    hands.press(page.get_by_role("main").get_by_role("link", name="New event").first)
    hands.fill("Name", name)
    hands.fill("Group", "Orders")
    hands.fill("Sample payload", json.dumps(CANCELLED))
    hands.button("Create event")
    told(hands, "is there. It is off for now.")
    told(hands, "Next: choose what is sent")
    _tab(hands, "Variables")
    expect(page.get_by_label("Path of order.items.sku")).to_have_value("order.items.sku")
    expect(page.get_by_label("customer.first_name is personal")).to_be_checked()


def _condition(hands: Hands) -> None:
    """Cancelled, and for one product."""
    page = hands.page
    _tab(hands, "Conditions")
    hands.choose(page.locator("#path-0-0"), "order.status")
    hands.write(page.locator("#value-0-0"), "cancelled")
    told(hands, "Send only if order.status is cancelled.")
    hands.button("Add a condition")
    hands.choose(page.locator("#path-0-1"), "order.items.sku")
    hands.write(page.locator("#value-0-1"), "S-7")
    told(hands, "Send only if order.status is cancelled and order.items.sku is S-7.")
    hands.button("Try them")
    told(hands, "It would be sent.")
    hands.button("Save conditions")
    told(hands, "Saved. Send only if order.status is cancelled and order.items.sku is S-7.")


def _choose_template(hands: Hands, template: str) -> None:
    page = hands.page
    _tab(hands, "Deliveries")
    hands.tick(page.get_by_label("Send by email"))
    hands.choose(page.locator("#email-template"), template)
    hands.button("Save channels")
    told(hands, "The channels are saved.")
    told(hands, "Nowhere: nothing provides it")


def _mend(hands: Hands) -> None:
    """A variable of the template comes from nowhere: that is what is in the way."""
    page = hands.page
    hands.press(page.locator("#switch"))
    told(hands, "Something is missing")
    hands.press(page.locator("#dialog").get_by_role("link", name="See the coverage"))
    told(hands, "It cannot be switched on yet")
    hands.press(page.get_by_role("link", name="Add it to the event"))
    expect(page.get_by_label("Path of refund_days")).to_have_value("refund_days")
    hands.write(page.get_by_label("Sample of refund_days"), "5")
    hands.button("Save variables")
    told(hands, "The variables are saved.")
    _tab(hands, "Overview")
    told(hands, "Nothing is in the way")


def _try(hands: Hands) -> None:
    page = hands.page
    _tab(hands, "Try it")
    hands.button("Dry run")
    told(hands, "It would be sent by Email.")
    told(hands, "Order A-1815 is cancelled")
    expect(page.frame_locator("#mail-of-the-trial").get_by_text("within 5 days")).to_be_visible()
    hands.write(page.get_by_label("Payload"), json.dumps({**CANCELLED, "refund_days": "5", "order": _order("packed")}))
    hands.button("Dry run")
    told(hands, "A condition did not hold: order.status is cancelled.")


def _order(status: str) -> dict[str, object]:
    return {"id": "A-1816", "status": status, "items": [{"sku": "S-7"}]}


def _switch_on(hands: Hands, name: str) -> None:
    page = hands.page
    _tab(hands, "Overview")
    hands.press(page.locator("#switch"))
    told(hands, "From the next one on that an application tells")
    hands.press(page.locator("#dialog").get_by_role("button", name="Switch on"))
    told(hands, f"{name} is on from now.")


def _tell(desk: Desk, hands: Hands, key: str) -> str:
    """Tell of it with the curl of its page, once as it stands there and once for an order that is only packed."""
    page = hands.page
    hands.press(page.locator("summary", has_text="Copy as curl"))
    command = code(page.get_by_role("main"), "curl -X POST")
    answer = in_a_shell(command, API_KEY=key)
    assert (answer["decision"], [one["channel"] for one in answer["messages"]]) == ("matched", ["email"])
    packed = in_a_shell(command.replace('"cancelled"', '"packed"'), API_KEY=key)
    assert (packed["decision"], packed["messages"]) == ("filtered", [])
    message = str(answer["messages"][0]["message"])
    until(lambda: _state(desk, message) == "sent", 60, "the message is not sent")
    return message


def _state(desk: Desk, message: str) -> str | None:
    with desk.data():
        return db.session.scalar(select(Message.state).where(Message.id == parse_public_id("msg", message)))


def _see_it_in_the_log(hands: Hands, message: str) -> None:
    page = hands.page
    _tab(hands, "Log")
    told(hands, "A condition did not hold: order.status is cancelled.")
    hands.press(page.get_by_label("States").get_by_role("link", name="Sent"))
    hands.press(page.locator("tbody").get_by_role("link", name="evr_").first)
    told(hands, "Every channel was handed over, or is not needed.")
    told(hands, '"first_name": "•••"')
    hands.press(page.get_by_role("link", name=message))
    told(hands, "Event received")


def _see_it_in_the_reports(hands: Hands, template: str) -> None:
    page = hands.page
    hands.visit("Reports")
    hands.press(page.get_by_role("main").get_by_role("link", name="Templates", exact=True).first)
    row = page.locator("tr", has_text=template)
    expect(row.locator("td").first).to_have_text("1")
