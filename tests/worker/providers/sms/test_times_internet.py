from typing import Any, ClassVar

import pytest

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
from worker.providers.sms.times_internet import TimesInternetProvider

SETTINGS = {"username": "shop", "password": "times-secret", "entity_id": "1101000000000000001"}


def refused(code: int, status: int = 200) -> Answer:
    return json_answer({"state": "SUBMIT_FAILED", "statusCode": code, "description": f"error {code}"}, status)


class TestContract(SmsHttpContract):
    adapter = TimesInternetProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    secret = "times-secret"
    expected_message_id = "90{}".format
    refusals = (
        Refusal(refused(2054), Result.FAILED, "2054"),
        Refusal(refused(7001), Result.FAILED, "7001"),
        Refusal(refused(4711), Result.FAILED, "4711"),
        Refusal(refused(4711, 500), Result.RETRY, "4711"),
        Refusal(Answer(503, "busy"), Result.RETRY, "http_503"),
    )
    misconfigurations = (refused(2070), refused(6001), Answer(401, "Unauthorized"))

    def accept(self, seen: Seen) -> Answer:
        reference = seen.json.get("extra", seen.json)["corelationid"]
        number = int(f"90{reference}")
        return json_answer({"transactionId": number, "state": "SUBMIT_ACCEPTED", "statusCode": 200, "pdu": 1})

    def test_the_json_is_the_vendors(self, provider: TimesInternetProvider, server: VendorServer) -> None:
        self.send(provider, make_sms(7))
        assert server.seen[0].headers["authorization"] == "Basic c2hvcDp0aW1lcy1zZWNyZXQ="
        assert server.seen[0].json == {
            "sender": "PARCEL",
            "unicode": False,
            "message": {"recipient": "919800000007", "text": "Your parcel is on its way."},
            "extra": {
                "dltContentId": "1707160000000000001",
                "corelationid": "7",
                "dltPrincipalEntityId": "1101000000000000001",
            },
        }

    @pytest.mark.parametrize(("as_text", "expected"), [(True, "true"), (False, True)])
    def test_the_other_json(self, server: VendorServer, as_text: bool, expected: object) -> None:
        provider = self.make(server.url, shape="flat", unicode_as_text=as_text, entity_parameter="")
        self.send(provider, make_sms(7, encoding="ucs2"))
        sent = server.seen[0].json
        assert sent["to"] == "919800000007"
        assert sent["unicode"] == expected
        assert (sent["username"], sent["password"]) == ("shop", "times-secret")

    def test_everything_in_the_address(self, server: VendorServer) -> None:
        server.always(json_answer({"transactionId": 5, "state": "SUBMIT_ACCEPTED", "statusCode": 200}))
        outcomes = self.send(self.make(server.url, shape="query"), make_sms(7))
        (seen,) = server.seen
        assert (seen.method, seen.query["unicode"], seen.query["corelationid"]) == ("GET", "false", "7")
        assert outcomes.only.provider_message_id == "5"


class TestReceipts(ReceiptContract):
    adapter = TimesInternetProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        (
            query_callback({"txid": "907", "to": "919800000007", "deliverystatus": "DELIVRD", "description": "ok"}),
            [Receipt(ReceiptKind.DELIVERED, "", None, "907", "919800000007", "DELIVRD", "ok")],
        ),
        (
            query_callback({"txid": "908", "to": "919800000008", "deliverystatus": "EXPIRED", "corelationid": "8"}),
            [Receipt(ReceiptKind.EXPIRED, "", 8, "908", "919800000008", "EXPIRED")],
        ),
    )
    unreadable = (query_callback({}), json_callback(b"["))

    def unknown_word(self) -> WebhookRequest:
        return query_callback({"txid": "9", "deliverystatus": "PAUSED"})
