"""What the engine hands to a session: one message of one channel, rendered and ready.

`reference` is the ledger's id of the message (a positive 63-bit integer); an outcome names it again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.rendering.content import Attachment, RenderedEmail

__all__ = ["Outgoing", "OutgoingEmail", "OutgoingPush", "OutgoingSms"]


@dataclass(slots=True)  # not frozen: one is made for each message, and that would cost 2 µs more
class OutgoingEmail:
    """An email ready to be sent: ledger id, envelope, and its content in both shapes providers want.

    `recipients` are all envelope recipients (to, cc and bcc); `message_id` is the header's value with its angle
    brackets; `mime` takes "may the body be 8-bit?" and returns RFC 5322 bytes with CRLF line ends, not dot-stuffed,
    or raises RenderError. For vendors that want the parts: `from_name` is the sender's name that holds, `headers` are
    all that go beside the usual ones (the template's and ours), `attachments` the files. `data` gives what `mime` does
    as it follows SMTP's DATA, dot-stuffed and with the final dot, at a lower price; None where nobody has it.
    """

    reference: int
    envelope_from: str
    recipients: tuple[str, ...]
    to: str
    from_address: str
    message_id: str
    rendered: "RenderedEmail"
    mime: Callable[[bool], bytes]
    from_name: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    attachments: "tuple[Attachment, ...]" = ()
    data: Callable[[bool], bytes] | None = None


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """A text message ready to be sent.

    `to` is E.164 with its plus sign; `sender` the sender id, short code or number; `encoding` is "gsm7" or "ucs2" and
    `segments` how many parts the text takes in it. `registered_template` is the id under which a regulator knows the
    text (India's DLT), empty where there is none; `category` is transactional, promotional or otp. `expires_at` is
    the moment after which it is worthless, None for never.
    """

    reference: int
    to: str
    sender: str
    text: str
    encoding: str = "gsm7"
    segments: int = 1
    category: str = "transactional"
    registered_template: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutgoingPush:
    """A push notification ready to be sent to one device.

    `token` is what the device registered with: a vendor's token, or for browsers the subscription as a JSON object.
    `data` goes to the app as it is; `link` opens on a tap. `collapse_key` replaces an earlier notification.
    """

    reference: int
    token: str
    title: str
    body: str
    image: str = ""
    link: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    category: str = "transactional"
    collapse_key: str = ""
    expires_at: datetime | None = None


Outgoing = OutgoingEmail | OutgoingSms | OutgoingPush
