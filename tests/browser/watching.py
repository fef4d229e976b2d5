"""Pages whose consoles are listened to."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.browser.desk import Desk, Person

PATIENCE = 60_000  # milliseconds: two cores, shared with the desk's eight processes and another test process
_STATUS_LINE = re.compile(r"the server responded with a status of (\d+)")
#: The driver's own scripts knock at the frame of a mail, too, which lets none run.
_OWN_PROBE = re.compile(r"Blocked script execution in '\S+/(preview|document|samples)\b")
#: htmx tells the console of requests that hx-sync replaced, as the live preview does while somebody types.
_REPLACED = re.compile(r"htmx:(afterRequest|sendAbort), \[object")


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
        if _OWN_PROBE.match(message.text) or _REPLACED.match(message.text):
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
