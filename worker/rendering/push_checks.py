"""What is unwise about a push notification, or stops it: each remark says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.rendering.diagnostics import Diagnostic, Severity
from worker.rendering.errors import RenderError
from worker.rendering.push import PushContent, RenderedPush

__all__ = ["BODY_LENGTH", "TITLE_LENGTH", "check_push"]

TITLE_LENGTH: Final = 40
"""Characters of a title that a locked phone shows on one line, about."""

BODY_LENGTH: Final = 150
"""Characters of a body that a locked phone shows before it is opened, about."""


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
    for part, text, most in (("title", rendered.title, TITLE_LENGTH), ("body", rendered.body, BODY_LENGTH)):
        if len(text) > most:
            message = f"{len(text)} characters: a locked phone shows about {most} of them"
            yield _remark("info", f"long_{part}", part, message)
    if not rendered.title and rendered.body:
        yield _remark("warning", "no_title", "title", "Without a title phones show the app's name only: write one")


def _addresses(rendered: RenderedPush) -> Iterator[Diagnostic]:
    if rendered.image and not rendered.image.startswith("https://"):
        yield _remark("warning", "image_not_https", "image", "Phones load pictures over https only")
    if rendered.link and ":" not in rendered.link:
        yield _remark(
            "warning", "relative_link", "link", "A link needs its whole address, such as https://… or app://…"
        )
