"""What an event does, said in words."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.campaigns.sending_hours import hours_words
from dashboard.events.definition import Delivery, Rules
from dashboard.events.models import Event, EventDelivery
from dashboard.events.sending import in_order
from dashboard.timefmt import duration

CHANNELS = {"email": "Email", "sms": "SMS", "push": "Push"}


def delivery_words(one: EventDelivery | Delivery) -> str:
    """ "10 min later, only if push was not delivered within 10 min"."""
    when = f"{duration(one.delay_seconds)} later" if one.delay_seconds else "at once"
    if not one.fallback_of:
        return when
    before = CHANNELS[one.fallback_of]
    wait = f"within {duration(one.fallback_seconds)}" if one.fallback_seconds else "when it was sent"
    return f"only if {before} was not delivered {wait}" + (f", then {when}" if one.delay_seconds else "")


def order_words(event: Event) -> list[tuple[EventDelivery, str]]:
    """The subscribed channels in the order in which they go, each with when."""
    return [(one, delivery_words(one)) for one in in_order(event)]


def rules_words(event: Event | Rules) -> list[str]:
    """The rules that are set, a line each; none where there are none."""
    found = []
    window = f"within {duration(event.dedup_seconds)}" if event.dedup_seconds else "as long as the log is kept"
    if event.idempotency_path:
        found.append(f"The same {event.idempotency_path} is not taken again {window}.")
    elif event.dedup_seconds:
        found.append(f"The same payload for the same recipient is not taken again {window}.")
    if event.cap_count:
        found.append(f"A customer gets it at most {event.cap_count} times within {duration(event.cap_seconds)}.")
    if event.send_window:
        found.append(f"Sent only {hours_words(event.send_window)}; otherwise it waits. One-time codes never wait.")
    if event.expires_seconds:
        found.append(f"Nothing is sent later than {duration(event.expires_seconds)} after it.")
    return found


def channel_names(channels: Sequence[str]) -> str:
    """ "Email, SMS"."""
    return ", ".join(CHANNELS[channel] for channel in channels)
