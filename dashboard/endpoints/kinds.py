"""The kinds of events that a webhook endpoint can subscribe to."""

from __future__ import annotations

from typing import Final

#: Kinds of message states travel together, many messages in one delivery of this kind.
MESSAGE_STATES: Final = "message.states"
TEST: Final = "endpoint.test"

MESSAGE_KINDS: Final = {
    "message.sent": "The provider took a message",
    "message.delivered": "It reached the recipient",
    "message.bounced": "The recipient's server sent it back",
    "message.failed": "The provider refused it, or every try failed",
    "message.complained": "The recipient marked it as spam",
    "message.unknown": "A worker stopped while sending: it may or may not have arrived",
    "message.expired": "It became too old to be sent",
    "message.suppressed": "Not sent: the recipient is on the suppression list",
    "message.cancelled": "Somebody cancelled it before it was handed over",
}
OTHER_KINDS: Final = {
    "campaign.finished": "A run of a campaign ended, finished or cancelled",
    "event.received": "An application reported an event",
}
KINDS: Final = MESSAGE_KINDS | OTHER_KINDS
