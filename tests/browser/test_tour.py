"""Every page, light and dark, wide and narrow: usable by everybody, nothing in the console, nothing cut off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.accounts.models import Role
from tests.browser.access import complaints
from tests.browser.desk import Desk
from tests.browser.objects import Objects, make_objects
from tests.browser.places import Place, pages, places, sections
from tests.browser.watching import Console, new_page

#: Held against the URL map by the first test, so that a new resource is visited too.
SECTIONS = (
    "accounts", "api", "api_keys", "audiences", "audit", "campaigns", "dkim", "endpoints", "errors", "events",
    "help", "home", "messages", "otp", "providers", "public", "push_tokens", "reports", "sandbox", "search", "settings",
    "suppressions", "system",
    "templates", "users", "variables",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(desk: Desk) -> Objects:
    desk.await_demonstration()
    return make_objects(desk)


@pytest.fixture(scope="module")
def visitors(browser: Browser, desk: Desk) -> Iterator[Callable[[str], tuple[Page, Console]]]:
    """A page for each kind of visitor, kept for the whole tour, with the console that listens to it."""
    makers = {
        "admin": desk.person,
        "viewer": lambda: desk.person(Role.VIEWER),
        "nobody": lambda: None,
        "halfway": desk.halfway,
        "beginning": desk.beginning,
        "protected": lambda: desk.person(totp_enabled=True),
    }
    opened: dict[str, tuple[Page, Console]] = {}

    def visitor(who: str) -> tuple[Page, Console]:
        if who not in opened:
            console = Console()
            opened[who] = new_page(browser, desk, console, makers[who]()), console
        return opened[who]

    yield visitor
    for page, _ in opened.values():
        page.context.close()


def test_every_page_is_visited(desk: Desk, made: Objects) -> None:
    visited = {place.endpoint for place in places(desk.app, made)}

    assert pages(desk.app) - visited == set()
    assert sections(desk.app) == list(SECTIONS)


@pytest.mark.parametrize("section", SECTIONS)
def test_everybody_can_use_the_pages_of(
    section: str, desk: Desk, made: Objects, visitors: Callable[[str], tuple[Page, Console]]
) -> None:
    found = []
    for place in places(desk.app, made):
        if place.section == section:
            page, console = visitors(place.who)
            found += _visit(page, console, place)

    assert not found, "\n".join(found)


def _visit(page: Page, console: Console, place: Place) -> list[str]:
    console.expect(place.status)
    answer = page.goto(place.path)
    assert answer is not None
    if answer.status != place.status:
        return [f"{place.path} answered with {answer.status}"]
    expect(page.locator("[aria-busy=true]:not([data-poll])")).to_have_count(0)
    found = complaints(page, place.path)
    headings = page.locator("h1").count()
    if headings != 1:
        found.append(f"{place.path} has {headings} h1")
    if place.who != "nobody" and not re.fullmatch(r".+ · Carillon", page.title()):
        found.append(f"{place.path} has the title {page.title()!r}")
    found += [f"{place.path}: {problem}" for problem in console.take()]
    return found
