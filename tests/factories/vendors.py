"""A vendor that calls back, registered for the time of a test: the smallest adapter with receipts."""

from __future__ import annotations

import contextlib
import hmac
import json
from collections.abc import Iterator
from typing import ClassVar

from worker.providers import registry
from worker.providers.base import ConnectionReport, Provider, Session
from worker.providers.fields import SettingField
from worker.providers.receipts import Receipt, ReceiptKind, WebhookReply, WebhookRequest


class Pigeon(Provider):
    """Callbacks are JSON arrays of {"event", "id" or "reference", "to", "kind", "code"}; a header signs them."""

    vendor: ClassVar[str] = "pigeon"
    label: ClassVar[str] = "Pigeon post"
    channel: ClassVar[str] = "email"
    description: ClassVar[str] = "For tests."
    fields: ClassVar[tuple[SettingField, ...]] = (SettingField("signing_secret", "Signing secret", "secret"),)
    has_receipts: ClassVar[bool] = True
    receipts_by_id: ClassVar[bool] = True

    def open(self) -> Session:
        raise AssertionError("nothing is sent in these tests")

    def test_connection(self) -> ConnectionReport:
        return ConnectionReport(True, ())

    def verify(self, request: WebhookRequest) -> bool:
        secret = self.settings.get("signing_secret")
        return not secret or hmac.compare_digest(request.headers.get("x-signature", ""), secret)

    def probe(self, request: WebhookRequest) -> WebhookReply | None:
        return WebhookReply(body="coo") if request.body == b"[]" else None

    def receipts(self, request: WebhookRequest) -> list[Receipt]:
        return [
            Receipt(
                kind=ReceiptKind(item.get("kind", "delivered")),
                event_id=item["event"],
                reference=item.get("reference"),
                provider_message_id=item.get("id", ""),
                recipient=item.get("to", ""),
                code=item.get("code", ""),
                detail=item.get("detail", ""),
            )
            for item in json.loads(request.body)
        ]


@contextlib.contextmanager
def registered(vendor: type[Provider]) -> Iterator[None]:
    """The registry knows the vendor inside."""
    known = registry._discovered()
    known[vendor.vendor] = vendor
    try:
        yield
    finally:
        del known[vendor.vendor]
