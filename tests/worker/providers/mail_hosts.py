"""An IMAP and a POP3 server on loopback, as small as a client of bounces needs them; state in one `Post`."""

from __future__ import annotations

import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dashboard.providers.models import Provider
from tests.factories.sending import new_provider

USER, PASSWORD = "bounces", 'pass "word"'


@dataclass
class Post:
    """What lies in the mailbox, and how its server behaves."""

    mails: dict[int, bytes] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    uidplus: bool = True
    cut_after: int | None = None  # fetches after which the connection is dropped
    read_only: bool = False
    mute: bool = False
    context: ssl.SSLContext | None = None
    sessions: int = 0

    def __init__(self, *mails: bytes, **values: object) -> None:
        self.mails = dict(enumerate(mails, 1))
        self.seen, self.deleted = set(), set()
        for name, value in values.items():
            setattr(self, name, value)

    def cut(self) -> bool:
        """Is this fetch the one that is not answered any more?"""
        if self.cut_after is None:
            return False
        self.cut_after -= 1
        return self.cut_after < 0


class _Handler(socketserver.StreamRequestHandler):
    post: Post

    def say(self, *lines: bytes) -> None:
        self.wfile.write(b"".join(line + b"\r\n" for line in lines))
        self.wfile.flush()

    def encrypt(self) -> None:
        assert self.post.context is not None
        self.request = self.connection = self.post.context.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")

    def handle(self) -> None:
        self.post.sessions += 1
        try:
            if self.post.mute:
                self.rfile.readline()
                return
            self.talk()
        except (OSError, ssl.SSLError):
            return

    def talk(self) -> None:
        raise NotImplementedError


class _Imap(_Handler):
    def talk(self) -> None:
        extra = b" UIDPLUS" if self.post.uidplus else b""
        self.say(b"* OK ready")
        while line := self.rfile.readline():
            tag, _, rest = line.rstrip(b"\r\n").partition(b" ")
            command = rest.upper()
            if command == b"CAPABILITY":
                self.say(b"* CAPABILITY IMAP4rev1 STARTTLS" + extra, tag + b" OK done")
            elif command == b"STARTTLS":
                self.say(tag + b" OK go on")
                self.encrypt()
            elif command.startswith(b"LOGIN"):
                good = rest.endswith(b'bounces "pass \\"word\\""')
                self.say(tag + (b" OK in" if good else b" NO [AUTHENTICATIONFAILED] wrong password."))
            elif command.startswith(b"SELECT"):
                good = rest.endswith(b'"INBOX"')
                self.say(b"* 1 EXISTS", tag + b" OK open" if good else tag + b" NO no such folder")
            elif command == b"LOGOUT":
                self.say(b"* BYE", tag + b" OK out")
                return
            elif not self.with_mails(tag, rest):
                return

    def with_mails(self, tag: bytes, rest: bytes) -> bool:
        post, words = self.post, rest.split()
        if words[:2] == [b"UID", b"SEARCH"]:
            found = sorted(set(post.mails) - post.seen - post.deleted)
            self.say(b"* SEARCH" + b"".join(b" %d" % uid for uid in found), tag + b" OK found")
        elif words[:2] == [b"UID", b"FETCH"]:
            if post.cut():
                return False
            raw = post.mails[int(words[2])][: int(re.search(rb"<0\.(\d+)>", rest)[1])]  # type: ignore[index]
            self.say(b"* 1 FETCH (UID %s BODY[]<0> {%d}" % (words[2], len(raw)), raw + b")", tag + b" OK there")
        elif words[:2] == [b"UID", b"STORE"]:
            uids = {int(uid) for uid in words[2].split(b",")}
            if post.read_only:
                self.say(tag + b" NO read only")
                return True
            post.seen |= uids
            post.deleted |= uids if b"\\Deleted" in rest else set()
            self.say(tag + b" OK marked")
        elif rest.startswith(b"UID EXPUNGE" if post.uidplus else b"EXPUNGE"):
            for uid in post.deleted:
                del post.mails[uid]
            post.deleted = set()
            self.say(tag + b" OK gone")
        else:
            self.say(tag + b" BAD what")
        return True


class _Pop3(_Handler):
    def talk(self) -> None:
        post, numbers, gone = self.post, sorted(self.post.mails), set()
        self.say(b"+OK ready")
        while line := self.rfile.readline():
            command, _, rest = line.rstrip(b"\r\n").partition(b" ")
            if command == b"STLS":
                self.say(b"+OK go on")
                self.encrypt()
            elif command == b"CAPA":
                self.say(b"+OK", b"STLS", b".")
            elif command == b"PASS":
                self.say(b"+OK in" if rest == PASSWORD.encode() else b"-ERR wrong password")
            elif command == b"STAT":
                self.say(b"+OK %d 1" % len(numbers))
            elif command == b"RETR":
                if post.cut():
                    return
                raw = post.mails[numbers[int(rest) - 1]].removesuffix(b"\r\n")
                self.say(b"+OK", *(b"." + part if part.startswith(b".") else part for part in raw.split(b"\r\n")), b".")
            elif command == b"DELE":
                gone.add(numbers[int(rest) - 1])
                self.say(b"+OK")
            elif command == b"QUIT":
                for number in gone:
                    del post.mails[number]
                self.say(b"+OK bye")
                return
            else:
                self.say(b"+OK")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def mail_host(protocol: str, post: Post) -> Iterator[int]:
    """A server of "imap" or "pop3"; its port."""
    kind = _Imap if protocol == "imap" else _Pop3
    handler = type("Handler", (kind,), {"post": post})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def mailbox_provider(port: int, protocol: str = "imap", **settings: Any) -> Provider:
    """An SMTP provider that reads the mailbox at that port."""
    mailbox = {
        "host": "127.0.0.1",
        "bounce_protocol": protocol,
        "bounce_host": "127.0.0.1",
        "bounce_port": port,
        "bounce_security": "none",
        "bounce_username": USER,
        "bounce_password": PASSWORD,
    }
    return new_provider("smtp", **(mailbox | settings))
