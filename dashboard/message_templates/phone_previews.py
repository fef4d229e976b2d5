"""What the preview of a text message or a notification shows beside it: meter, culprits, screens."""

from __future__ import annotations

import json
from dataclasses import dataclass

import segno

from dashboard.current import current_settings
from dashboard.message_templates.default_sender import default_sender
from dashboard.message_templates.literal_text import in_literals
from worker.rendering.content import Content, Rendered
from worker.rendering.deep_links import DeepLink, read_link
from worker.rendering.diagnostics import Diagnostic
from worker.rendering.push import PAYLOAD_LIMIT, PushContent, RenderedPush
from worker.rendering.push_checks import LOCK_SCREENS, LockScreen, check_push
from worker.rendering.registered_text import RegisteredMatch, match_registered
from worker.rendering.segments import UCS2, Culprit, Measure, culprits
from worker.rendering.sms import RenderedSms, SmsContent
from worker.rendering.sms_checks import check_sms


@dataclass(frozen=True, slots=True)
class CulpritLine:
    """A character that forces UCS-2; `written`: it stands in the template, so that it can be replaced there."""

    culprit: Culprit
    written: bool

    @property
    def code(self) -> str:
        """The character's code point in hexadecimal, as the button that replaces it posts it."""
        return f"{ord(self.culprit.character):x}"


@dataclass(frozen=True, slots=True)
class SmsView:
    """A text message on a phone: `match` tells how it fits the registered text, None where there is none."""

    sms: RenderedSms
    size: Measure
    sender: str
    culprits: tuple[CulpritLine, ...]
    match: RegisteredMatch | None

    @property
    def replaceable(self) -> bool:
        """Whether “Replace all” would change something."""
        return any(line.written and line.culprit.suggestion is not None for line in self.culprits)

    @property
    def slots(self) -> tuple[tuple[int, int], ...]:
        return self.match.slots if self.match else ()


@dataclass(frozen=True, slots=True)
class PushView:
    """A notification on locked phones, and its length in bytes."""

    push: RenderedPush
    size: int
    limit: int = PAYLOAD_LIMIT
    screens: tuple[LockScreen, ...] = LOCK_SCREENS

    @property
    def link(self) -> DeepLink | None:
        """Where a tap leads, in its parts; None where no phone could follow it (a remark says why)."""
        found = read_link(self.push.link) if self.push.link else ""
        return None if isinstance(found, str) else found

    @property
    def link_code(self) -> str:
        """The link as a QR code (an address of the scheme data:), for a phone that has the app; empty if too long."""
        try:
            code = segno.make(self.push.link, error="l", micro=False)
        except segno.DataOverflowError:
            return ""
        return code.svg_data_uri(scale=4, border=4, dark="#000", light="#fff")

    @property
    def payload(self) -> str:
        """What the phone gets, as JSON with indents."""
        return json.dumps(self.push.payload, ensure_ascii=False, indent=2)


def phone_view(content: Content, rendered: Rendered | None, category: str) -> SmsView | PushView | None:
    """What is shown of a rendered message; None for email, and where nothing could be rendered."""
    if isinstance(content, SmsContent) and isinstance(rendered, RenderedSms):
        return _sms_view(content, rendered, category)
    if isinstance(rendered, RenderedPush):
        return PushView(rendered, rendered.payload_bytes)
    return None


def phone_checks(content: Content, rendered: Rendered | None) -> list[Diagnostic]:
    """What is unwise about a text message or a notification."""
    if isinstance(content, SmsContent):
        sms = rendered if isinstance(rendered, RenderedSms) else None
        return check_sms(content, sms, slot_limit=current_settings().sms_slot_limit)
    if isinstance(content, PushContent):
        return check_push(content, rendered if isinstance(rendered, RenderedPush) else None)
    return []


def _sms_view(content: SmsContent, sms: RenderedSms, category: str) -> SmsView:
    sender = default_sender("sms", category)
    found = culprits(sms.text) if sms.encoding == UCS2 else ()
    match = None
    if content.registered_text:
        limit = current_settings().sms_slot_limit
        match = match_registered(content.registered_text, sms.text, slot_limit=limit)
    return SmsView(
        sms=sms,
        size=sms.measure,
        sender=sender.address if sender else "",
        culprits=tuple(CulpritLine(culprit, in_literals(content.text, culprit.character)) for culprit in found),
        match=match,
    )
