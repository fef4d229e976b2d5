"""Chromium, the running desk, and pages that fail a test on anything in their console."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.desk import SECRET, Desk, Person
from tests.browser.hands import Keyboard, Mouse
from tests.browser.journeys import Journey
from tests.browser.watching import PATIENCE, Console, new_page
from tests.installations import Installation

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
ADMIN_PASSWORD = "first password of the desk"
FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder; that one process takes them all, so that one desk serves them, see scheduling."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


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
    environment = {"ADMIN_PASSWORD": ADMIN_PASSWORD, "SECRET_KEY": SECRET, "BULK_PROCESSES": "1"}
    installation.start(DEMO="1", ALLOW_PRIVATE_URLS="1", **environment)
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Remember on the test whether it failed, for the recording of a journey."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(params=[Mouse, Keyboard], ids=["mouse", "keyboard"])
def journey(request: pytest.FixtureRequest, browser: Browser, desk: Desk, console: Console) -> Iterator[Journey]:
    """A journey by mouse and, again, by keyboard alone; every complaint of its pages fails it."""
    journey = Journey(browser, desk, console, request.param, request.node.name)
    yield journey
    journey.close(failed=request.node.stash.get(FAILED, False))
