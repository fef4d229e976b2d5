"""What the list keeps of each channel: email addresses, phone numbers, device tokens; each in one form."""

from __future__ import annotations

from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from dashboard.current import current_settings
from dashboard.message_templates.models import Channel
from dashboard.problems import DomainError
from worker.engine.recipients import device_token, mobile_number, recorded


@dataclass(frozen=True, slots=True)
class ChannelWords:
    """How the list speaks of a channel: its addresses, what is sent to them, and whom its messages reach."""

    addresses: str
    noun: str
    recipient: str


WORDS = {
    Channel.EMAIL: ChannelWords("Email addresses", "mail", ""),
    Channel.SMS: ChannelWords("Phone numbers", "SMS", ""),
    Channel.PUSH: ChannelWords("Device tokens", "push", "This device"),
}


def normal_address(text: str) -> str:
    """An email address in the form in which records carry it (lower case, ASCII domain). DomainError otherwise."""
    try:
        parsed = validate_email(text.strip(), check_deliverability=False)
    except EmailNotValidError as error:
        raise DomainError(f"“{text.strip()}” is not an email address: {error}", field="address") from error
    return (parsed.ascii_email or parsed.normalized).lower()


def normal(channel: str, text: str) -> str:
    """An address of a channel in the form in which the list keeps it and senders look for it.

    Email in lower case; a phone number as E.164, of the default country where it names none; a device's token in
    lower case, a long one by its digest as in the ledger. DomainError(field="address") says what is wrong.
    """
    text = text.strip()
    if channel == Channel.EMAIL:
        return normal_address(text)
    try:
        if channel == Channel.SMS:
            return mobile_number(text, current_settings().default_country)
        return recorded(device_token(text)).lower()
    except ValueError as problem:
        raise DomainError(f"“{text[:80]}”: {problem}.", field="address") from problem


def beginning(text: str) -> str:
    """What somebody looks for, as entries begin: a whole phone number in its one form, the rest in lower case."""
    try:
        return normal(Channel.SMS, text)
    except DomainError:
        return text.strip().lower()
