"""What is unwise about an SMS, or stops it: each remark says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.rendering.diagnostics import Diagnostic, Severity
from worker.rendering.errors import RenderError
from worker.rendering.registered_text import has_slot, match_registered
from worker.rendering.segments import UCS2, culprits
from worker.rendering.sms import RenderedSms, SmsContent

__all__ = ["check_sms"]

_LONG: Final = 3  # segments from which a person may not read to the end


def check_sms(content: SmsContent, rendered: RenderedSms | None, *, slot_limit: int) -> list[Diagnostic]:
    """Remarks on a template and on the message that was rendered of it; `slot_limit` as in `match_registered`."""
    remarks = [*_slots(content), *_registration(content)]
    if rendered is not None:
        remarks += [*_sendable(rendered), *_length(rendered), *_registered(content, rendered, slot_limit)]
    return remarks


def _remark(severity: Severity, code: str, message: str, part: str = "text") -> Diagnostic:
    return Diagnostic(severity, code, part, 1, 1, None, message)


def _slots(content: SmsContent) -> Iterator[Diagnostic]:
    if has_slot(content.text):
        message = "{#var#} is a comment in a template and vanishes: write {{ a_variable }} where the slot is"
        yield _remark("error", "slot_in_text", message)


def _registration(content: SmsContent) -> Iterator[Diagnostic]:
    number = content.registered_template
    if number and not (number.isascii() and number.isdigit() and len(number) == 19):
        message = "A DLT template id has 19 digits: look whether all of it was copied"
        yield _remark("warning", "odd_registered_template", message, "registered_template")


def _sendable(rendered: RenderedSms) -> Iterator[Diagnostic]:
    try:
        rendered.check()
    except RenderError as error:
        yield _remark("error", error.code, f"{error.message[:1].upper()}{error.message[1:]}")


def _length(rendered: RenderedSms) -> Iterator[Diagnostic]:
    if rendered.encoding == UCS2:
        found = culprits(rendered.text)
        shown = " ".join(f"“{culprit.character}”" for culprit in found[:5])
        message = f"{shown}{' …' if len(found) > 5 else ''} leaves 70 characters to a segment instead of 160"
        yield _remark("warning", "ucs2", message)
    if rendered.segments >= _LONG:
        yield _remark("warning", "long", f"The message takes {rendered.segments} segments, each is paid for")


def _registered(content: SmsContent, rendered: RenderedSms, slot_limit: int) -> Iterator[Diagnostic]:
    if content.registered_text:
        match = match_registered(content.registered_text, rendered.text, slot_limit=slot_limit)
        if match.problem:
            yield _remark("warning", "not_as_registered", match.problem, "registered_text")
