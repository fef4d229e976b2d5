"""Opens a mailbox by either protocol, and tries one out."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Protocol

from worker.providers.mailbox.imap import ImapMailbox
from worker.providers.mailbox.pop3 import Pop3Mailbox
from worker.providers.mailbox.problems import MailboxProblem
from worker.providers.mailbox.settings import MailboxSettings


class Mailbox(Protocol):
    """A mailbox that was opened; every method but `close` raises MailboxProblem."""

    def fetch(self, most: int) -> list[tuple[str, bytes]]:
        """The next mails that nobody has settled: (key, its first MOST_BYTES); none when all were read."""

    def settle(self, taken: Sequence[str], left: Sequence[str]) -> None:
        """Remove (or mark as read) what was taken, leave what is not ours marked as read, where that can be."""

    def close(self) -> None:
        """Say goodbye."""


def open_mailbox(settings: MailboxSettings) -> Mailbox:
    """Connect, sign in, open the folder. Raises MailboxProblem."""
    return _open(settings, [])


def try_out(settings: MailboxSettings) -> tuple[tuple[str, bool, str], ...]:
    """The steps of a connection test: (what was tried, did it work, words). Never raises for the server's faults."""
    steps: list[tuple[str, bool, str]] = []
    try:
        _open(settings, steps).close()
    except MailboxProblem as problem:
        steps.append((_named(problem.step), False, str(problem)))
    return tuple(steps)


def _open(settings: MailboxSettings, steps: list[tuple[str, bool, str]]) -> ImapMailbox | Pop3Mailbox:
    context = ssl.create_default_context()
    if not settings.verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    kind = ImapMailbox if settings.protocol == "imap" else Pop3Mailbox
    mailbox = kind(settings, context)
    steps.append((_named("Connect"), True, f"{settings.host} answers on port {settings.port}."))
    try:
        mailbox.sign_in()
        steps.append((_named("Sign in"), True, f"{settings.username} may sign in."))
        waiting = mailbox.open()
    except MailboxProblem:
        mailbox.close()
        raise
    steps.append((_named("Open"), True, f"{waiting:,} mail{'' if waiting == 1 else 's'} to be read."))
    return mailbox


def _named(step: str) -> str:
    return f"Bounce mailbox: {step[0].lower()}{step[1:]}"
