"""What vendors that take an email in parts have in common."""

import base64
import html
from collections.abc import Hashable

from worker.providers.base import OutgoingEmail


def html_body(message: OutgoingEmail) -> str:
    """The HTML body; one made of the text where a template has no HTML."""
    if message.rendered.html:
        return message.rendered.html
    return f'<div style="white-space: pre-wrap">{html.escape(message.rendered.text)}</div>'


def envelope_key(message: OutgoingEmail) -> Hashable:
    """What messages of one call have in common at the least: sender, reply address and files. Copies stay alone."""
    copies = message.reference if message.rendered.cc or message.rendered.bcc else None
    files = tuple(id(attachment) for attachment in message.attachments)
    return message.from_address, message.from_name, message.rendered.reply_to, files, copies


def size(message: OutgoingEmail) -> int:
    """About the bytes of the content."""
    return len(message.rendered.html) + len(message.rendered.text) + len(message.rendered.subject) + 500


def encoded(data: bytes) -> str:
    """A file for JSON."""
    return base64.b64encode(data).decode()
