import json
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from tests.worker.providers.http_contract import (
    ReceiptContract,
    Refusal,
    SmsHttpContract,
    form_callback,
    json_callback,
    query_callback,
)
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer
from tests.worker.providers.messages import make_sms
from worker.providers.base import Result, WebhookRequest
from worker.providers.receipts import Receipt, ReceiptKind
from worker.providers.sms.msg91 import Msg91Provider

SETTINGS = {"auth_key": "msg91-secret", "flow_id": "f1", "batch_size": 20}


def refused(words: str, status: int = 200) -> Answer:
    return json_answer({"type": "error", "message": words}, status)


class TestContract(SmsHttpContract):
    adapter = Msg91Provider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    secret = "msg91-secret"
    expected_message_id = staticmethod(lambda reference: "request-1")
    refusals = (
        Refusal(refused("mobile number is wrong"), Result.FAILED, "error"),
        Refusal(refused("too busy", 500), Result.RETRY, "error"),
        Refusal(json_answer({"type": "?"}), Result.FAILED, "?"),
    )
    misconfigurations = (refused("Invalid authkey"), refused("anything", 401))

    def accept(self, seen: Seen) -> Answer:
        return json_answer({"type": "success", "message": "request-1"})

    def test_the_json_is_the_vendors(self, provider: Msg91Provider, server: VendorServer) -> None:
        self.send(provider, make_sms(7), make_sms(8, text="Other"))
        (seen,) = server.seen
        assert seen.headers["authkey"] == "msg91-secret"
        assert seen.json == {
            "template_id": "f1",
            "short_url": "0",
            "recipients": [
                {"mobiles": "919800000007", "VAR1": "Your parcel is on its way."},
                {"mobiles": "919800000008", "VAR1": "Other"},
            ],
        }

    def test_a_bad_number_does_not_fail_its_batch(self, provider: Msg91Provider, server: VendorServer) -> None:
        server.answer = lambda seen: (
            refused("mobile number is wrong")
            if any(recipient["mobiles"].endswith("8") for recipient in seen.json["recipients"])
            else self.accept(seen)
        )
        outcomes = self.send(provider, *(make_sms(number) for number in (7, 8, 9)))
        assert outcomes.results == {7: Result.SENT, 8: Result.FAILED, 9: Result.SENT}


AT = datetime(2026, 11, 23, 10, tzinfo=ZoneInfo("Asia/Kolkata"))
REPORTS = [
    {"date": "2026-11-23 10:00:00", "number": "919800000007", "status": "1", "desc": "DELIVERED"},
    {"date": "2026-11-23 10:00:00", "number": "919800000008", "status": "2", "desc": "FAILED", "failedReason": "off"},
]
BATCH = {"senderId": "PARCEL", "requestId": "request-1", "report": REPORTS, "userId": "u", "campaignName": "c"}


class TestReceipts(ReceiptContract):
    adapter = Msg91Provider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        (
            form_callback({"data": json.dumps([BATCH])}),
            [
                Receipt(ReceiptKind.DELIVERED, "", None, "request-1", "919800000007", "1", "DELIVERED", AT),
                Receipt(ReceiptKind.FAILED, "", None, "request-1", "919800000008", "2", "off", AT),
            ],
        ),
        (
            json_callback(b'{"requestId": "request-2", "telNum": "919800000009", "status": "delivered"}'),
            [Receipt(ReceiptKind.DELIVERED, "", None, "request-2", "919800000009", "delivered")],
        ),
    )
    unreadable = (query_callback({}), form_callback({"data": "{"}), form_callback({"data": "5"}))

    def unknown_word(self) -> WebhookRequest:
        return json_callback(b'{"requestId": "request-2", "status": 99}')
