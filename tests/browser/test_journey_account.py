"""Journey 1: signing in, the own password, a second factor, and an administrator's users."""

from __future__ import annotations

import secrets
import time

import pyotp
from playwright.sync_api import expect

from tests.browser.hands import Hands
from tests.browser.journeys import Journey, refused, told

PASSWORD = "correct horse"
NEW_PASSWORD = "a better horse than before"


def sign_in(hands: Hands, username: str, password: str) -> None:
    """Give name and password on the sign-in page."""
    hands.fill("User name", username)
    hands.fill("Password", password)
    hands.button("Sign in")


def test_somebody_signs_in_and_secures_their_account(journey: Journey) -> None:
    journey.console.expect(401, 422, 429)
    person = journey.desk.person()
    hands = journey.enter(path="/me/security")
    for username in ("nobody-at-all", person.username):
        sign_in(hands, username, "a wrong password")
        refused(hands, "The name or the password is not right")
    sign_in(hands, person.username, PASSWORD)
    expect(hands.page.get_by_role("heading", name="Password and two-factor", level=1)).to_be_visible()

    _change_the_password(hands)
    device, codes = _turn_two_factor_on(hands)
    hands.menu("user-menu", "Sign out")
    expect(hands.page.get_by_role("heading", name="Sign in")).to_be_visible()

    sign_in(hands, person.username, NEW_PASSWORD)
    hands.fill("Code", "not a code")
    hands.button("Continue")
    refused(hands, "That code is not right")
    hands.fill("Code", device.now())
    hands.button("Continue")
    expect(hands.page).to_have_url(f"{journey.desk.address}/")
    hands.menu("user-menu", "Sign out")

    sign_in(hands, person.username, NEW_PASSWORD)
    hands.press(hands.page.get_by_role("link", name="Use a recovery code instead"))
    hands.fill("Recovery code", codes[0])
    hands.button("Continue")
    told(hands, "Recovery code used: 9 left")


def _change_the_password(hands: Hands) -> None:
    hands.button("Change password")
    for new, again, words in (
        ("short", "short", "12"),
        (NEW_PASSWORD, "another horse than before", "do not match"),
        (NEW_PASSWORD, NEW_PASSWORD, ""),
    ):
        hands.fill("Present password", PASSWORD)
        hands.fill("New password", new)
        hands.fill("New password, again", again)
        hands.button("Change password")
        if len(new) < 12:  # the browser itself holds the form back
            expect(hands.page.locator("#new_password:invalid")).to_be_focused()
        elif words:
            refused(hands, words)
    told(hands, "Password changed.")


def _turn_two_factor_on(hands: Hands) -> tuple[pyotp.TOTP, list[str]]:
    """The device of this person, and their recovery codes."""
    hands.button("Set up")
    expect(hands.page.get_by_alt_text("QR code of the key below")).to_have_js_property("complete", True)
    key = hands.page.locator("dt", has_text="Key").locator("xpath=following-sibling::dd").locator("code").inner_text()
    device = pyotp.TOTP(key.replace(" ", ""))
    hands.fill("Code", "123")
    hands.button("Turn on")
    refused(hands, "That code is not right")
    hands.fill("Code", device.at(time.time() - device.interval))  # the next ones stay good for the sign-ins
    hands.button("Turn on")
    told(hands, "Shown this once")
    codes = hands.page.locator("pre").inner_text().split()
    assert len(codes) == 10
    hands.button("I have saved them")
    return device, codes


def test_an_administrator_makes_and_suspends_a_user(journey: Journey) -> None:
    journey.console.expect(401, 403, 422)
    admin = journey.enter(journey.desk.person())
    name = f"mira-{secrets.token_hex(3)}"
    password = _make_user(admin, name)

    theirs = journey.enter(path="/login")
    sign_in(theirs, name, password)
    expect(theirs.page.get_by_role("heading", name="Choose your own password")).to_be_visible()
    theirs.fill("Present password", password)
    theirs.fill("New password", NEW_PASSWORD)
    theirs.fill("New password, again", NEW_PASSWORD)
    theirs.button("Change password")
    expect(theirs.page.get_by_role("link", name="Campaigns", exact=True)).to_be_visible()
    expect(theirs.page.get_by_role("link", name="Users", exact=True)).to_have_count(0)

    admin.button("I have passed it on")
    admin.button("Suspend")
    dialog = admin.page.get_by_role("dialog")
    admin.press(dialog.get_by_role("button", name="Suspend"))
    told(admin, "is suspended and signed out")
    theirs.visit("Campaigns")
    sign_in(theirs, name, NEW_PASSWORD)
    refused(theirs, "The name or the password is not right")

    admin.button("Let sign in again")
    told(admin, "may sign in again")
    sign_in(theirs, name, NEW_PASSWORD)
    expect(theirs.page.get_by_role("heading", name="Campaigns", level=1)).to_be_visible()


def _make_user(admin: Hands, name: str) -> str:
    """Returns the one-time password."""
    admin.visit("Users")
    admin.button("New user")
    admin.fill("User name", "not a name!")
    admin.fill("Email address", "nowhere")
    admin.button("Make user")
    if admin.page.locator("#email:invalid").count():
        expect(admin.page.locator("#email")).to_be_focused()
        admin.fill("Email address", f"{name}@example.com")
        admin.button("Make user")
    refused(admin, "User name")
    admin.fill("User name", name)
    admin.fill("Email address", f"{name}@example.com")
    admin.pick(admin.page.get_by_label("Sender"))
    admin.button("Make user")
    told(admin, f"User {name} is ready")
    return admin.page.locator("dt", has_text="Password").locator("xpath=following-sibling::dd").inner_text().strip()
