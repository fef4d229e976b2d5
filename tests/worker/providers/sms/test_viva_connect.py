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
from worker.providers.sms.viva_connect import VivaConnectProvider

SETTINGS = {
    "url": "http://gateway.example/SendSMS.aspx",
    "username": "shop",
    "password": "viva-secret",
    "entity_id": "1101000000000000001",
}


class TestContract(SmsHttpContract):
    adapter = VivaConnectProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    addresses: ClassVar[dict[str, str]] = {"url": "/SendSMS.aspx"}
    secret = "viva-secret"
    expected_message_id = "shop-{}".format
    refusals = (
        Refusal(Answer(200, "Code=0 Invalid Mobile Number"), Result.FAILED, "0"),
        Refusal(Answer(200, "Code=0 Template Matching failed"), Result.FAILED, "0"),
        Refusal(Answer(200, "<span>Code=4343 something new</span>"), Result.FAILED, "4343"),
        Refusal(Answer(200, "Code=0 SendSMS Pageload"), Result.RETRY, "0"),
        Refusal(Answer(200, "Code=0 Internal exception occured"), Result.RETRY, "0"),
        Refusal(Answer(500, "Server Error"), Result.RETRY, "http_500"),
    )
    misconfigurations = (
        Answer(200, "Code=0 Invalid SenderId"),
        Answer(200, "Code=0 Invalid PE Id"),
        Answer(200, "Code=0 User Account De-Activated"),
        Answer(200, "Code=0 Invalid username or password"),
    )

    def accept(self, seen: Seen) -> Answer:
        number = seen.form["MobileNo"][-5:].lstrip("0") or "0"
        return Answer(200, f'<html>MessageSent GUID="shop-{number}" SUBMITDATE="11/23/2026 10:00:00 AM"</html>')

    def test_the_form_is_the_vendors(self, provider: VivaConnectProvider, server: VendorServer) -> None:
        self.send(provider, make_sms(7, text="नमस्ते"))
        assert server.seen[0].form == {
            "UserName": "shop",
            "password": "viva-secret",
            "MobileNo": "9800000007",
            "SenderID": "PARCEL",
            "Message": "नमस्ते",
            "dlt_peid": "1101000000000000001",
            "dlt_templateid": "1707160000000000001",
        }

    def test_a_batch_shares_one_id(self, server: VendorServer) -> None:
        outcomes = self.send(self.make(server.url, batch_size=100), *(make_sms(number) for number in (1, 2, 3)))
        assert {outcome.provider_message_id for outcome in outcomes.all} == {"shop-3"}
        assert server.seen[0].form["MobileNo"] == "9800000001,9800000002,9800000003"


class TestReceipts(ReceiptContract):
    adapter = VivaConnectProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        (
            query_callback({"GUID": "g1", "MobileNo": "9800000001", "Status": "DELIVRD", "ErrorCode": "000"}),
            [Receipt(ReceiptKind.DELIVERED, "", None, "g1", "919800000001", "000")],
        ),
        (
            form_callback({"guid": "g1", "mobileno": "9800000002", "status": "Undelivered"}),
            [Receipt(ReceiptKind.BOUNCED, "", None, "g1", "919800000002", "Undelivered")],
        ),
    )
    unreadable = (query_callback({"guid": "g1"}), json_callback(b"{"))

    def unknown_word(self) -> WebhookRequest:
        return query_callback({"guid": "g1", "status": "perhaps"})
