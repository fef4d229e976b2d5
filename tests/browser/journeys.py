"""What surrounds a journey: pages that are watched all the time, and the recording that is kept of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.desk import Desk, Person
from tests.browser.hands import Hands, Keyboard
from tests.browser.watching import Console, new_page
from tests.conftest import ROOT

#: Folder for the recordings of all journeys; without it only failed ones are kept, below `var/journeys`.
RECORD = os.environ.get("JOURNEY_RECORD", "")
#: What the desk may keep in a browser: how somebody likes to edit, never whom they write to.
KEPT_KEYS = {"carillon.plain-editor", "htmx-current-path-for-history"}

#: Every state of a run that the page shows, added up against its number of records, also after each poll.
_ADD_UP = """(() => {
  const digits = (text) => Number(text.replace(/\\D/g, ''));
  const sum = (numbers) => numbers.reduce((left, right) => left + right, 0);
  const check = () => {
    const box = document.getElementById('campaign-progress');
    const parts = sum([...(box?.querySelectorAll('.stat-value') || [])].map((part) => digits(part.textContent)));
    const most = box?.querySelector('progress')?.max;
    if (most !== undefined && parts !== most) console.error(`the counters make ${parts} of ${most}`);
    const [left, right] = (document.getElementById('campaign-equation')?.textContent || '').split('=');
    const whole = right !== undefined && sum(right.split('+').map(digits));
    if (whole !== false && digits(left) !== whole) console.error(`${left} is not ${right}`);
    if (box) window.countersChecked = (window.countersChecked || 0) + 1;
  };
  document.addEventListener('DOMContentLoaded', check);
  document.addEventListener('htmx:afterSettle', check);
})()"""
#: Whoever had the focus somewhere has it somewhere after a swap (ux.md A3). Whoever has pressed Tab meanwhile has moved
#: it themselves: past the end of a dialog it stands on nothing for a moment.
_KEEP_FOCUS = """(() => {
  const somewhere = () => document.activeElement && document.activeElement !== document.body;
  let tabs = 0;
  document.addEventListener('keydown', (event) => { tabs += event.key === 'Tab'; }, true);
  document.addEventListener('htmx:beforeRequest', (event) => { event.detail.xhr.hadFocus = somewhere(); });
  document.addEventListener('htmx:afterSettle', ({ detail }) => {
    const before = tabs;
    setTimeout(() => {
      const request = `${detail.requestConfig.verb} ${detail.requestConfig.path}`;
      if (detail.xhr.hadFocus && tabs === before && !somewhere()) console.error(`the focus is lost after ${request}`);
    }, 50);
  });
})()"""


class Journey:
    """The pages of one journey, all handled in one way, by mouse or by keyboard."""

    def __init__(self, browser: Browser, desk: Desk, console: Console, kind: type[Hands], name: str) -> None:
        self.desk = desk
        self.console = console
        self.kind = kind
        self.by_keyboard = kind is Keyboard
        self._browser = browser
        self._name = re.sub(r"\W+", "-", name).strip("-")
        self._contexts: list[BrowserContext] = []

    def enter(self, person: Person | None = None, path: str = "/", **options: Any) -> Hands:
        """Somebody before a page, in a browser profile of their own."""
        page = new_page(self._browser, self.desk, self.console, person, **options)
        page.context.add_init_script(_ADD_UP)
        if self.by_keyboard:
            page.context.add_init_script(_KEEP_FOCUS)
        page.context.tracing.start(screenshots=bool(RECORD), snapshots=bool(RECORD), title=self._name)
        self._contexts.append(page.context)
        page.goto(path)
        return self.kind(page)

    def close(self, failed: bool) -> None:
        """Look at what the pages kept and complained about, keep the recording where it is wanted, close them."""
        problems = self.console.take()
        kept = {key: value for page in self._pages() for key, value in _storage(page).items()}
        folder = Path(RECORD or ROOT / "var" / "journeys") / self._name
        for number, context in enumerate(self._contexts, 1):
            if RECORD or failed:
                for sheet, page in enumerate(context.pages, 1):
                    page.screenshot(path=folder / f"{number}-{sheet}.png", full_page=True)
                context.tracing.stop(path=folder / f"{number}.zip")
            context.close()
        assert not problems, "\n".join(problems)
        assert set(kept) <= KEPT_KEYS, f"the browser keeps {kept}"
        assert "@" not in "".join(kept.values()), f"the browser keeps {kept}"

    def _pages(self) -> list[Page]:
        return [page for context in self._contexts for page in context.pages if page.url.startswith("http")]


def _storage(page: Page) -> dict[str, str]:
    stored = page.evaluate("({ ...localStorage, ...sessionStorage })")
    return {str(key): str(value) for key, value in stored.items()}


def told(hands: Hands, words: str | re.Pattern[str]) -> None:
    """The page says so, in its main part, in a dialog or in a toast."""
    expect(hands.page.get_by_text(words).filter(visible=True).first).to_be_visible()


def refused(hands: Hands, words: str | re.Pattern[str]) -> None:
    """The form says what is wrong: the summary has the focus, and the title says that there is an error."""
    summary = hands.page.locator("[data-error-summary]").filter(visible=True)
    expect(summary).to_contain_text(words)
    expect(summary).to_be_focused()
    expect(hands.page).to_have_title(re.compile("^Error: "))
