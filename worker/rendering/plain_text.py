"""Readable text from HTML.

Two steps, so that a template can be converted once instead of every message (text_template.py): `mark_up_text` turns
HTML into text in which control characters ask for line breaks, `settle` turns each run of such marks and spaces into
the break that the run amounts to. Only `settle` looks at neighbours, so converting a template and then rendering it
asks for the same breaks as rendering it and then converting.

Block elements start a new line or paragraph, table cells on one line are two spaces apart, links are followed by
their address, images speak by their alt text; what is hidden with display:none (preheaders' fillers) is left out.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html.parser import HTMLParser
from typing import Final

__all__ = ["HtmlReader", "mark_up_text", "settle", "settle_inside", "text_from_html"]

PARAGRAPH: Final = "\x01"  # a blank line
LINE: Final = "\x02"  # a new line
BREAK: Final = "\x03"  # a new line more, from <br>
CELL: Final = "\x04"  # a gap on the same line
ITEM: Final = "\x05"  # a new line that starts a list item
ABSORB: Final = "\x06"  # swallows the breaks after it: the first paragraph of an item stays beside its bullet
NUMBER: Final = "\x07"  # the next number of the innermost ordered list
OPEN_LIST: Final = "\x0e"
CLOSE_LIST: Final = "\x0f"
INDENT: Final = "\x10"
SETTLED_LINE: Final = "\x11"  # a line end that is settled already
SETTLED_GAP: Final = "\x12"  # a gap that is settled already

_WHITE = " \t\r\n\f\xa0"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")
_WHITE_RUN = re.compile(rf"[{_WHITE}]+")
_UNEVEN_WHITE = re.compile(rf"[{_WHITE}]{{2,}}|[\t\r\n\f\xa0]")
_FILLERS: Final = "\u00ad\u034f\u200b\u200c\u200d\u2060\ufeff"
_FILLER_RUN = re.compile(f"[ {_FILLERS}]{{3,}}")
_NUMBERS = re.compile(f"[{NUMBER}{OPEN_LIST}{CLOSE_LIST}]")
_MARKS: Final = PARAGRAPH + LINE + BREAK + CELL
_ABSORBED = re.compile(f"{ABSORB}[ {_MARKS}]*")
_BREAKS = re.compile(f"[{_MARKS}{ITEM}][ {_MARKS}{ITEM}]*")
_INNER_BREAKS = re.compile(f"(?<=[^ \x01-\x1f])[ {_MARKS}]*[{_MARKS}][ {_MARKS}]*(?=[^ \x01-\x1f])")

_PARAGRAPHS: Final = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "dl", "table", "pre", "figure", "hr"}
)
_LINES: Final = frozenset(
    {"div", "tr", "li", "dt", "dd", "section", "article", "header", "footer", "main", "nav", "aside", "address"}
    | {"center", "form", "fieldset", "caption", "figcaption", "thead", "tbody", "tfoot", "body", "html"}
)
_SKIPPED: Final = frozenset({"head", "title", "style", "script", "template", "object", "svg"})
_VOID: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none", re.IGNORECASE)


def text_from_html(html: str) -> str:
    """The text of an HTML document, with LF line ends; empty for a document that shows none. About 1 ms per 10 KB."""
    return settle(mark_up_text(html))


def mark_up_text(html: str) -> str:
    """The text of the HTML with marks for breaks; `settle` makes them real."""
    reader = HtmlReader()
    reader.read(html)
    return reader.marked_text()


def settle(marked: str) -> str:
    """Text from marked text: white space collapses as in a browser, runs of marks become one break."""
    text = marked
    if "  " in text or any(white in text for white in _WHITE[1:]):
        text = _UNEVEN_WHITE.sub(" ", text)
    if OPEN_LIST in text:
        text = _NUMBERS.sub(_Numbering(), text)
    if ABSORB in text:
        text = _ABSORBED.sub("", text)
    if not text.isascii() and any(filler in text for filler in _FILLERS):
        text = _FILLER_RUN.sub(" ", text)
    text = _BREAKS.sub(lambda run: _settled(run[0]), text)
    text = text.replace(SETTLED_LINE, "\n").replace(SETTLED_GAP, "  ")
    return text.replace(" \n", "\n").replace("   ", "  ").strip(" \n").replace(INDENT, "  ")


def settle_inside(marked: str) -> str:
    """Settles what stands between words of this text, whatever comes before and after it: less is left to settle()."""
    return _INNER_BREAKS.sub(
        lambda run: _settled(run[0].lstrip(" ")).replace("\n", SETTLED_LINE).replace("  ", SETTLED_GAP), marked
    )


@lru_cache(maxsize=512)
def _settled(run: str) -> str:
    if PARAGRAPH in run:
        return "\n\n"
    new_lines = max(run.count(BREAK), 1 if LINE in run or ITEM in run else 0)
    return "\n" * min(new_lines, 2) if new_lines else "  "


class _Numbering:
    """Replaces the marks of lists by numbers, counting each ordered list by itself."""

    def __init__(self) -> None:
        self._counters = [0]

    def __call__(self, mark: re.Match[str]) -> str:
        if mark[0] == OPEN_LIST:
            self._counters.append(0)
        elif mark[0] == NUMBER:
            self._counters[-1] += 1
            return f"{self._counters[-1]}."
        elif len(self._counters) > 1:
            self._counters.pop()
        return ""


class HtmlReader(HTMLParser):
    """Reads HTML and writes marked text.

    Subclasses that read templates watch `state` at each control tag: what follows is converted by the state alone.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._hidden_in = ""
        self._hidden_depth = 0
        self._lists: list[str] = []
        self._links: list[tuple[str, int]] = []
        self._preformatted = 0

    @property
    def state(self) -> tuple[object, ...]:
        """Everything before this point that matters to what comes after it."""
        return (self._hidden_in, self._hidden_depth, *self._lists, *self._links, self._preformatted)

    def read(self, html: str) -> None:
        """Reads a whole document."""
        self.feed(html)
        self.close()

    def marked_text(self) -> str:
        """What has been read, as text with marks."""
        return "".join(self._out)

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        if self._hidden_in:
            return
        text = _CONTROL.sub("", data)
        if self._preformatted:
            text = text.replace("\r\n", "\n").replace("\n", BREAK)
        self._out.append(_WHITE_RUN.sub(" ", text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An opening tag."""
        if self._hidden_in:
            self._hidden_depth += tag == self._hidden_in
            return
        if tag not in _VOID and (tag in _SKIPPED or _is_hidden(attrs)):
            self._hidden_in, self._hidden_depth = tag, 1
            return
        self._write_break(tag)
        if tag == "a":
            self._links.append((_target(attrs), len(self._out)))
        elif tag == "img":
            self.handle_data(next((value or "" for name, value in attrs if name == "alt"), ""))
        elif tag in ("ul", "ol"):
            self._lists.append(tag)
            self._out.append(OPEN_LIST)
        elif tag == "li":
            bullet = NUMBER if self._lists and self._lists[-1] == "ol" else "*"
            self._out.append(f"{ITEM}{INDENT * (len(self._lists) - 1)}{bullet} {ABSORB}")
        elif tag == "pre":
            self._preformatted += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """`<br/>`, and `<div/>`, which a browser reads as `<div>`."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """A closing tag; one that closes nothing only breaks the line."""
        if self._hidden_in:
            if tag == self._hidden_in:
                self._hidden_depth -= 1
                self._hidden_in = self._hidden_in if self._hidden_depth else ""
            return
        if tag == "a" and self._links:
            self._write_target(*self._links.pop())
        elif tag in ("ul", "ol") and tag in self._lists:
            while self._lists.pop() != tag:
                self._out.append(CLOSE_LIST)
            self._out.append(CLOSE_LIST)
        elif tag == "pre" and self._preformatted:
            self._preformatted -= 1
        if tag not in _VOID:
            self._write_break(tag)

    def _write_break(self, tag: str) -> None:
        if tag in _PARAGRAPHS and not (tag in ("ul", "ol") and self._lists):
            self._out.append(PARAGRAPH)
            if tag == "hr":
                self._out.append("-" * 20 + PARAGRAPH)
        elif tag in _LINES or tag in _PARAGRAPHS:
            self._out.append(LINE)
        elif tag == "br":
            self._out.append(BREAK)
        elif tag in ("td", "th"):
            self._out.append(CELL)

    def _write_target(self, target: str, start: int) -> None:
        """The address behind a link's words, unless the words are the address."""
        words = re.sub(r"[\x00-\x1f\s]+", " ", "".join(self._out[start:])).strip()
        if not target or words.rstrip("/") in (target.rstrip("/"), re.sub(r"^https?://", "", target).rstrip("/")):
            return
        self._out.append(f" ({target})" if words else target)


def _is_hidden(attributes: list[tuple[str, str | None]]) -> bool:
    return any(
        name == "hidden" or (name == "style" and value is not None and _HIDDEN_STYLE.search(value) is not None)
        for name, value in attributes
    )


def _target(attributes: list[tuple[str, str | None]]) -> str:
    """The address of a link as a reader of text can use it; empty for anchors within the page."""
    target = next((value or "" for name, value in attributes if name == "href"), "")
    target = _WHITE_RUN.sub(" ", _CONTROL.sub("", target)).strip()
    if target.startswith("#") or target.lower().startswith("javascript:"):
        return ""
    return re.sub(r"^(mailto|tel):", "", target, flags=re.IGNORECASE)
