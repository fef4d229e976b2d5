from typing import Any, ClassVar

from tests.worker.providers.http_contract import (
    ReceiptContract,
    Refusal,
    SmsHttpContract,
    form_callback,
    json_callback,
    query_callback,
)
from tests.worker.providers.http_server import Answer, Seen, VendorServer
from tests.worker.providers.messages import make_sms
from worker.providers.base import Result, WebhookRequest
from worker.providers.receipts import Receipt, ReceiptKind
from worker.providers.sms.netcore_sms import NetcoreSmsProvider

SETTINGS = {
    "feed_id": "3847",
    "username": "9000000000",
    "password": "netcore-secret",
    "entity_id": "1101000000000000001",
}
HEAD = """<?xml version='1.0'?>\n<!DOCTYPE RESULT SYSTEM 'http://gateway.example/BulkSmsRespV1.01.dtd'>\n"""


def answer(inner: str, attributes: str = "") -> Answer:
    return Answer(200, f"{HEAD}<RESULT {attributes}>{inner}</RESULT>")


def error(code: int) -> str:
    return f"<ERROR><CODE>{code}</CODE><DESC>words about {code}</DESC></ERROR>"


def refused(code: int) -> Answer:
    return answer(f"<REQUEST-ERROR>{error(code)}</REQUEST-ERROR>")


def beside_an_id(code: int) -> Answer:
    return answer(f"<MID ID = '1' TID = '456'><ERROR INDEX = '1'>{error(code)}</ERROR></MID>", "REQID = '123'")


class TestContract(SmsHttpContract):
    adapter = NetcoreSmsProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    addresses: ClassVar[dict[str, str]] = {"url": "/BulkSms/SingleMsgApi"}
    secret = "netcore-secret"
    expected_message_id = "r{}".format
    refusals = (
        *(Refusal(refused(code), Result.FAILED, str(code)) for code in (106, 108, 120, 132, -1, 777)),
        *(Refusal(beside_an_id(code), Result.FAILED, str(code)) for code in (120, 132)),
        *(Refusal(refused(code), Result.RETRY, str(code)) for code in (131, 136)),
        Refusal(Answer(200, '<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>'), Result.UNKNOWN, "malformed_reply"),
        Refusal(answer("", "REQID = '5'"), Result.UNKNOWN, "malformed_reply"),
    )
    misconfigurations = (refused(104), beside_an_id(104), Answer(403, "Forbidden"))

    def accept(self, seen: Seen) -> Answer:
        numbers = [number[-5:].lstrip("0") or "0" for number in seen.form["To"].split(",")]
        inner = "".join(f"<MID SUBMITDATE = '2026-11-23 10:00:00' ID = '1' TID = 't{number}'/>" for number in numbers)
        return answer(inner, f"REQID = 'r{numbers[0]}'")

    def test_the_form_is_the_vendors(self, provider: NetcoreSmsProvider, server: VendorServer) -> None:
        self.send(provider, make_sms(7))
        assert server.seen[0].form == {
            "feedid": "3847",
            "username": "9000000000",
            "password": "netcore-secret",
            "To": "919800000007",
            "Text": "Your parcel is on its way.",
            "senderid": "PARCEL",
            "entityid": "1101000000000000001",
            "templateid": "1707160000000000001",
            "async": "0",
        }
        assert "api-key" not in server.seen[0].headers

    def test_a_batch_is_answered_in_its_order(self, server: VendorServer) -> None:
        provider = self.make(server.url, batch_size=50, message_id="transaction", api_key="k-1")
        outcomes = self.send(provider, *(make_sms(number) for number in (1, 2, 3)))
        assert [outcomes.of(number).provider_message_id for number in (1, 2, 3)] == ["t1", "t2", "t3"]
        assert server.seen[0].headers["api-key"] == "k-1"


class TestReceipts(ReceiptContract):
    adapter = NetcoreSmsProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        (
            query_callback({"reqid": "r1", "mobile": "919800000001", "status": "Delivered"}),
            [Receipt(ReceiptKind.DELIVERED, "", None, "r1", "919800000001", "Delivered")],
        ),
        (
            form_callback({"request_ID": "r2", "mobile": "919800000002", "status": "DLT Chain Failure"}),
            [Receipt(ReceiptKind.FAILED, "", None, "r2", "919800000002", "DLT Chain Failure")],
        ),
        (
            json_callback(b'[{"requestid": "r3", "mobile": "919800000003", "status": "Failed", "remarks": "off"}]'),
            [Receipt(ReceiptKind.FAILED, "", None, "r3", "919800000003", "off")],
        ),
    )
    unreadable = (query_callback({"reqid": "r1"}), json_callback(b"[1]"))

    def unknown_word(self) -> WebhookRequest:
        return query_callback({"reqid": "r1", "status": "Queued"})
