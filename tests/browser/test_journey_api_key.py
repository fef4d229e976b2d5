"""Journey: an administrator makes an API key, and its curl calls work as they are copied."""

from __future__ import annotations

import secrets

from playwright.sync_api import expect
from sqlalchemy import select

from dashboard.extensions import db
from dashboard.ids import parse_public_id
from dashboard.message_templates.models import Template
from dashboard.messages.models import Message
from tests.browser.desk import Desk
from tests.browser.journeys import Journey
from tests.browser.shells import code, in_a_shell
from tests.installations import until


def state_of(desk: Desk, message: str) -> str | None:
    with desk.data():
        return db.session.scalar(select(Message.state).where(Message.id == parse_public_id("msg", message)))


def test_a_key_is_made_and_its_curl_sends(journey: Journey) -> None:
    desk = journey.desk
    hands = journey.enter(desk.person())
    page = hands.page
    name = f"Shop {secrets.token_hex(3)}"
    hands.visit("API keys")
    hands.press(page.get_by_role("main").get_by_role("link", name="New API key").first)
    hands.fill("Name", name)
    hands.tick(page.get_by_label("Send messages, ask for their state"))
    hands.button("Make key")
    expect(page.get_by_text("Shown this once")).to_be_visible()
    key = code(page.get_by_role("main"), "export API_KEY=").removeprefix("export API_KEY=").strip()
    known = in_a_shell(code(page.get_by_role("main"), "curl -X GET"), API_KEY=key)
    assert (known["name"], known["scopes"]) == (name, ["send"])

    hands.press(page.get_by_role("link", name="I have copied it"))
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert key not in page.content()

    with desk.data():
        published = select(Template).where(Template.published_version_id.is_not(None), Template.archived_at.is_(None))
        template = db.session.scalars(published.order_by(Template.id)).first()
        assert template is not None
        path = f"/templates/{template.public_id}"
    page.goto(f"{desk.address}{path}")
    hands.press(page.locator("summary", has_text="Copy as curl"))
    sent = in_a_shell(code(page.get_by_role("main"), "curl -X POST"), API_KEY=key)
    message = sent["messages"][0]["id"]
    until(lambda: state_of(desk, message) in ("sent", "failed"), 60, "the message is not sent")
    assert state_of(desk, message) == "sent"

    page.goto(f"{desk.address}/messages/{message}")
    hands.press(page.locator("summary", has_text="Copy as curl"))
    told = in_a_shell(code(page.get_by_role("main"), "curl -X GET"), API_KEY=key)
    assert (told["id"], told["state"]) == (message, "sent")
