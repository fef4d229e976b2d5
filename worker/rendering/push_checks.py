"""What is unwise about a push notification, or stops it: each remark says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from worker.rendering.deep_links import read_link
from worker.rendering.diagnostics import Diagnostic, Severity
from worker.rendering.errors import RenderError
from worker.rendering.push import PushContent, RenderedPush

__all__ = ["LOCK_SCREENS", "LockScreen", "check_push"]


@dataclass(frozen=True, slots=True)
class LockScreen:
    """How much of a notification a locked phone shows, about, in characters; phones and text sizes differ."""

    key: str
    name: str
    title: int
    body: int


LOCK_SCREENS: Final = (LockScreen("android", "Android", 65, 240), LockScreen("ios", "iPhone", 50, 178))
_TITLE: Final = min(screen.title for screen in LOCK_SCREENS)
_BODY: Final = min(screen.body for screen in LOCK_SCREENS)


def check_push(content: PushContent, rendered: RenderedPush | None) -> list[Diagnostic]:
    """Remarks on a template and on the notification that was rendered of it."""
    remarks = list(_entries(content))
    if rendered is not None:
        remarks += [*_sendable(rendered), *_lengths(rendered), *_addresses(rendered)]
    return remarks


def _remark(severity: Severity, code: str, part: str, message: str) -> Diagnostic:
    return Diagnostic(severity, code, part, 1, 1, None, message)


def _entries(content: PushContent) -> Iterator[Diagnostic]:
    if "link" in {entry.key for entry in content.data} and content.link:
        yield _remark("warning", "link_twice", "data:link", "The data has a link too: the field Link wins")


def _sendable(rendered: RenderedPush) -> Iterator[Diagnostic]:
    try:
        rendered.check()
    except RenderError as error:
        yield _remark("error", error.code, error.part, f"{error.message[:1].upper()}{error.message[1:]}")


def _lengths(rendered: RenderedPush) -> Iterator[Diagnostic]:
    for part, text, most in (("title", rendered.title, _TITLE), ("body", rendered.body, _BODY)):
        if len(text) > most:
            message = f"{len(text)} characters: a locked phone shows about {most} of them"
            yield _remark("info", f"long_{part}", part, message)
    if not rendered.title and rendered.body:
        yield _remark("warning", "no_title", "title", "Without a title phones show the app's name only: write one")


def _addresses(rendered: RenderedPush) -> Iterator[Diagnostic]:
    if rendered.image and not rendered.image.startswith("https://"):
        yield _remark("warning", "image_not_https", "image", "Phones load pictures over https only")
    problem = read_link(rendered.link) if rendered.link else ""
    if isinstance(problem, str) and problem:
        yield _remark("warning", "bad_link" if ":" in rendered.link else "relative_link", "link", problem)
