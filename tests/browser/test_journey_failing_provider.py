"""A provider is failing: its traffic moves by itself, everybody sees why, the default is switched and taken back."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import expect
from sqlalchemy import select

from dashboard.audiences.services import load_rows
from dashboard.campaigns.services import create_campaign, launch_campaign
from dashboard.extensions import db
from dashboard.message_templates.models import Template
from dashboard.messages.models import Message
from dashboard.providers.routes import Entry, entries_of, set_route
from dashboard.providers.services import From, create_provider
from tests.browser.desk import Desk
from tests.browser.journeys import Journey, told
from tests.installations import free_port, until

PEOPLE = 300
NEWS = From("news@example.com", "The shop", is_default=True)


class Register:
    """Writes down every recipient that it accepts."""

    def __init__(self) -> None:
        self.accepted: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.accepted += envelope.rcpt_tos
        return "250 2.0.0 taken"


class Relay:
    """A real SMTP server of this test with what it took."""

    def __init__(self) -> None:
        self.register = Register()
        self.port = free_port()
        self._controller = Controller(self.register, hostname="127.0.0.1", port=self.port)
        self._controller.start()
        self._running = True

    def stop(self) -> None:
        if self._running:
            self._running = False
            self._controller.stop()


@pytest.fixture
def relays() -> Iterator[tuple[Relay, Relay]]:
    first, second = Relay(), Relay()
    yield first, second
    first.stop()
    second.stop()


@pytest.fixture
def routed(desk: Desk, relays: tuple[Relay, Relay]) -> Iterator[tuple[str, str]]:
    """Two mail servers that share the route of promotional email, the first one first; their names."""
    names = [f"{word} {secrets.token_hex(3)}" for word in ("Main", "Spare")]
    with desk.data():
        before = entries_of("email", "promotional")
        made = [
            create_provider(
                name=name,
                vendor="smtp",
                settings={"host": "127.0.0.1", "port": relay.port, "security": "none"},
                senders=[NEWS],
                rate_per_second=60,
            ).id
            for name, relay in zip(names, relays, strict=True)
        ]
        set_route(channel="email", category="promotional", entries=[Entry(provider) for provider in made])
    yield names[0], names[1]
    with desk.data():
        set_route(channel="email", category="promotional", entries=before)


def launch(desk: Desk) -> int:
    """A campaign to so many people by whatever the route says; its job."""
    with desk.data():
        template = db.session.scalars(
            select(Template).where(Template.channel == "email", Template.published_version_id.is_not(None))
        ).first()
        assert template is not None
        header = ("email", "first_name", "discount", "ends_on", "code")
        rows = [(f"failover{number}@example.com", "Ada", "10", "Sunday", "X") for number in range(PEOPLE)]
        audience = load_rows(audience_name=f"Failover {secrets.token_hex(3)}", header=header, rows=rows)
        campaign = create_campaign(
            name=f"Failover {secrets.token_hex(3)}", actor_id=None, template_id=template.id, audience_id=audience.id
        )
        return launch_campaign(campaign_id=campaign.id, actor_id=None).id


def test_the_rest_moves_to_the_next_provider(
    journey: Journey, relays: tuple[Relay, Relay], routed: tuple[str, str]
) -> None:
    desk, (first, second) = journey.desk, relays
    desk.await_demonstration()  # there is one campaign worker here
    hands = journey.enter(desk.person())
    page = hands.page
    job_id = launch(desk)
    until(lambda: len(first.register.accepted) >= 20, 20, "the first server takes nothing")
    first.stop()
    desk.await_job(job_id, 90)

    hands.visit("Providers")
    told(hands, f"{routed[0]} is failing")
    hands.press(page.locator("#problem-banner").get_by_role("link", name="Look").first)
    told(hands, "When its traffic went elsewhere")
    taken = Counter(first.register.accepted) + Counter(second.register.accepted)
    assert len(taken) == PEOPLE
    assert second.register.accepted
    assert doubled(taken) <= marked(desk, job_id)

    hands.visit("Providers")
    hands.press(page.get_by_role("link", name="Change the route of promotional email"))
    dialog = page.get_by_role("dialog")
    hands.choose(dialog.get_by_label("Provider at place 1"), routed[1])
    hands.choose(dialog.get_by_label("Provider at place 2"), routed[0])
    hands.press(dialog.get_by_role("button", name="Save route"))
    told(hands, re.compile(f"goes by {routed[1]}, {routed[0]}"))
    hands.press(page.get_by_role("button", name="Undo"))
    told(hands, re.compile(f"goes by {routed[0]}, {routed[1]}"))
    expect(page.locator("#routing")).to_contain_text(f"then {routed[1]}")


def doubled(taken: Counter[str]) -> set[str]:
    return {address for address, times in taken.items() if times > 1}


def marked(desk: Desk, job_id: int) -> set[str]:
    """Who may have got it twice, as the ledger says."""
    with desk.data():
        statement = select(Message.recipient).where(Message.job_id == job_id, Message.maybe_twice)
        return set(db.session.scalars(statement))
