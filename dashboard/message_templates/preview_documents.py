"""The documents of the preview frame: a rendered message as a browser, a text program or a developer sees it.

They are served on their own address with `security.PREVIEW_POLICY` (sandboxed, nothing fetched), so the styles of the
mail work and nothing in it can run or leave.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

_PLAIN_STYLE = (
    "html{color-scheme:light dark}"
    "body{margin:0;padding:16px;font:13px/1.55 ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;"
    "background:#fff;color:#1a1d23}"
    "pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;tab-size:2}"
    "b{font-weight:600;color:#1f459f}"
    "@media(prefers-color-scheme:dark){body{background:#171b21;color:#e6e9ee}b{color:#8fb0ff}}"
)
#: What a mail program in dark mode does to a mail that says nothing about colours. Programs that turn colours around
#: by themselves go further than a browser can show.
_DARK_STYLE = "<style>:root{color-scheme:dark;background:#121212;color:#e8eaed}a{color:#8ab4f8}</style>"
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)


def document(view: str, stored: Mapping[str, Any]) -> str:
    """HTML for one view of a stored preview: keys html, text and headers (lines of a MIME head)."""
    match view:
        case "text":
            return _plain("Text part", escape(stored["text"]))
        case "source":
            return _plain("HTML source", escape(stored["html"]))
        case "headers":
            return _plain("Headers", _headers(stored["headers"]))
        case "dark":
            return _in_head(stored["html"], _DARK_STYLE)
        case _:
            return str(stored["html"])


def gone() -> str:
    """In place of a preview that is too old."""
    return _plain(
        "Preview", escape("This preview is no longer kept. Change something, or press Preview, to make it anew.")
    )


def failed(message: str) -> str:
    """In place of a preview that could not be made."""
    return _plain("Preview", escape(message))


def _plain(title: str, text: Markup) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_PLAIN_STYLE}</style></head><body><pre>{text}</pre></body></html>"
    )


def _headers(lines: list[str]) -> Markup:
    """Header lines with their names in bold; folded lines stay with theirs."""
    shown = []
    for line in lines:
        name, colon, value = line.partition(":")
        folded = line[:1] in (" ", "\t") or not colon
        shown.append(escape(line) if folded else Markup("<b>{}:</b>{}").format(name, value))
    return Markup("\n").join(shown)


def _in_head(html: str, addition: str) -> str:
    """The document with the addition first in its head, so that the mail's own rules win."""
    place = _HEAD.search(html) or _DOCTYPE.match(html)
    if place is None:
        return addition + html
    return html[: place.end()] + addition + html[place.end() :]
