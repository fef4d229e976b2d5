"""Sandbox: mails go to an inbox inside the dashboard, and some can be told to go wrong on the way."""

from collections.abc import Mapping
from typing import ClassVar

from worker.providers.base import InboxMail, OutgoingEmail
from worker.providers.sandboxes import InboxProvider


class SandboxProvider(InboxProvider):
    """The addresses fail@, bounce@ and throttle@ of any domain (also fail+anything@) ask for a fate by name."""

    vendor: ClassVar[str] = "sandbox"
    label: ClassVar[str] = "Sandbox"
    channel: ClassVar[str] = "email"
    description: ClassVar[str] = "Keeps mails in an inbox of this dashboard; for trials, demonstrations and tests."
    codes: ClassVar[Mapping[str, str]] = {
        "fail": "554 5.7.1",
        "bounce": "550 5.1.1",
        "throttle": "450 4.7.0",
        "sent": "250 2.0.0",
    }

    def kept(self, message: OutgoingEmail) -> InboxMail:
        """The mail as it would have been sent."""
        raw = message.mime(True)
        return InboxMail(message.reference, message.to, message.from_address, message.rendered.subject, raw)

    def wish(self, message: OutgoingEmail) -> str:
        """The local part, without what follows a plus sign."""
        return message.to.partition("@")[0].partition("+")[0].lower()
