"""axe-core on a page, light and wide, then dark and narrow."""

from __future__ import annotations

import json

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Colours depend on the theme and room on the width: two looks see both of each, in half of the time of four.
LOOKS = (("light", 1440), ("dark", 360))
_OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"], "preload": False}
_RUN = """async (options) => (await axe.run(document, options)).violations.map((found) =>
  `${found.id} (${found.impact}): ` + found.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(' | '))"""


def complaints(page: Page, place: str) -> list[str]:
    """What is wrong with the page that is open, in words: rules of axe broken, and anything wider than the window."""
    page.evaluate(AXE_SCRIPT)
    found = []
    for theme, width in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        look = f"{place} {theme} {width}"
        found += [f"{look}: {words}" for words in page.evaluate(_RUN, _OPTIONS)]
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide != width:
            found.append(f"{look}: the page is {wide} px wide, because of {json.dumps(_widest(page))}")
    return found


def _widest(page: Page) -> list[str]:
    """The elements that stand out to the right, for the words of a failure."""
    return page.evaluate(
        """() => [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1
        && !e.closest('.scroll')).slice(0, 3).map((e) => e.outerHTML.slice(0, 120))"""
    )
