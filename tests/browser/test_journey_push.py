"""A push campaign: from its template over a vendor's own protocol to the last number, and a dead device left out."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from playwright.sync_api import expect

from dashboard.audiences.services import load_rows
from dashboard.providers.services import create_provider
from tests.browser.campaigns import launch, state
from tests.browser.desk import Desk
from tests.browser.hands import Hands
from tests.browser.journeys import Journey, told
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer, vendor_server
from tests.worker.providers.push.keys import pem

MESSAGES = "/v1/projects/shop/messages:send"


@dataclass(frozen=True, slots=True)
class Furniture:
    """Names and devices of one journey, and the vendor's server."""

    mark: str
    vendor: VendorServer

    @property
    def devices(self) -> list[str]:
        """The last one is gone from its phone."""
        return [f"{name}-{self.mark}" for name in ("ada", "grace", "linus", "mira", "gone")]


def answer(seen: Seen) -> Answer:
    token = seen.json["message"]["token"]
    if token.startswith("gone"):
        code = {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "UNREGISTERED"}
        error = {"code": 404, "status": "NOT_FOUND", "message": "The app was removed.", "details": [code]}
        return json_answer({"error": error}, 404)
    return json_answer({"name": f"projects/shop/messages/0:{token}"})


@pytest.fixture
def made(desk: Desk) -> Iterator[Furniture]:
    """A vendor on loopback, a provider that is its customer, an audience of devices."""
    key = pem(rsa.generate_private_key(65537, 2048))
    account = {
        "project_id": "shop",
        "client_email": "shop@example.com",
        "private_key": key,
        "token_uri": "https://token.example.com",
    }
    with vendor_server() as vendor:
        vendor.answer = answer
        vendor.always_at["/token"] = json_answer({"access_token": "let-in", "expires_in": 3599})
        made = Furniture(secrets.token_hex(3), vendor)
        addresses = {"url": vendor.url, "token_url": f"{vendor.url}/token"}
        with desk.data():
            settings = {"service_account": json.dumps(account), **addresses}
            create_provider(name=f"Phones {made.mark}", vendor="firebase", settings=settings, senders=[])
            header = ("push_token", "first_name", "order_number")
            rows = [(device, device.partition("-")[0].title(), f"A-{n}") for n, device in enumerate(made.devices)]
            load_rows(audience_name=f"Devices {made.mark}", header=header, rows=rows)
        yield made


def test_a_notification_is_written_and_sent_to_devices(journey: Journey, made: Furniture) -> None:
    hands = journey.enter(journey.desk.person())
    page = hands.page
    _write(hands, made)
    hands.visit("Campaigns")
    hands.button("New campaign")
    hands.fill("Name", f"Parcels {made.mark}")
    hands.button("Create and continue")
    _fill_the_steps(hands, made)
    launch(hands)
    state(hands, "Finished with failures")
    for words, count in (("Sent", "4"), ("Bounced", "1")):
        expect(page.locator("#campaign-progress .stat", has_text=words).locator(".stat-value")).to_have_text(count)
    expect(page.locator("#errors")).to_contain_text("unregistered")
    expect(page.locator("#campaign-equation")).to_contain_text(re.compile(r"^5 = "))
    assert page.evaluate("window.countersChecked") > 0

    seen = [one.json["message"] for one in made.vendor.seen_at(MESSAGES)]
    assert sorted(one["token"] for one in seen) == sorted(made.devices)
    assert {one["notification"]["title"] for one in seen} >= {"Ada, it left", "Mira, it left"}
    assert {one["data"]["order"] for one in seen} == {f"A-{number}" for number in range(5)}
    _read_the_ledger(hands, made)
    _leave_out_the_dead_device(hands, made)


def _write(hands: Hands, made: Furniture) -> None:
    page = hands.page
    hands.visit("Templates")
    hands.button("New template")
    hands.press(page.get_by_role("navigation", name="Channel").get_by_role("link", name="Push"))
    hands.fill("Name", f"Left {made.mark}")
    hands.button("Create and edit")
    hands.fill("Title", "{{ first_name }}, it left")
    expect(page.locator(".lock[data-system=android]")).to_contain_text("Asha, it left")
    hands.edit(page.locator(".editor-host .cm-content").first, "It arrives tomorrow.")
    expect(page.locator(".lock[data-system=android]")).to_contain_text("It arrives tomorrow.")
    hands.save()
    expect(page.locator("#save-state")).to_contain_text("Saved ")
    hands.button("Review and publish")
    hands.button("Publish version 1")
    expect(page.get_by_role("link", name="Edit", exact=True)).to_be_visible()


def _fill_the_steps(hands: Hands, made: Furniture) -> None:
    page = hands.page
    expect(page.locator("#audience-form")).to_be_visible()
    hands.choose(hands.field("Audience"), f"Devices {made.mark}")
    expect(page.locator("#funnel")).to_contain_text("To send")
    hands.button("Save and continue")
    hands.choose(hands.field("Template"), f"Left {made.mark}")
    expect(page.locator("#coverage")).to_contain_text("first_name")
    hands.choose(hands.field("Provider"), f"Phones {made.mark}")
    told(hands, f"Phones {made.mark} sends it.")
    hands.button("Save and continue")
    expect(page.locator("#schedule-form")).to_be_visible()
    hands.button("Save and continue")
    expect(page.locator("#preflight")).to_contain_text("checks passed")


def _read_the_ledger(hands: Hands, made: Furniture) -> None:
    page = hands.page
    hands.press(page.get_by_role("link", name="This run", exact=True))
    expect(page.get_by_role("heading", name=f"Run of Parcels {made.mark}")).to_be_visible()
    hands.press(page.locator("main").get_by_role("link", name="Messages", exact=True))
    expect(page.locator(".result-count")).to_contain_text("5 messages")
    hands.press(page.locator("#results tbody a").first)
    expect(page.locator(".timeline")).to_be_visible()


def _leave_out_the_dead_device(hands: Hands, made: Furniture) -> None:
    page = hands.page
    hands.visit("Campaigns")
    hands.press(page.get_by_role("rowheader").get_by_role("link", name=f"Parcels {made.mark}", exact=True))
    hands.menu("more", "Duplicate")
    hands.press(page.get_by_role("link", name=re.compile("Review")))
    expect(page.locator("#preflight")).to_contain_text("1 suppressed")
    launch(hands)
    state(hands, "Finished")
    expect(page.locator("#campaign-progress .stat", has_text="Suppressed").locator(".stat-value")).to_have_text("1")
    assert len(made.vendor.seen_at(MESSAGES)) == 9
