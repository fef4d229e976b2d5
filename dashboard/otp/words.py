"""A configuration and an attempt in words: what a person will experience, and why one did not get in."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from dashboard.extensions import utc_now
from dashboard.messages.models import Message, MessageState
from dashboard.otp.models import Alphabet, Delivery, OtpConfiguration, OtpEvent, OtpRequest, OtpState, Resend
from dashboard.otp.queries import Attempt

_CHANNELS: Final = {"sms": "SMS", "email": "email"}
_LIMITS: Final = {
    "destination": "Too many codes had been asked for this destination within an hour.",
    "ip": "Too many codes had been asked for from this IP address within an hour.",
    "prefix": "Too many codes had been asked for numbers of this range within an hour.",
    "resend_wait": "The wait after the code before was not over.",
    "locked": "After too many wrong codes the destination was locked.",
}
EVENTS: Final = {
    "sent": ("send", "info", "Handed to the lane or the provider"),
    "resent": ("refresh-cw", "info", "Sent again"),
    "wrong_code": ("triangle-alert", "warn", "Wrong code"),
    "verified": ("circle-check", "ok", "Verified"),
    "superseded": ("history", "neutral", "Superseded"),
    "locked": ("lock", "bad", "Locked after the last try"),
    "limited": ("ban", "special", "Refused by a limit"),
    "failed": ("circle-x", "bad", "No provider took it"),
}


def span(seconds: int) -> str:
    """ "30 s", "5 minutes", "2 hours"."""
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} s"


def meaning(row: OtpConfiguration) -> str:
    """One sentence: what a person gets, how long and how often, and what a resend does."""
    kind = "digits" if row.alphabet == Alphabet.NUMERIC else "letters and digits"
    names = [_CHANNELS[channel] for channel in row.channels]
    joint = ", or else by " if row.delivery == Delivery.FIRST else " and by "
    tries = "1 try" if row.max_attempts == 1 else f"{row.max_attempts} tries"
    wait = (
        f"can ask again after {span(row.resend_wait_seconds)}" if row.resend_wait_seconds else "can ask again at once"
    )
    again = "the old code stops working" if row.resend == Resend.NEW else "the same code is sent once more"
    way = joint.join(names)
    return f"A user gets {row.length} {kind} by {way}, has {span(row.expiry_seconds)} and {tries}, {wait}; {again}."


def rules(row: OtpConfiguration) -> list[str]:
    """What else holds, a sentence each."""
    found = []
    if row.lockout_seconds:
        found.append(f"After the last wrong try the destination gets no code for {span(row.lockout_seconds)}.")
    if len(row.channels) > 1 and row.delivery == Delivery.ALL:
        found.append("Both channels carry the same code." if row.same_code else "Each channel has a code of its own.")
    for most, words in (
        (row.destination_limit, "a destination"),
        (row.ip_limit, "an IP address"),
        (row.prefix_limit, "a range of ten thousand numbers"),
    ):
        found.append(f"At most {most:,} an hour for {words}." if most else f"No limit for {words}.")
    if row.purpose_required:
        found.append("The application has to say what a code is for, and it works for that only.")
    return found


def decoded(attempt: Attempt) -> str:
    """Why the attempt ended as it did, or how it stands."""
    row, state = attempt.request, attempt.state
    tries = f"{row.attempts} {'try' if row.attempts == 1 else 'tries'}"
    if state == "limited":
        return _LIMITS.get(row.reason, "A limit refused the request.")
    if state == "failed":
        reason = row.reason or (attempt.message.code if attempt.message else "") or "no reason was given"
        return f"No provider took it, or it came back ({reason})."
    if state == "superseded":
        return "A newer code took its place, or one on another channel was used."
    if state == "verified" and row.verified_at is not None:
        seconds = max(1, round((row.verified_at - row.created_at).total_seconds()))
        return f"The right code came {span(seconds)} after it was asked for."
    if state == "wrong_code":
        return f"Wrong code {row.attempts}×{', locked' if row.state == OtpState.LOCKED else ''}."
    if state == "expired":
        return f"{_arrival(row, attempt.message)}{f' {tries}, all wrong.' if row.attempts else ''}"
    if state == "requested":
        return "It waits for its turn, or for the provider's answer."
    return "It arrived." if state == "delivered" else "The provider took it; no receipt has come yet."


def _arrival(row: OtpRequest, message: Message | None) -> str:
    if message is None or message.state not in (MessageState.SENT, MessageState.DELIVERED):
        return "It expired before a provider took it."
    if message.state == MessageState.SENT:
        return "No receipt: the provider took it, and nobody knows whether it arrived."
    if message.updated_at is not None and message.updated_at >= row.expires_at:
        return "Expired before delivery: it arrived when it was no longer valid."
    return "It arrived in time, and nobody typed it."


def remaining(row: OtpRequest, now: datetime | None = None) -> int:
    """Seconds that an open code still works; 0 where it does not."""
    if row.state != OtpState.OPEN:
        return 0
    return max(0, round((row.expires_at - (now or utc_now())).total_seconds()))


def timeline(row: OtpRequest, events: list[OtpEvent]) -> list[dict[str, object]]:
    """What happened, for the macro `ui.timeline`."""
    items: list[dict[str, object]] = [
        {"kind": "neutral", "icon": "clock", "text": "Requested", "time": row.created_at, "detail": ""}
    ]
    for event in events:
        icon, kind, words = EVENTS[event.kind]
        items.append({"kind": kind, "icon": icon, "text": words, "time": event.at, "detail": event.detail})
    return items
