"""Sandbox for push: notifications go to an inbox inside the dashboard, and some can be told to go wrong on the way."""

import json
from collections.abc import Mapping
from typing import ClassVar

from worker.providers.base import InboxMail, OutgoingPush
from worker.providers.sandboxes import InboxProvider


class SandboxPushProvider(InboxProvider):
    """Tokens that begin with fail-, bounce- or throttle- ask for a fate by name."""

    vendor: ClassVar[str] = "sandbox_push"
    label: ClassVar[str] = "Sandbox push"
    channel: ClassVar[str] = "push"
    description: ClassVar[str] = (
        "Keeps notifications in an inbox of this dashboard; for trials, demonstrations and tests. "
        "Tokens beginning with fail-, bounce- or throttle- meet that fate."
    )
    codes: ClassVar[Mapping[str, str]] = {
        "fail": "invalid_argument",
        "bounce": "unregistered",
        "throttle": "quota_exceeded",
        "sent": "accepted",
    }

    def kept(self, message: OutgoingPush) -> InboxMail:
        """The notification as a JSON object."""
        source = {
            "token": message.token,
            "title": message.title,
            "body": message.body,
            "image": message.image,
            "link": message.link,
            "collapse_key": message.collapse_key,
            "data": dict(message.data),
            "category": message.category,
        }
        raw = json.dumps(source, ensure_ascii=False, indent=2).encode()
        line = message.title or " ".join(message.body.split())
        return InboxMail(message.reference, message.token, "", line, raw, channel="push")

    def wish(self, message: OutgoingPush) -> str:
        """What stands before the first hyphen."""
        return message.token.partition("-")[0].lower()
