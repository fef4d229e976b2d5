"""A stored mail taken apart for looking at it."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """Header fields in their order, the two bodies ("" where the mail has none), attachments as (name, type, bytes)."""

    headers: list[tuple[str, str]]
    html: str
    text: str
    attachments: list[tuple[str, str, int]]
    source: str


def parse(raw: bytes) -> ParsedMail:
    """Take an RFC 5322 message apart; undecodable bytes are shown as replacement characters."""
    mail = message_from_bytes(raw, policy=policy.default)
    return ParsedMail(
        headers=[(name, str(value)) for name, value in mail.items()],
        html=_body(mail, "html"),
        text=_body(mail, "plain"),
        attachments=[
            (part.get_filename() or "unnamed", part.get_content_type(), len(part.get_payload(decode=True) or b""))
            for part in mail.iter_attachments()
        ],
        source=raw.decode("utf-8", "replace"),
    )


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""
