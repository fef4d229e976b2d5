"""What a provider's messages may come from: From addresses of email, sender ids of SMS, nothing for push."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dashboard.message_templates.models import Channel
from dashboard.problems import DomainError
from dashboard.suppressions.addresses import normal_address

#: Letters and digits with at least one letter, up to 11 (GSM 03.40), or a short code or number of 3 to 15 digits.
_SENDER_ID = re.compile(r"(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]{3,11}|\+?[0-9]{3,15}")


@dataclass(frozen=True, slots=True)
class SenderWords:
    """How a channel calls its senders."""

    title: str
    one: str
    hint: str
    label: str
    example: str
    named: bool  # with a display name beside it


SENDER_WORDS = {
    Channel.EMAIL: SenderWords(
        "From addresses",
        "From address",
        "What recipients see as the sender. Campaigns may choose one; the default serves where nobody chose.",
        "Address",
        "news@example.com",
        named=True,
    ),
    Channel.SMS: SenderWords(
        "Sender ids",
        "sender id",
        "What phones show as the sender: 3 to 11 letters and digits, a short code or a number. In India the six-letter "
        "header that is registered with the operators.",
        "Sender id",
        "SHOPEX",
        named=False,
    ),
}


def sender_words(channel: str) -> SenderWords | None:
    """The words of a channel; None for push, whose notifications come from the app."""
    return SENDER_WORDS.get(Channel(channel))


def normal_sender(channel: str, text: str) -> str:
    """A sender in the form in which it is kept. DomainError(field="address") where it cannot be one."""
    if channel == Channel.EMAIL:
        return normal_address(text)
    sender = text.strip()
    if not _SENDER_ID.fullmatch(sender):
        words = f"“{sender}” is no sender id: use 3 to 11 letters and digits, or a number of 3 to 15 digits."
        raise DomainError(words, field="address", code="bad_sender")
    return sender
