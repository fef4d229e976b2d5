from datetime import UTC, datetime
from typing import Any, ClassVar

from tests.worker.providers.http_contract import (
    ReceiptContract,
    Refusal,
    SmsHttpContract,
    json_callback,
    query_callback,
)
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer
from tests.worker.providers.messages import make_sms
from worker.providers.base import Result, WebhookRequest
from worker.providers.receipts import Receipt, ReceiptKind
from worker.providers.sms.vonage import VonageProvider

SETTINGS = {"api_key": "k1", "api_secret": "vonage-secret", "entity_id": "1101000000000000001"}


def refused(status: int) -> Answer:
    return json_answer({"message-count": "1", "messages": [{"status": str(status), "error-text": f"words {status}"}]})


class TestContract(SmsHttpContract):
    adapter = VonageProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    secret = "vonage-secret"
    expected_message_id = "v{}".format
    refusals = (
        *(Refusal(refused(status), Result.FAILED, str(status)) for status in (2, 3, 6, 7, 15, 99)),
        *(Refusal(refused(status), Result.RETRY, str(status)) for status in (1, 5, 10)),
        Refusal(Answer(500, "down"), Result.RETRY, "http_500"),
    )
    misconfigurations = (refused(4), refused(8), refused(9), Answer(401, ""))

    def accept(self, seen: Seen) -> Answer:
        part = {"to": seen.form["to"], "message-id": f"v{seen.form['client-ref']}", "status": "0"}
        return json_answer({"message-count": "1", "messages": [part]})

    def test_the_form_is_the_vendors(self, provider: VonageProvider, server: VendorServer) -> None:
        self.send(provider, make_sms(7, encoding="ucs2", text="नमस्ते"))
        assert server.seen[0].form == {
            "api_key": "k1",
            "api_secret": "vonage-secret",
            "from": "PARCEL",
            "to": "919800000007",
            "text": "नमस्ते",
            "type": "unicode",
            "status-report-req": "1",
            "client-ref": "7",
            "entity-id": "1101000000000000001",
            "content-id": "1707160000000000001",
        }

    def test_a_long_text_is_answered_part_by_part(self, provider: VonageProvider, server: VendorServer) -> None:
        parts = [{"status": "1", "error-text": "throttled"}, {"status": "0", "message-id": "v-2"}]
        server.always(json_answer({"messages": parts}))
        outcome = self.send(provider).only
        assert (outcome.result, outcome.provider_message_id) == (Result.SENT, "v-2")
        server.always(json_answer({"messages": [parts[0], parts[0]]}))
        assert self.send(provider).only.result is Result.RETRY


def callback(status: str, kind: ReceiptKind) -> tuple[WebhookRequest, list[Receipt]]:
    values = {
        "messageId": "v7",
        "msisdn": "919800000007",
        "to": "PARCEL",
        "status": status,
        "err-code": "0",
        "client-ref": "7",
        "message-timestamp": "2026-11-23 10:00:00",
    }
    at = datetime(2026, 11, 23, 10, tzinfo=UTC)
    return query_callback(values), [Receipt(kind, "", 7, "v7", "919800000007", "0", "", at)]


class TestReceipts(ReceiptContract):
    adapter = VonageProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        callback("accepted", ReceiptKind.ACCEPTED),
        callback("buffered", ReceiptKind.DEFERRED),
        callback("delivered", ReceiptKind.DELIVERED),
        callback("expired", ReceiptKind.EXPIRED),
        callback("failed", ReceiptKind.BOUNCED),
        callback("rejected", ReceiptKind.FAILED),
    )
    unreadable = (query_callback({}), json_callback(b"nope"))

    def unknown_word(self) -> WebhookRequest:
        return json_callback(b'{"messageId": "v7", "status": "unknown"}')
