"""What the callbacks of many vendors have in common."""

import hashlib
from datetime import UTC, datetime, tzinfo

from worker.providers.receipts import WebhookReply, WebhookRequest

_FORMATS = ("%Y-%m-%d %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S")
_DIGITS = {14: "%Y%m%d%H%M%S", 12: "%y%m%d%H%M%S"}  # by length: ten digits are seconds, thirteen milliseconds
_MILLISECONDS_FROM = 1e11  # as a number of seconds it lies in the year 5138
_LARGEST_REFERENCE = 2**63 - 1


def probe(request: WebhookRequest) -> WebhookReply | None:
    """A friendly answer to what vendors send before they trust an address: HEAD, or an empty batch by POST."""
    if request.method == "HEAD" or (request.method == "POST" and request.body.strip() in (b"[]", b"{}")):
        return WebhookReply()
    return None


def read_time(text: str, format_: str = "", zone: tzinfo = UTC) -> datetime | None:
    """A vendor's time, aware: in the given format, seconds or milliseconds since 1970, ISO 8601 or a usual spelling.

    None for what is none of these: a receipt without a time is better than no receipt.
    """
    text = text.strip()
    digits = text if text.isascii() and text.isdigit() else ""
    formats = (_DIGITS[len(digits)],) if len(digits) in _DIGITS else () if digits else _FORMATS
    for candidate in (format_, *formats) if format_ else formats:
        try:
            return datetime.strptime(text, candidate).replace(tzinfo=zone)
        except ValueError:
            continue
    try:
        seconds = float(text)
        return datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS_FROM else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        if digits:
            return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def read_reference(text: str) -> int | None:
    """Our own id, given back by a vendor; None for anything else."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else 0
    return number if 0 < number <= _LARGEST_REFERENCE else None


def event_id(*parts_of_it: object) -> str:
    """What makes a statement unique where the vendor gives it no id."""
    return hashlib.sha256("\x1f".join(map(str, parts_of_it)).encode("utf-8", "replace")).hexdigest()[:40]
