import json
from datetime import UTC, datetime
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
from worker.providers.sms.gupshup import GupshupProvider

SETTINGS = {"userid": "2000", "password": "gupshup-secret", "entity_id": "1101000000000000001"}


class TestContract(SmsHttpContract):
    adapter = GupshupProvider
    settings: ClassVar[dict[str, Any]] = {**SETTINGS, "error_codes": "103 = retry"}
    secret = "gupshup-secret"
    expected_message_id = "39-{}".format
    refusals = (
        Refusal(Answer(200, "error | 175 | Messages abroad are off"), Result.FAILED, "175"),
        Refusal(Answer(200, "error | 107 | something"), Result.FAILED, "107"),
        Refusal(Answer(200, "error | 103 | something"), Result.RETRY, "103"),
        Refusal(Answer(200, "error | 109 | Please try again"), Result.RETRY, "109"),
        Refusal(Answer(500, ""), Result.RETRY, "http_500"),
    )
    misconfigurations = (Answer(200, "error | 102 | Authentication failed"), Answer(403, "no"))

    def accept(self, seen: Seen) -> Answer:
        numbers = seen.form["send_to"].split(",")
        return Answer(200, "\n".join(f"success | {number} | 39-{number[-5:].lstrip('0') or '0'}" for number in numbers))

    def test_the_form_is_the_vendors(self, provider: GupshupProvider, server: VendorServer) -> None:
        self.send(provider, make_sms(7))
        assert server.seen[0].form == {
            "method": "SendMessage",
            "v": "1.1",
            "auth_scheme": "plain",
            "format": "text",
            "userid": "2000",
            "password": "gupshup-secret",
            "send_to": "919800000007",
            "msg": "Your parcel is on its way.",
            "msg_type": "TEXT",
            "mask": "PARCEL",
            "principalEntityId": "1101000000000000001",
            "dltTemplateId": "1707160000000000001",
        }

    def test_a_batch_is_answered_line_by_line(self, server: VendorServer) -> None:
        outcomes = self.send(self.make(server.url, batch_size=100), *(make_sms(number) for number in (1, 2, 3)))
        assert len(server.seen) == 1
        assert [outcomes.of(number).provider_message_id for number in (1, 2, 3)] == ["39-1", "39-2", "39-3"]

    def test_a_batch_refused_in_one_line_is_taken_apart(self, server: VendorServer) -> None:
        def answer(seen: Seen) -> Answer:
            bad = "919800000002" in seen.form["send_to"]
            return Answer(200, "error | 105 | The number is not valid") if bad else self.accept(seen)

        server.answer = answer
        outcomes = self.send(self.make(server.url, batch_size=100), *(make_sms(number) for number in (1, 2, 3)))
        assert outcomes.results == {1: Result.SENT, 2: Result.FAILED, 3: Result.SENT}


SEEN = {"deliveredTS": 1790000000000}
EVENTS = [
    {
        **SEEN,
        "externalId": "39-1",
        "phoneNo": "919800000001",
        "status": "SUCCESS",
        "cause": "SUCCESS",
        "errCode": "000",
    },
    {**SEEN, "externalId": "39-2", "phoneNo": "919800000002", "status": "FAIL", "cause": "ABSENT", "errCode": "001"},
]
AT = datetime.fromtimestamp(1790000000, UTC)


class TestReceipts(ReceiptContract):
    adapter = GupshupProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        (
            json_callback(json.dumps(EVENTS).encode()),
            [
                Receipt(ReceiptKind.DELIVERED, "", None, "39-1", "919800000001", "000", "SUCCESS", AT),
                Receipt(ReceiptKind.FAILED, "", None, "39-2", "919800000002", "001", "ABSENT", AT),
            ],
        ),
        (
            form_callback({"externalId": "39-3", "status": "SUCCESS", "phoneNo": "9800000003"}),
            [Receipt(ReceiptKind.DELIVERED, "", None, "39-3", "919800000003", "SUCCESS")],
        ),
    )
    unreadable = (query_callback({}), json_callback(b"{"))

    def unknown_word(self) -> WebhookRequest:
        return query_callback({"externalId": "39-1", "status": "LOST"})
