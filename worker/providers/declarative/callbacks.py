"""Reads callbacks of any of the usual shapes into receipts."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from worker.providers.declarative.finding import Document, find, parts
from worker.providers.declarative.gateway import CallbackRules
from worker.providers.http_wire.callbacks import event_id, read_reference, read_time
from worker.providers.http_wire.calls import Unreadable, read_json
from worker.providers.receipts import Receipt, ReceiptKind, WebhookRequest


def read_receipts(rules: CallbackRules, request: WebhookRequest) -> list[Receipt]:
    """The statements of a callback. Raises Unreadable where none can be found in it."""
    return [_receipt(rules, entry) for entry in _entries(rules, request)]


def _entries(rules: CallbackRules, request: WebhookRequest) -> Iterator[Document]:
    body = request.body.strip()
    if body[:1] in (b"[", b"{"):
        whole = Document("", read_json(body))
        found = parts(whole, rules.items or ".") or parts(whole, ".")
        if whole.root == []:
            return
        entries = [Document("", _lower(part.root)) for part in found if isinstance(part.root, dict)]
    else:
        # What a form carries may also stand in the address (a token there is ours and has no name among the rules).
        entries = [Document("", _lower({**request.query, **request.form}))]
    named = [entry for entry in entries if _first(entry, rules.status)]
    if not named:
        raise Unreadable("The callback names no status.")
    yield from named


def _receipt(rules: CallbackRules, entry: Document) -> Receipt:
    status, code = _first(entry, rules.status), _first(entry, rules.code)
    message_id, recipient = _first(entry, rules.message_id), _first(entry, rules.recipient)
    if len(recipient) == 10 and recipient.isdigit():
        recipient = rules.country_code + recipient
    reference, time = _first(entry, rules.reference), _first(entry, rules.time)
    return Receipt(
        kind=rules.statuses.get(status.lower(), ReceiptKind.UNKNOWN),
        event_id=_first(entry, rules.event_id) or event_id(message_id, reference, recipient, status, code, time),
        reference=read_reference(reference),
        provider_message_id=message_id,
        recipient=recipient,
        code=code or status,
        detail=_first(entry, rules.detail),
        occurred_at=read_time(time, rules.time_format, ZoneInfo(rules.time_zone)),
    )


def _first(entry: Document, names: Iterable[str]) -> str:
    found = (find(entry, name.lower()) for name in names)
    return next((text for text in found if text), "").strip()


def _lower(value: Any) -> Any:
    """Names in lower case, at every level: vendors are not faithful to their own spelling."""
    if isinstance(value, Mapping):
        return {str(name).lower(): _lower(inner) for name, inner in value.items()}
    return value
