"""Server replies: from bytes to code, enhanced status code and words."""

import re
from typing import cast

LONGEST_DETAIL = 500
_LONGEST_LINE = 8192  # RFC 5321 says 512 octets; real servers exceed it, an endless line must still end
_MOST_LINES = 256
_MOST_KNOWN = 32
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_QUEUED_AS = re.compile(r"\b(?:queued (?:mail )?(?:for delivery )?as|id=)\s*<?([\w.@+=/-]+)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class ProtocolError(Exception):
    """The other side does not speak SMTP."""


class Reply:
    """One complete reply; `lines` are the words after the code, one entry a line."""

    __slots__ = ("_words", "code", "lines", "meaning")

    def __init__(self, code: int, lines: tuple[bytes, ...]) -> None:
        self.code = code
        self.lines = lines
        self.meaning: object = None  # what `verdicts` made of it, since the same object stands for equal replies
        self._words: str | None = None  # decoded when asked for: of four replies to a message, one is

    @property
    def words(self) -> str:
        """The server's words on one line of at most 500 characters."""
        if self._words is None:
            self._words = one_line(b" ".join(self.lines).decode("utf-8", "replace"))
        return self._words

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 2034), or "" where the server gives none."""
        found = _ENHANCED.match(self.words)
        return found.group(1) if found else ""

    @property
    def label(self) -> str:
        """Both codes as reports show them: "550 5.1.1", or "550"."""
        return f"{self.code} {self.enhanced}".rstrip()

    @property
    def queue_id(self) -> str:
        """The name the server gave the message ("250 2.0.0 Ok: queued as 4Xz1"), or ""."""
        found = _QUEUED_AS.search(self.words)
        return found.group(1).rstrip(".") if found else ""


def one_line(text: str) -> str:
    """Fold line breaks and control characters into spaces and cut at 500 characters."""
    return _CONTROL.sub(" ", text).strip()[:LONGEST_DETAIL]


class ReplyReader:
    """Cuts a byte stream into replies. Keeps what is incomplete for the next call."""

    __slots__ = ("_known", "_lines", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._known: dict[bytes, Reply] = {}  # most replies say the same for every message

    @property
    def holds_bytes(self) -> bool:
        """Has the server said more than complete, consumed replies?"""
        return bool(self._rest or self._lines)

    def feed(self, data: bytes) -> list[Reply]:
        """Replies completed by `data`, in order. Raises ProtocolError on anything that is no SMTP reply."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _LONGEST_LINE:
            raise ProtocolError("the server sent a reply line without an end")
        if not self._lines:
            heard_before = list(map(self._known.get, lines))
            if all(heard_before):
                return cast(list[Reply], heard_before)
        replies = []
        for line in lines:
            known = self._known.get(line)
            if known is not None and not self._lines:
                replies.append(known)
                continue
            code, mark = line[:3], line[3:4]
            if not code.isdigit() or len(code) != 3 or mark not in (b" ", b"-", b"\r", b""):
                raise ProtocolError(f"the server sent {one_line(line[:80].decode('utf-8', 'replace'))!r}")
            self._lines.append(line[4:].rstrip(b"\r"))
            if mark != b"-":
                reply = Reply(int(code), tuple(self._lines))
                replies.append(reply)
                if len(self._lines) == 1 and len(self._known) < _MOST_KNOWN:
                    self._known[line] = reply
                self._lines = []
            elif len(self._lines) > _MOST_LINES:
                raise ProtocolError("the server sent a reply without an end")
        return replies
