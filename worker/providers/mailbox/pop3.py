"""A mailbox read by POP3 (RFC 1939): all that is there, deleted when the session ends well."""

from __future__ import annotations

import contextlib
import poplib
import ssl
from collections.abc import Sequence
from typing import Any

from worker.providers.mailbox.problems import explained
from worker.providers.mailbox.settings import MOST_BYTES, MailboxSettings

_ADVICE = "It is tried again by itself."


class _Bounded:
    """poplib gives up at lines of over 2 KiB, which HTML mails have, and keeps mails whole: this one takes any line
    and keeps the first MOST_BYTES."""

    file: Any

    def _getline(self) -> tuple[bytes, int]:
        line = b""
        while not line.endswith(b"\n"):
            piece = self.file.readline(65_536)
            if not piece:
                raise poplib.error_proto("-ERR EOF")
            line = line + piece if len(line) < MOST_BYTES else line[:-1] + piece[-1:]
        return line.rstrip(b"\r\n"), len(line)

    def _getlongresp(self) -> tuple[bytes, list[bytes], int]:
        reply: bytes = self._getresp()  # type: ignore[attr-defined]
        kept, octets = [], 0
        while (line := self._getline()[0]) != b".":
            if octets < MOST_BYTES:
                kept.append(line[1:] if line.startswith(b"..") else line)
                octets += len(line) + 2
        return reply, kept, octets


class _Pop3(_Bounded, poplib.POP3):
    pass


class _Pop3Tls(_Bounded, poplib.POP3_SSL):
    pass


class Pop3Mailbox:
    """A mailbox; what is deleted goes when it is closed after `settle`."""

    def __init__(self, settings: MailboxSettings, context: ssl.SSLContext) -> None:
        """Connect and encrypt. Raises MailboxProblem."""
        self._settings = settings
        self._fetched = 0
        self._total = 0
        host, port, timeout = settings.host, settings.port, settings.timeout
        with explained("Connect", "Check host, port and encryption."):
            if settings.security == "tls":
                self._client: poplib.POP3 = _Pop3Tls(host, port, timeout=timeout, context=context)
            else:
                self._client = _Pop3(host, port, timeout=timeout)
            if settings.security == "starttls":
                try:
                    self._client.stls(context)
                except BaseException:
                    self._drop()
                    raise

    def sign_in(self) -> None:
        """Raises MailboxProblem."""
        with explained("Sign in", "Check user name and password; some providers ask for an app password."):
            self._client.user(self._settings.username)
            self._client.pass_(self._settings.password)

    def open(self) -> int:
        """How many mails there are. Raises MailboxProblem."""
        with explained("Open the mailbox", _ADVICE):
            self._total, _ = self._client.stat()
        return self._total

    def fetch(self, most: int) -> list[tuple[str, bytes]]:
        """The next mails: (key, the first MOST_BYTES of it). Raises MailboxProblem."""
        mails = []
        for number in range(self._fetched + 1, min(self._fetched + most, self._total) + 1):
            with explained("Read", _ADVICE):
                mails.append((str(number), b"\r\n".join(self._client.retr(number)[1]) + b"\r\n"))
            self._fetched = number
        return mails

    def settle(self, taken: Sequence[str], left: Sequence[str]) -> None:
        """Delete all of them: POP3 has no mark for what was read, and each is kept with the callbacks."""
        with explained("Clear up", "It may be read twice, which changes nothing."):
            for number in (*taken, *left):
                self._client.dele(int(number))

    def close(self) -> None:
        """Say goodbye, which carries deletions out; never raises."""
        with contextlib.suppress(poplib.error_proto, OSError, ValueError):
            self._client.quit()
        self._drop()

    def _drop(self) -> None:
        with contextlib.suppress(OSError):  # a socket whose encryption failed is closed already
            self._client.close()
