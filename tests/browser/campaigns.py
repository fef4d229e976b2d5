"""What journeys with campaigns share: the things a campaign is made of, and the way from its page to its run."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from playwright.sync_api import expect

from dashboard.audiences.services import load_rows
from dashboard.campaigns.services import create_campaign
from dashboard.providers.services import From, create_provider
from tests.browser.desk import Desk
from tests.browser.hands import Hands
from tests.browser.journeys import told
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
