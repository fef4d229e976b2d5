"""Chromium, the running desk, and pages that fail a test on anything in their console."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.desk import SECRET, Desk, Person
from tests.installations import Installation

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
ADMIN_PASSWORD = "first password of the desk"
PATIENCE = 20_000  # milliseconds: two cores, shared with the desk's eight processes and another test process
_STATUS_LINE = re.compile(r"the server responded with a status of (\d+)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder in one process, so that one desk serves them all (`--dist loadgroup`)."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


class Console:
    """What the pages of one test complain about, except the statuses that the test expects."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._expected: set[int] = set()

    def expect(self, *statuses: int) -> None:
        """These answers belong to the test: the browser's own line about them is no problem."""
        self._expected |= set(statuses)

    def listen(self, context: BrowserContext) -> None:
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.problems.append(f"script error: {error.error}"))

    def take(self) -> list[str]:
        """The complaints until now, which are forgotten with it."""
        taken, self.problems = self.problems, []
        return taken

    def _hear(self, message: ConsoleMessage) -> None:
        status = _STATUS_LINE.search(message.text)
        if status and int(status[1]) in self._expected:
            return
        if message.type == "error" or "Content Security Policy" in message.text:
            self.problems.append(f"{message.text} ({message.location.get('url', '')})")


def new_page(
    browser: Browser, desk: Desk, console: Console, person: Person | None, *, width: int = 1440, **options: Any
) -> Page:
    """A page in a browser profile of its own; `options` are those of Playwright's `new_context`."""
    defaults = {"base_url": desk.address, "viewport": {"width": width, "height": 900}, "reduced_motion": "reduce"}
    context = browser.new_context(**(defaults | options))
    context.set_default_timeout(PATIENCE)
    console.listen(context)
    if person is not None:
        context.add_cookies([{"name": "session", "value": person.cookie, "url": desk.address}])
    return context.new_page()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing; tools/system-packages.sh installs it")
        pytest.skip("Chromium is missing: `apt-get install chromium`")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The supervisor with all its processes on an SQLite database of its own, demonstration included."""
    installation = Installation(tmp_path_factory.mktemp("desk"))
    installation.start(DEMO="1", ADMIN_PASSWORD=ADMIN_PASSWORD, SECRET_KEY=SECRET, BULK_PROCESSES="1")
    try:
        installation.wait_until_healthy()
        desk = Desk(installation)
        yield desk
        desk.close()
        assert installation.stop() == 0
    finally:
        installation.kill()


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def open_page(browser: Browser, desk: Desk, console: Console) -> Iterator[Callable[..., Page]]:
    """Open pages of the desk, for a person or for nobody signed in; every complaint of theirs fails the test."""
    contexts: list[BrowserContext] = []

    def open_one(person: Person | None = None, **options: Any) -> Page:
        page = new_page(browser, desk, console, person, **options)
        contexts.append(page.context)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert console.problems == []
