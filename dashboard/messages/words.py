"""A message told to people: the sentence at its head, and its timeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from dashboard.ids import time_of
from dashboard.jobs.models import Job, JobKind
from dashboard.messages.models import SUCCESS_STATES, Message, MessageEvent, MessageState
from dashboard.webhooks.models import ReceiptOutcome, StoredReceipt

#: Our own codes, said in words with what to do; the codes of providers speak for themselves.
OUR_CODES = {
    "undefined_variable": "The template uses a variable that this recipient lacks. Give it a default, or the column.",
    "render_failed": "The template could not be filled in for this recipient.",
    "output_too_large": "The filled-in template is larger than a mail may be.",
    "too_slow": "Filling in the template took too long and was stopped.",
    "header_injection": "A value for a header held a line break, which could forge headers. Clean the data.",
    "no_address": "The record has no address in the recipient column.",
    "invalid_address": "The address in the recipient column is not one that can be written to.",
    "worker_lost": "The worker stopped in the middle of the hand-over. It may or may not have arrived.",
    "connection_lost_after_data": "The connection broke after the hand-over. It may or may not have arrived.",
    "unsubscribed": "The recipient asked for no more promotional mail.",
    "manual": "A colleague put the address on the suppression list.",
    "bounced": "An earlier mail to this address bounced.",
    "complained": "The recipient reported an earlier mail as spam.",
}

_SENTENCES = {
    MessageState.QUEUED: "It waits for its next try.",
    MessageState.HELD: "It is held until its window opens.",
    MessageState.SENDING: "It is being handed over right now.",
    MessageState.SENT: "The provider took it.",
    MessageState.DELIVERED: "It was delivered.",
    MessageState.BOUNCED: "It bounced. It is not tried again.",
    MessageState.COMPLAINED: "The recipient reported it as spam.",
    MessageState.EXPIRED: "It expired before it could be delivered.",
    MessageState.FAILED: "It failed and is not tried again.",
    MessageState.UNKNOWN: "Nobody knows whether it arrived.",
    MessageState.SUPPRESSED: "It was not sent: the address is on the suppression list.",
    MessageState.CANCELLED: "It was cancelled before it was sent.",
}

_EVENTS = {
    "deferred": ("warn", "clock", "The provider asked us to wait"),
    "resent": ("warn", "rotate-ccw", "Handed over again after a worker stopped: it may have arrived twice"),
    "recovered": ("info", "history", "Outcome found in the journal of a worker that stopped"),
    "receipt": ("info", "mail-check", "Receipt from the provider"),
    "note": ("neutral", "info", "Note"),
}

#: Kind of a receipt -> kind of badge, icon, words.
_RECEIPTS = {
    "accepted": ("info", "mail-check", "passed on"),
    "delivered": ("ok", "circle-check", "delivered"),
    "bounced": ("bad", "circle-x", "bounced"),
    "failed": ("bad", "circle-x", "not carried on"),
    "deferred": ("warn", "clock", "still trying"),
    "expired": ("bad", "hourglass", "expired on the way"),
    "complained": ("bad", "flag", "reported as spam"),
    "unsubscribed": ("special", "ban", "unsubscribed"),
    "opened": ("info", "eye", "opened"),
    "clicked": ("info", "link", "a link was clicked"),
    "unknown": ("warn", "circle-help", "sent a code that is not known here"),
}
_WITHOUT_EFFECT = {
    ReceiptOutcome.LATE.value: "(too late to change anything)",
    ReceiptOutcome.WAITING.value: "(not matched yet)",
}


def sentence(message: Message) -> str:
    """What became of it, in one or two plain sentences."""
    words = _SENTENCES[MessageState(message.state)]
    if message.state in SUCCESS_STATES or message.state == MessageState.SENDING:
        return words
    reason = OUR_CODES.get(message.code or "") or message.detail or ""
    return f"{words} {reason}".strip()


def timeline(
    message: Message,
    job: Job | None,
    events: Sequence[MessageEvent],
    names: dict[str, str],
    receipts: Sequence[StoredReceipt] = (),
) -> list[dict[str, Any]]:
    """Items for `ui.timeline`, oldest first, each with the seconds since the one before."""
    items = [_accepted(message, job, names)]
    if message.state == MessageState.SUPPRESSED:
        items.append(_item("special", "ban", "Kept back by the suppression list", message.updated_at, _detail(message)))
        return _with_deltas(items + _ended(job))
    items += [_event(event) for event in events]
    items += [_receipt(receipt, names) for receipt in receipts]
    if message.handed_over_at:
        items.append(_item("info", "send", f"Handed to {names['provider']}", message.handed_over_at))
    items.sort(key=lambda item: item["time"])
    by_receipt = any(receipt.outcome == ReceiptOutcome.APPLIED for receipt in receipts)
    if message.state not in (MessageState.SENDING, MessageState.QUEUED) and not by_receipt:
        items.append(_outcome(message, names))
    return _with_deltas(items + _ended(job))


def _ended(job: Job | None) -> list[dict[str, Any]]:
    if job is None or job.values_deleted_at is None:
        return []
    return [_item("neutral", "trash-2", "Its values were deleted by a rule", job.values_deleted_at)]


def _accepted(message: Message, job: Job | None, names: dict[str, str]) -> dict[str, Any]:
    kinds = {
        JobKind.TEST: "Test send", JobKind.API: "Accepted by the API", JobKind.EVENT: "Event received",
        JobKind.RETRY: "Sent again by a person",
    }  # fmt: skip
    words = kinds.get(JobKind(job.kind)) if job else None
    if words is None:
        words = f"Campaign {names['campaign']}" if names.get("campaign") else "Accepted"
    return _item("neutral", "flag", f"{words}: template {names['template']}", time_of(message.id))


def _event(event: MessageEvent) -> dict[str, Any]:
    kind, icon, words = _EVENTS.get(event.kind, _EVENTS["note"])
    return _item(kind, icon, words, event.at, " ".join(filter(None, (event.code, event.detail))))


def _receipt(receipt: StoredReceipt, names: dict[str, str]) -> dict[str, Any]:
    kind, icon, words = _RECEIPTS[receipt.kind]
    detail = " ".join(filter(None, (receipt.code, receipt.detail, _WITHOUT_EFFECT.get(receipt.outcome))))
    return _item(kind, icon, f"{names['provider']}: {words}", receipt.occurred_at or receipt.received_at, detail)


def _outcome(message: Message, names: dict[str, str]) -> dict[str, Any]:
    state = MessageState(message.state)
    if state == MessageState.SENT:
        words = f"Taken by {names['provider']}"
        detail = " ".join(filter(None, (message.code, message.detail, message.provider_message_id)))
        return _item("ok", "circle-check", words, message.updated_at, detail)
    kind = {"delivered": "ok", "unknown": "warn", "cancelled": "neutral", "held": "special"}.get(state.value, "bad")
    return _item(
        kind, "circle-check" if kind == "ok" else "circle-x", _SENTENCES[state], message.updated_at, _detail(message)
    )


def _detail(message: Message) -> str:
    return " ".join(filter(None, (message.code, message.detail)))


def _item(kind: str, icon: str, text: str, moment: datetime, detail: str = "") -> dict[str, Any]:
    return {"kind": kind, "icon": icon, "text": text, "time": moment, "detail": detail, "exact": True}


def _with_deltas(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for earlier, later in pairwise(items):
        later["delta"] = max(0.0, (later["time"] - earlier["time"]).total_seconds())
    return items
