"""A folder read by IMAP (RFC 3501): what is unread, without marking it, at most so many bytes of each mail."""

from __future__ import annotations

import contextlib
import imaplib
import ssl
from collections.abc import Sequence

from worker.providers.mailbox.problems import MailboxProblem, explained
from worker.providers.mailbox.settings import MOST_BYTES, MailboxSettings

_ADVICE = "It is tried again by itself."


class ImapMailbox:
    """An open folder."""

    def __init__(self, settings: MailboxSettings, context: ssl.SSLContext) -> None:
        """Connect and encrypt. Raises MailboxProblem."""
        self._settings = settings
        host, port, timeout = settings.host, settings.port, settings.timeout
        with explained("Connect", "Check host, port and encryption."):
            if settings.security == "tls":
                self._client: imaplib.IMAP4 = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=timeout)
            else:
                self._client = imaplib.IMAP4(host, port, timeout)
            if settings.security == "starttls":
                try:
                    self._client.starttls(context)
                except BaseException:
                    self.close()
                    raise

    def sign_in(self) -> None:
        """Raises MailboxProblem."""
        with explained("Sign in", "Check user name and password; some providers ask for an app password."):
            self._client.login(self._settings.username, self._settings.password)

    def open(self) -> int:
        """Open the folder; how many unread mails are in it. Raises MailboxProblem."""
        name = self._settings.folder
        with explained("Open the folder", "Check the folder's name."):
            kind, data = self._client.select(f'"{name}"')
            if kind != "OK":
                raise MailboxProblem("Open the folder", f"{_words(data)} Check the folder's name, {name}.")
        return len(self._unread())

    def fetch(self, most: int) -> list[tuple[str, bytes]]:
        """The oldest unread mails: (key, the first MOST_BYTES of it). Raises MailboxProblem."""
        mails = []
        for key in self._unread()[:most]:
            with explained("Read", _ADVICE):
                kind, data = self._client.uid("FETCH", key, f"(BODY.PEEK[]<0.{MOST_BYTES}>)")
            raw = next((item[1] for item in data if isinstance(item, tuple)), None)
            if kind == "OK" and raw is not None:  # else somebody took it away meanwhile
                mails.append((key, raw))
        return mails

    def settle(self, taken: Sequence[str], left: Sequence[str]) -> None:
        """Delete, or mark as read, what was taken; mark as read what is to stay. Raises MailboxProblem."""
        delete = self._settings.delete
        with explained("Clear up", "It may be read twice, which changes nothing."):
            self._mark(left if delete else [*taken, *left], r"(\Seen)")
            if delete and taken:
                self._mark(taken, r"(\Seen \Deleted)")
                if "UIDPLUS" in self._client.capabilities:
                    self._client.uid("EXPUNGE", ",".join(taken))
                else:
                    self._client.expunge()

    def close(self) -> None:
        """Say goodbye; never raises."""
        with contextlib.suppress(imaplib.IMAP4.error, OSError, ValueError):
            self._client.logout()

    def _unread(self) -> list[str]:
        with explained("Read", _ADVICE):
            kind, data = self._client.uid("SEARCH", "UNSEEN", "UNDELETED")
            if kind != "OK":
                raise MailboxProblem("Read", f"{_words(data)} {_ADVICE}")
            return (data[0] or b"").decode("ascii").split()

    def _mark(self, keys: Sequence[str], flags: str) -> None:
        if not keys:
            return
        kind, data = self._client.uid("STORE", ",".join(keys), "+FLAGS.SILENT", flags)
        if kind != "OK":
            words = f"The server does not let its mails be marked: {_words(data)} Give the user write access."
            raise MailboxProblem("Clear up", words)


def _words(data: Sequence[object]) -> str:
    told = data[0] if data else b""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else ""
    return f"The server said: {' '.join(text.split())[:300].rstrip('.') or 'no'}."
