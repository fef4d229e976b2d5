import json
from datetime import UTC, datetime
from typing import Any, ClassVar

from tests.worker.providers.http_contract import ReceiptContract, Refusal, SmsHttpContract, json_callback
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer
from tests.worker.providers.messages import make_sms
from worker.providers.base import Ports, Result, WebhookRequest
from worker.providers.receipts import Receipt, ReceiptKind
from worker.providers.sms.infobip import InfobipProvider

SETTINGS = {
    "url": "https://abc12.api.example/sms/3/messages",
    "api_key": "infobip-secret",
    "entity_id": "1101000000000000001",
    "batch_size": 20,
}


def answered(group: int, name: str, to: str = "919800000001") -> dict[str, Any]:
    status = {"groupId": group, "groupName": "G", "id": 1, "name": name, "description": f"words about {name}"}
    return {"messageId": f"i{to[-5:].lstrip('0') or '0'}", "status": status, "destination": to}


def one(group: int, name: str) -> Answer:
    return json_answer({"bulkId": "b", "messages": [answered(group, name)]})


def failure(status: int, name: str) -> Answer:
    return json_answer({"requestError": {"serviceException": {"messageId": name, "text": f"words: {name}"}}}, status)


class TestContract(SmsHttpContract):
    adapter = InfobipProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    secret = "infobip-secret"
    expected_message_id = "i{}".format
    refusals = (
        Refusal(one(2, "UNDELIVERABLE_NOT_SENT"), Result.FAILED, "UNDELIVERABLE_NOT_SENT"),
        Refusal(one(4, "EXPIRED_EXPIRED"), Result.FAILED, "EXPIRED_EXPIRED"),
        Refusal(one(5, "REJECTED_DESTINATION"), Result.FAILED, "REJECTED_DESTINATION"),
        Refusal(failure(400, "BAD_REQUEST"), Result.FAILED, "http_400"),
        Refusal(failure(500, "GENERAL_ERROR"), Result.RETRY, "http_500"),
        Refusal(json_answer({"messages": []}), Result.UNKNOWN, "malformed_reply"),
    )
    misconfigurations = (failure(401, "UNAUTHORIZED"), failure(403, "FORBIDDEN"))

    def accept(self, seen: Seen) -> Answer:
        numbers = [message["destinations"][0]["to"] for message in seen.json["messages"]]
        return json_answer({"messages": [answered(1, "PENDING_ENROUTE", number) for number in reversed(numbers)]})

    def test_the_json_is_the_vendors(self, server: VendorServer) -> None:
        settings = {**SETTINGS, "url": f"{server.url}/sms/3/messages"}
        provider = InfobipProvider(settings, Ports(receipts_url="https://desk.example/w/t"))
        self.send(provider, make_sms(7), make_sms(8, text="Other", template=""))
        (seen,) = server.seen
        assert seen.headers["authorization"] == "App infobip-secret"
        assert seen.json["messages"][0] == {
            "sender": "PARCEL",
            "destinations": [{"to": "919800000007"}],
            "content": {"text": "Your parcel is on its way."},
            "webhooks": {"delivery": {"url": "https://desk.example/w/t"}, "callbackData": "7"},
            "options": {
                "regional": {
                    "indiaDlt": {
                        "contentTemplateId": "1707160000000000001",
                        "principalEntityId": "1101000000000000001",
                    }
                }
            },
        }
        assert seen.json["messages"][1]["content"] == {"text": "Other"}

    def test_without_an_address_for_receipts_none_is_named(
        self, provider: InfobipProvider, server: VendorServer
    ) -> None:
        self.send(provider, make_sms(7))
        assert server.seen[0].json["messages"][0]["webhooks"] == {"callbackData": "7"}

    def test_words_of_an_error_are_the_vendors(self, provider: InfobipProvider, server: VendorServer) -> None:
        server.always(failure(400, "BAD_REQUEST"))
        assert self.send(provider).only.detail == "words: BAD_REQUEST"

    def test_a_number_without_an_answer_is_unknown(self, provider: InfobipProvider, server: VendorServer) -> None:
        server.always(json_answer({"messages": [answered(1, "PENDING_ENROUTE", "919800000008")]}))
        outcomes = self.send(provider, make_sms(7), make_sms(8))
        assert outcomes.results == {7: Result.UNKNOWN, 8: Result.SENT}


def result(group: str, number: int = 7) -> dict[str, Any]:
    return {
        "bulkId": "b",
        "messageId": f"i{number}",
        "to": f"91980000000{number}",
        "status": {"groupName": group, "description": "words"},
        "error": {"name": "EC_X", "description": "why", "permanent": True},
        "doneAt": "2026-11-23T10:00:00.000+0000",
        "callbackData": str(number),
    }


def read(kind: ReceiptKind) -> Receipt:
    return Receipt(kind, "", 7, "i7", "919800000007", "EC_X", "why", datetime(2026, 11, 23, 10, tzinfo=UTC))


WORDS = (
    ("PENDING", ReceiptKind.ACCEPTED),
    ("DELIVERED", ReceiptKind.DELIVERED),
    ("UNDELIVERABLE", ReceiptKind.BOUNCED),
    ("EXPIRED", ReceiptKind.EXPIRED),
    ("REJECTED", ReceiptKind.FAILED),
)


class TestReceipts(ReceiptContract):
    adapter = InfobipProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        (
            json_callback(json.dumps({"results": [result(word) for word, _ in WORDS]}).encode()),
            [read(kind) for _, kind in WORDS],
        ),
    )
    unreadable = (json_callback(b"{"), json_callback(b'{"results": 5}'), json_callback(b'{"results": [{}]}'))

    def unknown_word(self) -> WebhookRequest:
        return json_callback(json.dumps({"results": [result("DREAMT")]}).encode())
