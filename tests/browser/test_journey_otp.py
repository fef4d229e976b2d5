"""Journey: one-time codes set up, tried on the bench with the own phone, and looked into when one did not get in."""

from __future__ import annotations

import secrets

from playwright.sync_api import expect
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.message_templates.services import create_template, publish
from dashboard.providers.models import Provider
from dashboard.providers.services import From, create_provider
from tests.browser.desk import Desk
from tests.browser.hands import Hands
from tests.browser.journeys import Journey, told
from tests.factories.otp import code_from_sandbox


def _prepare(desk: Desk) -> tuple[str, str]:
    """The names of a template that carries a code and of a provider of text messages."""
    mark = secrets.token_hex(3)
    with desk.data():
        template = create_template(name=f"Code {mark}", category="otp", starter_key="sms_code")
        publish(template_id=template.id, note="")
        sender = From("SHOPEX", "", is_default=True)
        create_provider(name=f"Phones {mark}", vendor="sandbox_sms", settings={}, senders=[sender])
        assert db.session.scalars(select(Provider).where(Provider.name == f"Phones {mark}")).one()
    return f"Code {mark}", f"Phones {mark}"


def test_codes_are_set_up_tried_and_looked_into(journey: Journey) -> None:
    template, provider = _prepare(journey.desk)
    number = f"+9198200{secrets.randbelow(90000) + 10000}"
    hands = journey.enter(journey.desk.person(phone=number))
    name = f"Sign-in {secrets.token_hex(3)}"
    _set_up(hands, name, template, provider)
    _send(hands, name)
    with journey.desk.data():
        code = code_from_sandbox(number)
    _verify(hands, code)
    _look_into(hands, number, code)


def _set_up(hands: Hands, name: str, template: str, provider: str) -> None:
    page = hands.page
    hands.visit("OTP")
    hands.press(page.get_by_role("link", name="New configuration").first)
    hands.fill("Name", name)
    hands.choose(page.get_by_label("Channels", exact=True), "SMS only")
    hands.choose(page.get_by_label("SMS template"), template)
    hands.choose(page.get_by_label("SMS provider"), provider)
    hands.fill("Resend wait", "0")
    hands.button("Add configuration")
    told(hands, "is ready. Try it.")
    told(hands, "A user gets 6 digits by SMS, has 5 minutes and 3 tries, can ask again at once; the old code stops")


def _send(hands: Hands, name: str) -> None:
    page = hands.page
    hands.visit("OTP")
    hands.press(page.get_by_role("link", name="Test bench"))
    hands.choose(page.get_by_label("Configuration", exact=True), name)
    hands.button("Send me a code")
    expect(page.locator("#live .badge").first).to_have_text("Sent")
    expect(page.locator("#live")).to_contain_text("3 of 3 tries")


def _verify(hands: Hands, code: str) -> None:
    page = hands.page
    hands.fill("Code", "nothing")
    hands.button("Verify")
    told(hands, "The code is wrong.")
    expect(page.locator("#live")).to_contain_text("2 of 3 tries")
    hands.fill("Code", code)
    hands.button("Verify")
    told(hands, "The code is right.")
    expect(page.locator("#live .badge").first).to_have_text("Verified")


def _look_into(hands: Hands, number: str, code: str) -> None:
    page = hands.page
    hands.visit("OTP")
    hands.press(page.get_by_role("link", name="Attempts"))
    hands.write(page.get_by_label("Number or address"), number)
    hands.button("Find")
    assert number not in page.url
    hands.press(page.get_by_role("link", name=number))
    told(hands, "The right code came")
    hands.press(page.locator("main").get_by_role("link", name="msg_").first)
    for tab in ("Content", "Data"):
        hands.press(page.get_by_role("link", name=tab, exact=True))
        told(hands, "••••••")
        assert code not in page.content()
