"""Whom a test of each channel can be sent to: how they are typed, and where they stand in a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.accounts.models import User
from dashboard.current import current_settings
from dashboard.jobs.services import Recipient
from dashboard.message_templates import content_rules as rules
from dashboard.message_templates.models import Channel
from worker.engine.recipients import device_token, mobile_number

MOST = 5


@dataclass(frozen=True, slots=True)
class TestRecipients:
    """Addresses of one channel. `plural` names them; `missing` is what to do where the tester has none."""

    __test__ = False  # pytest would take the name for a test

    channel: Channel
    plural: str
    hint: str
    missing: str
    own: Callable[[User], str]
    split: Callable[[str], list[str]]
    check: Callable[[str], str]

    def read(self, text: str) -> list[str]:
        """What was typed, each address once and in its one form. ValueError says what is wrong."""
        words = self.split(text)
        if not words:
            raise ValueError("Type at least one address.")
        if len(words) > MOST:
            raise ValueError(f"{len(words)} {self.plural} are too many; {MOST} is the most.")
        return list(dict.fromkeys(self.check(word) for word in words))

    def recipient(self, address: str, variables: dict[str, object]) -> Recipient:
        """The recipient of a job."""
        return Recipient(**{self.channel.address_column: address}, variables=variables)


def _email(text: str) -> str:
    problem = rules.address_problem(text)
    if problem:
        raise ValueError(problem)
    return text


def _phone(text: str) -> str:
    try:
        return mobile_number(text, current_settings().default_country)
    except ValueError as problem:
        raise ValueError(f"“{text}”: {problem}.") from problem


def _token(text: str) -> str:
    try:
        return device_token(text)
    except ValueError as problem:
        raise ValueError(f"“{text[:40]}”: {problem}.") from problem


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


_RECIPIENTS = {
    Channel.EMAIL: TestRecipients(
        Channel.EMAIL,
        "addresses",
        "Up to five addresses: one a line, or with commas between.",
        "Your account has no email address.",
        lambda user: user.email,
        rules.address_words,
        _email,
    ),
    Channel.SMS: TestRecipients(
        Channel.SMS,
        "numbers",
        "Up to five numbers: one a line, or with commas between; with a + and the country code where abroad.",
        "Your account has no phone number for tests.",
        lambda user: user.phone,
        rules.address_words,
        _phone,
    ),
    Channel.PUSH: TestRecipients(
        Channel.PUSH,
        "tokens",
        "Up to five device tokens, one a line.",
        "Your account has no device token for tests.",
        lambda user: user.push_token,
        _lines,
        _token,
    ),
}


def recipients_of(channel: str) -> TestRecipients:
    """The addresses that a channel's tests go to."""
    return _RECIPIENTS[Channel(channel)]
