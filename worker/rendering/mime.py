"""RFC 5322 messages from rendered emails.

A builder is a skeleton for one template version and one sender: attachments, boundaries and the From field are encoded
once; per message only what differs is (`passages`). That takes 10 µs for 10 KB, in quoted-printable too; the standard
library's EmailMessage takes 1,500 and is the reference that tests compare with.

A body travels as it is wherever mail allows: ASCII with lines of at most 998 bytes as 7bit, anything else as 8bit when
the server announces it, and as quoted-printable otherwise.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import MIMEPart
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

from worker.rendering.addresses import check_address
from worker.rendering.content import Attachment, RenderedEmail
from worker.rendering.dkim import DkimSigner, sign
from worker.rendering.errors import RenderError
from worker.rendering.headers import address_list_line, header_line, mailbox_line, structured_line
from worker.rendering.limits import LONGEST_LINE
from worker.rendering.passages import MARK_BEGINS, NO_RUNS, BodyRuns, Passage, Runs, dotted

__all__ = ["MimeBuilder"]

_CONTENT_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
_STRUCTURED: Final = frozenset(
    {"message-id", "in-reply-to", "references", "list-unsubscribe", "list-unsubscribe-post", "list-id", "feedback-id"}
    | {"auto-submitted", "precedence", "list-help", "list-archive", "list-post", "list-subscribe", "list-owner"}
)
_BODY_FIELDS: Final = b'Content-Type: text/%b; charset="utf-8"\r\nContent-Transfer-Encoding: '
_SEVEN_BIT: Final = _BODY_FIELDS + b"7bit\r\n\r\n"
_EIGHT_BIT: Final = _BODY_FIELDS + b"8bit\r\n\r\n"
_QUOTED: Final = _BODY_FIELDS + b"quoted-printable\r\n\r\n"


class MimeBuilder:
    """Builds the messages of one template version from one sender; safe to share between threads."""

    def __init__(
        self,
        *,
        attachments: Sequence[Attachment],
        from_address: str,
        default_from_name: str,
        signers: Sequence[DkimSigner] = (),
    ) -> None:
        """Encodes what all messages share; raises RenderError for a bad sender or attachment name.

        Each of the signers puts its DKIM signature on every message.
        """
        self._signers = tuple(signers)
        self._from_address = from_address
        self._default_from_name = default_from_name
        self._from_lines: dict[str, bytes] = {"": mailbox_line("From", default_from_name, from_address)}
        # "=_" can stand neither in quoted-printable nor in base64, so only unencoded bodies are searched for it. No
        # chance in it: the same message must have the same bytes when its content is shown again.
        seed = hashlib.sha256(from_address.encode("utf-8", "replace"))
        for attachment in attachments:
            seed.update(attachment.data)
        mark = MARK_BEGINS.encode() + seed.hexdigest()[:24].encode("ascii")
        self._mark = mark
        self._alternative = b'Content-Type: multipart/alternative; boundary="' + mark + b'_a"\r\n\r\n'
        self._between = b"\r\n--" + mark + b"_a\r\n"
        self._end = b"\r\n--" + mark + b"_a--\r\n"
        self._mixed = b""
        self._attached = self._attached_dotted = b""
        if attachments:
            separator = b"\r\n--" + mark + b"_m"
            self._mixed = b'Content-Type: multipart/mixed; boundary="' + mark + b'_m"\r\n\r\n--' + mark + b"_m\r\n"
            parts = [separator + b"\r\n" + _attachment_part(attachment) for attachment in attachments]
            self._attached = b"".join(parts) + separator + b"--\r\n"
            self._attached_dotted = dotted(self._attached)

    def build(
        self,
        email: RenderedEmail,
        *,
        to: str,
        message_id: str,
        date: datetime,
        extra_headers: Sequence[tuple[str, str]] = (),
        eight_bit: bool = False,
        runs: BodyRuns = NO_RUNS,
    ) -> bytes:
        """The message with CRLF line ends, not dot-stuffed, without Bcc.

        `message_id` has its angle brackets; `date` should be aware; `runs` are those of the same email, if at hand.
        Raises RenderError: header_injection for CR, LF or NUL in a header value, bad_address, render_failed for a
        machine-read header that is too long or not ASCII.
        """
        fields = self._fields(email, to, message_id, date, extra_headers)
        message = b"".join((*fields, *self._bodies(email, runs, eight_bit, dots=False)))
        return sign(message, self._signers, int(date.timestamp())) if self._signers else message

    def build_for_data(
        self,
        email: RenderedEmail,
        *,
        to: str,
        message_id: str,
        date: datetime,
        extra_headers: Sequence[tuple[str, str]] = (),
        eight_bit: bool = False,
        runs: BodyRuns = NO_RUNS,
    ) -> bytes:
        """The same as it follows SMTP's DATA: dot-stuffed, with the final dot. Raises as `build` does."""
        if self._signers:  # a signature is about the message before its dots are doubled
            message = self.build(
                email,
                to=to,
                message_id=message_id,
                date=date,
                extra_headers=extra_headers,
                eight_bit=eight_bit,
                runs=runs,
            )
            return dotted(message) + b".\r\n"
        fields = dotted(b"".join(self._fields(email, to, message_id, date, extra_headers)))
        return b"".join((fields, *self._bodies(email, runs, eight_bit, dots=True), b".\r\n"))

    def _fields(
        self,
        email: RenderedEmail,
        to: str,
        message_id: str,
        date: datetime,
        extra_headers: Sequence[tuple[str, str]],
    ) -> list[bytes]:
        """Everything before the fields of the first body."""
        from_line = self._from_lines.get(email.from_name) or self._from_line(email.from_name)
        fields = [from_line, _to_line(to)]
        if email.cc:
            fields.append(_copies_line(email.cc))
        if email.reply_to:
            fields.append(_reply_to_line(email.reply_to))
        fields.append(header_line("Subject", email.subject))
        fields.append(_date_line(date))
        fields.append(structured_line("Message-ID", message_id))
        for name, value in (*email.headers, *extra_headers):
            fields.append(_line_maker(name)(name, value))
        fields.append(b"MIME-Version: 1.0\r\n")
        return fields

    def _from_line(self, name: str) -> bytes:
        line = mailbox_line("From", name.strip() or self._default_from_name, self._from_address)
        if len(self._from_lines) < 1000:  # a name per recipient must not fill the memory of a long run
            self._from_lines[name] = line
        return line

    def _bodies(self, email: RenderedEmail, runs: BodyRuns, eight_bit: bool, *, dots: bool) -> list[bytes]:
        """Everything after the shared fields: one body or two alternatives, within the attachments where there are."""
        has_html = bool(email.html) if runs.html is None else _says_something(runs.html)
        if email.text and has_html:
            body = [
                self._alternative + self._between[2:],
                *self._body(b"plain", runs.text or [email.text], eight_bit, dots),
                self._between,
                *self._body(b"html", runs.html or [email.html], eight_bit, dots),
                self._end,
            ]
        elif has_html:
            body = [*self._body(b"html", runs.html or [email.html], eight_bit, dots), b"\r\n"]
        else:
            body = [*self._body(b"plain", runs.text or [email.text], eight_bit, dots), b"\r\n"]
        if not self._attached:
            return body
        return [self._mixed, *body, self._attached_dotted if dots else self._attached]

    def _body(self, kind: bytes, runs: Runs, eight_bit: bool, dots: bool) -> list[bytes]:
        """The body's fields, blank line and encoded lines; `dots`: those that begin a line are doubled."""
        pieces: list[bytes | Passage] = []
        ascii_only = fits = True
        for run in runs:
            if isinstance(run, Passage):
                ascii_only, fits = ascii_only and run.ascii, fits and run.fits
                pieces.append(run)
            elif run:
                data = _clean(run)
                ascii_only = ascii_only and data.isascii()
                fits = fits and self._mark not in data and (len(data) <= LONGEST_LINE or _lines_fit(data))
                pieces.append(data)
        if not (fits and (ascii_only or eight_bit)):
            return [_QUOTED % kind, *[_quoted(piece, dots) for piece in pieces]]
        body = [(_SEVEN_BIT if ascii_only else _EIGHT_BIT) % kind]
        for piece in pieces:
            if isinstance(piece, Passage):
                body.append(piece.plain_dotted if dots else piece.plain)
            else:
                lines = piece.replace(b"\n", b"\r\n")
                body.append(dotted(lines) if dots else lines)
        return body


def _says_something(runs: Runs) -> bool:
    """NUL, which is left out, says nothing."""
    first = runs[0] if runs else ""
    if isinstance(first, Passage) or first.strip("\x00"):
        return True
    return any(isinstance(run, Passage) or bool(run.strip("\x00")) for run in runs[1:])


def _clean(text: str) -> bytes:
    """A text as UTF-8 with LF line ends and without NUL."""
    data = text.encode("utf-8", "replace")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.replace(b"\x00", b"") if b"\x00" in data else data


def _quoted(piece: bytes | Passage, dots: bool) -> bytes:
    if isinstance(piece, Passage):
        return piece.quoted_dotted if dots else piece.quoted
    lines = binascii.b2a_qp(piece, istext=True).replace(b"\n", b"\r\n")
    return dotted(lines) if dots else lines


def _lines_fit(data: bytes) -> bool:
    """Whether no line is longer than mail allows; jumps from line end to line end, 1 µs per 10 KB."""
    start = 0
    while len(data) - start > LONGEST_LINE:
        end = data.rfind(b"\n", start, start + LONGEST_LINE + 1)
        if end < 0:
            return False
        start = end + 1
    return True


@lru_cache(maxsize=256)
def _line_maker(name: str) -> Callable[[str, str], bytes]:
    return structured_line if name.lower() in _STRUCTURED else header_line


@lru_cache(maxsize=64)
def _date_line(date: datetime) -> bytes:
    return b"Date: " + format_datetime(date).encode("ascii") + b"\r\n"


def _to_line(address: str) -> bytes:
    if not address:
        raise RenderError("bad_address", "the recipient has no address", part="to")
    if address.isascii() and len(address) <= 70:
        try:
            checked = check_address(address)
        except ValueError:
            return mailbox_line("To", "", address)
        return f"To: {checked}\r\n".encode("ascii")
    return mailbox_line("To", "", address)


@lru_cache(maxsize=256)
def _copies_line(addresses: tuple[str, ...]) -> bytes:
    return address_list_line("Cc", addresses)


@lru_cache(maxsize=256)
def _reply_to_line(addresses: str) -> bytes:
    return address_list_line("Reply-To", [addresses])


def _attachment_part(attachment: Attachment) -> bytes:
    """One attachment as a MIME part, base64 with CRLF line ends and without the last one."""
    if any(ord(character) < 32 or ord(character) == 127 for character in attachment.filename):
        raise RenderError("header_injection", "an attachment's name holds a control character", part="attachments")
    content_type = attachment.content_type.lower()
    if not _CONTENT_TYPE.fullmatch(content_type) or content_type.startswith(("multipart/", "message/")):
        content_type = "application/octet-stream"  # an unknown or nested type: the file's name still tells what it is
    maintype, _, subtype = content_type.partition("/")
    part = MIMEPart(policy=SMTP)
    part.set_content(attachment.data, maintype, subtype, disposition="attachment", filename=attachment.filename)
    return part.as_bytes().rstrip(b"\r\n")
