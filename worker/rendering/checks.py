"""What is unwise about an email before it goes out: nothing here stops a sending, each remark says what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from worker.rendering.content import EmailContent, RenderedEmail
from worker.rendering.diagnostics import Diagnostic, Severity
from worker.rendering.limits import RenderTimeout, limited
from worker.rendering.variables import variable_paths

__all__ = ["CLIPPING_BYTES", "SUBJECT_LENGTH", "check_email"]

CLIPPING_BYTES: Final = 102 * 1024
"""Gmail shows no more of a message's HTML than this and hides the rest, the unsubscribe link with it."""

SUBJECT_LENGTH: Final = 70
"""Characters of a subject that a desktop client shows; a phone shows about 40."""

_VALUE: Final = "\ue000"  # stands for each character of a Jinja tag
_ADDRESS_START = re.compile(rf"[a-z][a-z0-9+.-]*:|[#{_VALUE}]", re.IGNORECASE)
_LOCAL_NAMES: Final = (".local", ".localhost", ".internal", ".lan", ".test")


def check_email(
    content: EmailContent, rendered: RenderedEmail | None = None, *, category: str = "transactional"
) -> list[Diagnostic]:
    """Remarks of severity warning and info; lengths are of the rendered email where there is one, else of the source.

    `category` is transactional, promotional or otp: only promotional mail needs a link to unsubscribe.
    """
    return [
        *_subject(content, rendered),
        *_text(content),
        *_size(content, rendered),
        *_links_and_images(content.html),
        *_unsubscribe(content, category),
    ]


def _remark(
    severity: Severity, code: str, part: str, message: str, place: tuple[int, int] = (1, 1), length: int | None = None
) -> Diagnostic:
    line, column = place
    return Diagnostic(severity, code, part, line, column, column + length if length else None, message)


def _subject(content: EmailContent, rendered: RenderedEmail | None) -> Iterator[Diagnostic]:
    subject = rendered.subject if rendered else content.subject.strip()
    if not subject:
        yield _remark("warning", "missing_subject", "subject", "The subject is empty: write one")
    elif len(subject) > SUBJECT_LENGTH and (rendered or "{" not in subject):
        yield _remark(
            "warning",
            "long_subject",
            "subject",
            f"The subject has {len(subject)} characters; clients cut it at about {SUBJECT_LENGTH}, phones at 40",
        )


def _text(content: EmailContent) -> Iterator[Diagnostic]:
    if not content.html.strip() and not content.text.strip():
        yield _remark("warning", "missing_body", "html", "The email has no content: write the HTML or the text part")
    elif not content.html.strip():
        yield _remark("info", "missing_html", "html", "There is no HTML part: the email goes out as plain text")
    elif not content.text.strip():
        yield _remark("info", "missing_text", "text", "There is no text part: it is made from the HTML")


def _size(content: EmailContent, rendered: RenderedEmail | None) -> Iterator[Diagnostic]:
    size = len((rendered.html if rendered else content.html).encode("utf-8", "replace"))
    if size > CLIPPING_BYTES:
        yield _remark(
            "warning",
            "clipped",
            "html",
            f"The HTML has {size / 1024:.0f} KB: Gmail cuts it at {CLIPPING_BYTES // 1024} KB and hides the rest",
        )


def _unsubscribe(content: EmailContent, category: str) -> Iterator[Diagnostic]:
    if category != "promotional":
        return
    used_in = {use.part for use in variable_paths(content) if use.root == "unsubscribe_url"}
    link = "{{ unsubscribe_url }}"
    if not used_in & {"html", "text"}:
        message = f"Promotional mail needs a link to unsubscribe: add {link}"
        yield _remark("warning", "missing_unsubscribe", "html" if content.html else "text", message)
    elif content.html and content.text and len(used_in & {"html", "text"}) == 1:
        part = "text" if "html" in used_in else "html"
        yield _remark(
            "info", "missing_unsubscribe", part, f"Only one part has the link to unsubscribe: add {link} here"
        )


def _links_and_images(html: str) -> Iterator[Diagnostic]:
    reader = _LinkReader()
    try:
        limited(lambda: reader.feed(_without_tags(html)))
    except RenderTimeout:
        yield _remark("warning", "unreadable", "html", "The HTML is too tangled to be checked: look for unclosed tags")
    yield from reader.remarks


def _without_tags(source: str) -> str:
    """The source with each Jinja tag blanked out: places stay, and a value counts as something that is there."""
    out: list[str] = []
    done = 0
    closers = {"{{": "}}", "{%": "%}", "{#": "#}"}
    start = source.find("{")
    while start >= 0:
        opener = source[start : start + 2]
        end = source.find(closers[opener], start + 2) if opener in closers else -1
        if end < 0:
            closers.pop(opener, None)  # never closed from here on: not searched for again
            start = source.find("{", start + 1)
            continue
        out += (source[done:start], re.sub(r"[^\n]", _VALUE, source[start : end + 2]))
        done = end + 2
        start = source.find("{", done)
    out.append(source[done:])
    return "".join(out)


class _LinkReader(HTMLParser):
    """Looks at the addresses of links and the alternative texts of images in a template's source."""

    def __init__(self) -> None:
        super().__init__()
        self.remarks: list[Diagnostic] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One opening tag."""
        values = dict(attrs)
        if tag == "img" and "alt" not in values:
            self._say("image_without_alt", 'The image has no alt text: write one, or alt="" for decoration', tag)
        for name in ("href", "src"):
            if tag in ("a", "img", "area") and name in values:
                self._check_address((values[name] or "").strip(), tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """`<img/>` is read as `<img>`."""
        self.handle_starttag(tag, attrs)

    def _check_address(self, address: str, tag: str) -> None:
        shown = address.replace(_VALUE, "·")[:80]
        if address.lower().startswith(("http:", "https:")):
            if _is_local(address):
                self._say("local_link", f"{shown} works on your own network only: use a public address", tag)
            elif address[:5].lower() == "http:":
                self._say("insecure_link", f"{shown} is not encrypted: use https", tag)
        elif tag == "a" and address in ("", "#"):
            self._say("empty_link", "The link leads nowhere: give it an address", tag)
        elif address and not _ADDRESS_START.match(address):
            self._say("relative_link", f"{shown} means nothing in a mailbox: write the whole address", tag)

    def _say(self, code: str, message: str, tag: str) -> None:
        line, offset = self.getpos()
        self.remarks.append(_remark("warning", code, "html", message, (line, offset + 1), len(tag) + 1))


def _is_local(address: str) -> bool:
    """Whether a link leads to a host that only the sender's own network knows."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    try:
        number = ip_address(host)
    except ValueError:
        return bool(host) and _VALUE not in host and ("." not in host or host.endswith(_LOCAL_NAMES))
    return not number.is_global
