"""What a provider tells later: its callbacks, read into one vocabulary. Pure: no web framework, no database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

__all__ = ["Receipt", "ReceiptKind", "WebhookReply", "WebhookRequest"]


class ReceiptKind(StrEnum):
    """What a receipt says, in the words of the ledger where it has one."""

    ACCEPTED = "accepted"  # taken by the next hop; changes nothing but an unknown outcome
    DELIVERED = "delivered"
    BOUNCED = "bounced"  # it never will arrive: mailbox or number does not exist, refused for good
    DEFERRED = "deferred"  # the vendor is still trying
    EXPIRED = "expired"  # the vendor gave up for time
    FAILED = "failed"  # the vendor will not carry it (blocked, filtered, no credit)
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    OPENED = "opened"
    CLICKED = "clicked"
    UNKNOWN = "unknown"  # a code that the adapter does not know: kept and counted, changes nothing


@dataclass(frozen=True, slots=True)
class Receipt:
    """One statement about one message.

    A message is found by `reference` (the ledger's id, where the vendor gives it back) or else by
    `provider_message_id`, with `recipient` to tell the parts of a batch apart. `event_id` is the vendor's id of the
    statement, or what makes it unique; the same one is taken once. `code` is groupable, `detail` the vendor's words.
    """

    kind: ReceiptKind
    event_id: str
    reference: int | None = None
    provider_message_id: str = ""
    recipient: str = ""
    code: str = ""
    detail: str = ""
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A callback as it came in. Header names are in lower case; `query` and `form` keep the first value of a name."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    form: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    remote_address: str = ""


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """What a vendor wants to hear; most are content with an empty 200."""

    status: int = 200
    body: str = ""
    content_type: str = "text/plain"
