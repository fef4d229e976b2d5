"""What a recipient does with the unsubscribe link of a message."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.extensions import db
from dashboard.message_templates.models import Category, Channel
from dashboard.messages.models import Message
from dashboard.suppressions.addresses import WORDS
from dashboard.suppressions.models import SuppressionReason, SuppressionScope
from dashboard.suppressions.queries import standing_against
from dashboard.suppressions.services import lift_unsubscription, suppress
from dashboard.suppressions.tokens import read_unsubscribe_token


@dataclass(frozen=True, slots=True)
class Subscription:
    """The recipient of one message, and whether promotional mail is kept back from them."""

    message_id: int
    address: str
    channel: Channel
    is_test: bool
    ended: bool

    @property
    def recipient(self) -> str:
        """Whom the page speaks of: the address, or the device, whose token says nothing to anybody."""
        return WORDS[self.channel].recipient or self.address

    @property
    def noun(self) -> str:
        """What they get: mail, SMS or push."""
        return WORDS[self.channel].noun


def find(token: str) -> Subscription | None:
    """Whom a link belongs to; None where we did not make it or the message is gone."""
    message_id = read_unsubscribe_token(token)
    message = db.session.get(Message, message_id) if message_id is not None else None
    if message is None:
        return None
    address = message.recipient.lower()
    entry = standing_against(message.channel, address, Category.PROMOTIONAL)
    return Subscription(message.id, address, Channel(message.channel), message.is_test, ended=entry is not None)


def unsubscribe(subscription: Subscription) -> None:
    """End the channel's promotional messages; a second time changes nothing, a test message's link never does."""
    if not subscription.is_test:
        suppress(
            address=subscription.address,
            channel=subscription.channel,
            scope=SuppressionScope.PROMOTIONAL,
            reason=SuppressionReason.UNSUBSCRIBED,
            message_id=subscription.message_id,
        )


def subscribe_again(subscription: Subscription) -> None:
    """Take back what this link did."""
    lift_unsubscription(address=subscription.address, message_id=subscription.message_id)
