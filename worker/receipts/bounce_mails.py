"""What a mail in the bounce mailbox says: delivery status (RFC 3464), complaints (RFC 5965), plain bounces.

Pure, and never raises: whoever knows the bounce address can write to it, so what comes in is bounded and may be
anything. Which message is meant is said, in this order, by a token of ours in the addresses, by the Message-ID of the
mail that came back, by the recipient.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser, HeaderParser
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime
from enum import StrEnum

from dashboard.ids import parse_public_id
from worker.providers.mailbox.settings import MOST_BYTES
from worker.providers.receipts import Receipt, ReceiptKind

logger = logging.getLogger(__name__)

_MOST_PARTS = 50
_MOST_RECIPIENTS = 100
_MOST_TEXT = 20_000
#: Mails nested deeper than anybody's bounce would cost the parser seconds.
_MOST_NESTING = 60
_NESTING = re.compile(rb"boundary\s*=|content-type:\s*message/", re.IGNORECASE)
_ADDRESSED = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-RCPT-To")
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(r"(?<![\d.])([45][0-5]\d)(?=[ -])")
_OUR_MESSAGE_ID = re.compile(r"<(msg_[0-9a-z]{13})@", re.IGNORECASE)
_MAILERS = re.compile(r"\b(mailer-daemon|postmaster)\b", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\s]+")
_ACTIONS = {
    "failed": ReceiptKind.BOUNCED,
    "delayed": ReceiptKind.DEFERRED,
    "delivered": ReceiptKind.DELIVERED,
    "relayed": ReceiptKind.ACCEPTED,
    "expanded": ReceiptKind.ACCEPTED,
}
_COMPLAINTS = {
    "abuse": ReceiptKind.COMPLAINED,
    "fraud": ReceiptKind.COMPLAINED,
    "virus": ReceiptKind.COMPLAINED,
    "opt-out": ReceiptKind.UNSUBSCRIBED,
}
_CLASSES = {"2": ReceiptKind.DELIVERED, "4": ReceiptKind.DEFERRED, "5": ReceiptKind.BOUNCED}


class MailKind(StrEnum):
    """What a mail in the bounce mailbox is."""

    REPORT = "report"
    COPY_REPORT = "report_of_a_copy"  # about somebody in Cc; says nothing about the message's recipient
    AUTO_REPLY = "auto_reply"
    OTHER = "not_a_report"


@dataclass(frozen=True, slots=True)
class BounceMail:
    """A mail and its statements. A receipt without `reference` is to be matched by its `recipient`."""

    kind: MailKind
    receipts: tuple[Receipt, ...] = ()


def read_bounce_mail(raw: bytes, message_of: Callable[[str], int | None]) -> BounceMail:
    """Read one mail. `message_of` finds the id of a message by the token in one of several addresses, else None."""
    try:
        return _Reader(raw[:MOST_BYTES], message_of).read()
    except Exception as error:  # the parser's own faults with mails made for it: RecursionError, LookupError …
        logger.info("a mail in the bounce mailbox could not be read", extra={"error": type(error).__name__})
        return BounceMail(MailKind.OTHER)


class _Reader:
    def __init__(self, raw: bytes, message_of: Callable[[str], int | None]) -> None:
        headers_only = len(_NESTING.findall(raw)) > _MOST_NESTING
        self._mail = BytesParser(policy=compat32).parsebytes(raw, headersonly=headers_only)
        self._parts = list(_parts(self._mail))
        self._message_of = message_of
        self._event = _text(self._mail, "Message-ID") or hashlib.sha256(raw).hexdigest()
        self._returned = self._find_returned()

    def read(self) -> BounceMail:
        for part in self._parts:
            kind = part.get_content_type()
            if kind in ("message/delivery-status", "message/global-delivery-status"):
                return self._status(_blocks(part))
            if kind == "message/feedback-report":
                return self._complaint(_blocks(part)[0])
        return self._plain()

    def _status(self, blocks: list[Message]) -> BounceMail:
        reference, receipts, copies = self._reference(), [], 0
        for block in blocks[: _MOST_RECIPIENTS + 1]:
            recipient = _address(block, "Original-Recipient") or _address(block, "Final-Recipient")
            if not recipient and not block.get("Action"):
                continue  # the fields of the whole report
            if self._is_copy(recipient):
                copies += 1
                continue
            receipts.append(self._of_block(block, recipient, reference))
        if receipts:
            return BounceMail(MailKind.REPORT, tuple(receipts))
        return BounceMail(MailKind.COPY_REPORT if copies else MailKind.OTHER)

    def _of_block(self, block: Message, recipient: str, reference: int | None) -> Receipt:
        words = _text(block, "Diagnostic-Code").partition(";")
        diagnosis = (words[2] or words[0]).strip()
        status = _STATUS.search(_text(block, "Status")) or _STATUS.search(diagnosis)
        action = _text(block, "Action").lower()
        return Receipt(
            kind=_kind(action, status),
            event_id=f"{self._event}|{recipient.lower()}",
            reference=reference,
            recipient=recipient,
            code=_code(diagnosis, status) or action[:20],
            detail=diagnosis[:500] or _text(block, "Status")[:500],
            occurred_at=_moment(_text(block, "Last-Attempt-Date")) or _moment(_text(self._mail, "Date")),
        )

    def _complaint(self, fields: Message) -> BounceMail:
        feedback = _text(fields, "Feedback-Type").lower()
        recipient = _address(fields, "Original-Rcpt-To")
        receipt = Receipt(
            kind=_COMPLAINTS.get(feedback, ReceiptKind.UNKNOWN),
            event_id=f"{self._event}|{recipient.lower()}",
            reference=self._reference(_text(fields, "Original-Mail-From")),
            recipient=recipient,
            code=feedback[:60],
            detail=f"Reported by {_text(fields, 'User-Agent') or 'a mailbox provider'}"[:500],
            occurred_at=_moment(_text(fields, "Arrival-Date") or _text(fields, "Received-Date")),
        )
        return BounceMail(MailKind.REPORT, (receipt,))

    def _plain(self) -> BounceMail:
        """A mail that is no report by its form; only our token makes it one."""
        from_mailer = bool(_MAILERS.search(_text(self._mail, "From"))) or "X-Failed-Recipients" in self._mail
        if _text(self._mail, "Auto-Submitted").lower() not in ("", "no") and not from_mailer:
            return BounceMail(MailKind.AUTO_REPLY)
        reference = self._message_of(self._addressed())
        if reference is None:
            return BounceMail(MailKind.OTHER)
        body = self._body()
        status = _STATUS.search(body)
        reply = _REPLY.search(body) if from_mailer else None
        digit = status[1] if status else reply[1][0] if reply else ""
        kind = _refined(_CLASSES.get(digit, ReceiptKind.UNKNOWN), status)
        found = status or reply
        line = next((line for line in body.splitlines() if found and found[0] in line), "")
        receipt = Receipt(
            kind=kind,
            event_id=f"{self._event}|",
            reference=reference,
            code=_code(line, status) or "no_status",
            detail=_clean(line or _text(self._mail, "Subject"))[:500],
            occurred_at=_moment(_text(self._mail, "Date")),
        )
        return BounceMail(MailKind.REPORT, (receipt,))

    def _reference(self, more: str = "") -> int | None:
        """Our id of the message, by the token or by the Message-ID of what came back."""
        addresses = " ".join((self._addressed(), more, _text(self._returned, "Return-Path")))
        found = self._message_of(addresses)
        if found is not None:
            return found
        written = _OUR_MESSAGE_ID.search(_text(self._returned, "Message-ID"))
        try:
            return parse_public_id("msg", written[1]) if written else None
        except ValueError:
            return None

    def _addressed(self) -> str:
        return " ".join(_text(self._mail, name) for name in _ADDRESSED)

    def _is_copy(self, recipient: str) -> bool:
        to, copied = (
            {address.lower() for _, address in getaddresses([_text(self._returned, name)])} for name in ("To", "Cc")
        )
        return recipient.lower() in copied - to

    def _find_returned(self) -> Message:
        """The headers of the mail that came back; empty where they did not come along."""
        for part in self._parts:
            kind = part.get_content_type()
            if kind in ("message/rfc822", "message/global") and part.is_multipart():
                inner = part.get_payload(0)
                if isinstance(inner, Message):
                    return inner
            if kind in ("text/rfc822-headers", "message/global-headers"):
                return HeaderParser(policy=compat32).parsestr(_payload(part).lstrip("\r\n"))
        return Message()

    def _body(self) -> str:
        return next((_payload(part) for part in self._parts if part.get_content_type() == "text/plain"), "")


def _parts(mail: Message) -> Iterator[Message]:
    """The parts in order, without those of the mail that came back."""
    waiting, seen = [mail], 0
    while waiting and seen < _MOST_PARTS:
        part, seen = waiting.pop(0), seen + 1
        yield part
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting[:0] = [inner for inner in part.get_payload() if isinstance(inner, Message)]


def _blocks(part: Message) -> list[Message]:
    """The groups of fields in a report's machine-readable part."""
    if part.get_content_type() == "message/delivery-status" and part.is_multipart():
        return [block for block in part.get_payload() if isinstance(block, Message)]
    inner = part.get_payload(0) if part.is_multipart() else part
    text = inner.as_string() if isinstance(inner, Message) and inner is not part else _payload(part)
    parser = HeaderParser(policy=compat32)
    return [parser.parsestr(block) for block in re.split(r"\r?\n(?:[ \t]*\r?\n)+", text.strip())]


def _payload(part: Message) -> str:
    decoded = part.get_payload(decode=True)
    return decoded[:_MOST_TEXT].decode("utf-8", "replace") if isinstance(decoded, bytes) else ""


def _text(message: Message, name: str) -> str:
    return _clean(str(message.get(name, "")))[:4000]


def _clean(text: str) -> str:
    """On one line, without what a database would not take."""
    return _CONTROLS.sub(" ", text.encode("utf-8", "replace").decode()).strip()


def _address(message: Message, name: str) -> str:
    """An address field such as "rfc822; ada@example.com" or "<ada@example.com>"."""
    text = _text(message, name)
    return text.rpartition(";")[2].strip(" <>")[:320]


def _kind(action: str, status: re.Match[str] | None) -> ReceiptKind:
    kind = _ACTIONS.get(action)
    if kind is None:
        kind = _CLASSES[status[1]] if status else ReceiptKind.UNKNOWN
    elif kind is ReceiptKind.BOUNCED and status and status[1] == "4":
        return ReceiptKind.EXPIRED  # a passing trouble that did not pass in time
    return _refined(kind, status)


def _refined(kind: ReceiptKind, status: re.Match[str] | None) -> ReceiptKind:
    """A bounce whose status (RFC 3463) says that the address is not at fault, so that it is not suppressed."""
    if kind is not ReceiptKind.BOUNCED or status is None:
        return kind
    subject, detail = status[2], status[3]
    if (subject, detail) == ("4", "7"):
        return ReceiptKind.EXPIRED
    if subject in ("3", "6", "7") or (subject, detail) in (("2", "2"), ("2", "3")):
        return ReceiptKind.FAILED  # the system, the content, a policy; a full mailbox, too large a message
    return kind


def _code(words: str, status: re.Match[str] | None) -> str:
    """Groupable, as a server's answer is: "550 5.1.1"."""
    reply = _REPLY.search(words + " ")
    return " ".join(part for part in (reply[1] if reply else "", status[0] if status else "") if part)


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if 2000 <= moment.year <= datetime.now(UTC).year + 1 else None
