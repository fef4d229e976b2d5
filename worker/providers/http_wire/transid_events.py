"""Events named by TRANSID and X-APIHEADER: the callbacks of one email engine that is sold under several names."""

from collections.abc import Mapping
from typing import Any

from worker.providers.http_wire.callbacks import event_id, read_reference, read_time
from worker.providers.http_wire.calls import Unreadable, read_json
from worker.providers.receipts import Receipt, ReceiptKind, WebhookRequest

_KINDS = {
    "processed": ReceiptKind.ACCEPTED,
    # "sent" is the acceptance by the recipient's server; nothing later comes.
    **dict.fromkeys(("sent", "send", "delivered"), ReceiptKind.DELIVERED),
    **dict.fromkeys(("bounced", "bounce", "hardbounce", "invalid"), ReceiptKind.BOUNCED),
    # The mailbox exists and did not take it: final for this message, no reason to spare the address.
    "softbounce": ReceiptKind.FAILED,
    **dict.fromkeys(("dropped", "drop"), ReceiptKind.FAILED),
    **dict.fromkeys(("opened", "open"), ReceiptKind.OPENED),
    **dict.fromkeys(("clicked", "click"), ReceiptKind.CLICKED),
    **dict.fromkeys(("unsubscribed", "unsubscribe", "unsub"), ReceiptKind.UNSUBSCRIBED),
    **dict.fromkeys(("spam", "abuse"), ReceiptKind.COMPLAINED),
}
_BOUNCES = frozenset({"bounced", "bounce"})


def read_events(request: WebhookRequest) -> list[Receipt]:
    """The events of a callback: a list of objects; one object and a form with one event are read as well.

    Raises Unreadable.
    """
    body = request.body.strip()
    found: Any = read_json(body) if body[:1] in (b"[", b"{") else {**request.query, **request.form}
    events = found if isinstance(found, list) else [found]
    if not all(isinstance(event, dict) for event in events):
        raise Unreadable("The callback is no list of events.")
    return [_receipt(event) for event in events]


def _receipt(event: Mapping[str, Any]) -> Receipt:
    fields = {str(name).upper(): str(value) for name, value in event.items() if value is not None}
    word = fields.get("EVENT", "").strip().lower()
    if not word:
        raise Unreadable("An event has no name.")
    if word in _BOUNCES and "soft" in fields.get("BOUNCE_TYPE", "").lower():
        word = "softbounce"
    transaction, reference = fields.get("TRANSID", ""), fields.get("X-APIHEADER", "")
    recipient, time = fields.get("EMAIL", ""), fields.get("TIMESTAMP", "")
    return Receipt(
        kind=_KINDS.get(word, ReceiptKind.UNKNOWN),
        event_id=event_id(transaction, reference, recipient, word, time, fields.get("URL", "")),
        reference=read_reference(reference),
        provider_message_id=transaction,
        recipient=recipient,
        code=word,
        detail=fields.get("RESPONSE", "")[:500],
        occurred_at=read_time(time),
    )
