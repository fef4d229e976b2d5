"""A stored message taken apart for looking at it: a mail, or the JSON object of a text message or notification."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

from worker.rendering.push import RenderedPush
from worker.rendering.sms import RenderedSms


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


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """What the recipient sees, the other fields as (name, value), and the whole object as text."""

    rendered: RenderedSms | RenderedPush
    facts: list[tuple[str, str]]
    source: str


def parse_sms(raw: bytes) -> ParsedMessage:
    """Take a text message apart."""
    data = json.loads(raw)
    names = {"category": "Category", "registered_template": "DLT template id"}
    return ParsedMessage(RenderedSms.of(data["text"]), _facts(data, names), raw.decode())


def parse_push(raw: bytes) -> ParsedMessage:
    """Take a notification apart."""
    data = json.loads(raw)
    entries = tuple((str(key), str(value)) for key, value in data["data"].items())
    push = RenderedPush(data["title"], data["body"], data["image"], data["link"], data["collapse_key"], entries)
    facts = _facts(data, {"link": "Link", "collapse_key": "Replaces", "category": "Category"})
    return ParsedMessage(push, [*facts, *((f"Data: {key}", value) for key, value in entries)], raw.decode())


def _facts(data: dict[str, str], names: dict[str, str]) -> list[tuple[str, str]]:
    return [(words, data[name]) for name, words in names.items() if data[name]]
