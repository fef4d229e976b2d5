"""Sandbox for SMS: messages go to an inbox inside the dashboard, and some can be told to go wrong on the way."""

import json
from collections.abc import Mapping
from typing import ClassVar

from worker.providers.base import InboxMail, OutgoingSms
from worker.providers.sandboxes import BOUNCE, FAIL, THROTTLE, InboxProvider

_WISHES = {"9991": FAIL, "9992": BOUNCE, "9993": THROTTLE}


class SandboxSmsProvider(InboxProvider):
    """Numbers that end in 9991, 9992 and 9993 ask to fail, to bounce and to be put off once."""

    vendor: ClassVar[str] = "sandbox_sms"
    label: ClassVar[str] = "Sandbox SMS"
    channel: ClassVar[str] = "sms"
    description: ClassVar[str] = (
        "Keeps text messages in an inbox of this dashboard; for trials, demonstrations and tests. "
        "Numbers ending in 9991 fail, in 9992 bounce, in 9993 are put off once."
    )
    codes: ClassVar[Mapping[str, str]] = {
        "fail": "rejected",
        "bounce": "absent_subscriber",
        "throttle": "throttled",
        "sent": "accepted",
    }

    def kept(self, message: OutgoingSms) -> InboxMail:
        """The message as a JSON object, as gateways take it."""
        source = {
            "to": message.to,
            "sender": message.sender,
            "text": message.text,
            "encoding": message.encoding,
            "segments": message.segments,
            "category": message.category,
            "registered_template": message.registered_template,
        }
        raw = json.dumps(source, ensure_ascii=False, indent=2).encode()
        line = " ".join(message.text.split())
        return InboxMail(message.reference, message.to, message.sender, line, raw, channel="sms")

    def wish(self, message: OutgoingSms) -> str:
        """The last four digits."""
        return _WISHES.get(message.to[-4:], "")
