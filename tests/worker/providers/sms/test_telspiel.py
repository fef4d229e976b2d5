from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

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
from worker.providers.base import ConfigurationProblem, Result, WebhookRequest
from worker.providers.receipts import Receipt, ReceiptKind
from worker.providers.sms.telspiel import TelspielProvider

SETTINGS = {"username": "shop", "api_key": "telspiel-secret", "entity_id": "1101000000000000001"}


def refused(code: str, words: str = "WORDS") -> Answer:
    return json_answer({"code": code, "desc": words, "totalMessageParts": 0})


def accepted(reference: str) -> dict[str, Any]:
    return {
        "code": "6001",
        "desc": "Message received by platform.",
        "reqId": f"r{reference}",
        "partMessageIds": [f"p{reference}"],
    }


class TestContract(SmsHttpContract):
    adapter = TelspielProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    addresses: ClassVar[dict[str, str]] = {"url": "/sendmsg", "bulk_url": "/sendbulkmsg", "credit_url": "/credit"}
    secret = "telspiel-secret"
    expected_message_id = "p{}".format
    refusals = (
        *(
            Refusal(refused(code), Result.FAILED, code)
            for code in ("103", "104", "106", "107", "110", "113", "120", "999")
        ),
        *(Refusal(refused(code), Result.RETRY, code) for code in ("102", "111", "112", "-10")),
        Refusal(json_answer([{"code": "110", "desc": "INVALID_DESTINATION_NUMBER"}]), Result.FAILED, "110"),
        Refusal(Answer(400, "the text holds ${x}"), Result.FAILED, "http_400"),
        Refusal(Answer(500, "oops"), Result.RETRY, "http_500"),
    )
    misconfigurations = (
        *(refused(code) for code in ("101", "105", "108", "109", "114", "118")),
        refused("113", "Inactive user"),
        Answer(401, "ip not whitelisted"),
    )

    def accept(self, seen: Seen) -> Answer:
        if seen.path == "/credit":
            return json_answer({"code": "6001", "userCredit": "17", "message": "ok"})
        if seen.path == "/sendbulkmsg":
            return json_answer([accepted(number[-5:].lstrip("0")) for number in seen.form["dest"].split(",")])
        return json_answer(accepted(seen.form["custref"]))

    def test_the_form_is_the_vendors(self, provider: TelspielProvider, server: VendorServer) -> None:
        self.send(provider, make_sms(7, text="Café")), self.send(provider, make_sms(8, text="Plain"))
        accented, plain = (seen.form for seen in server.seen)
        assert accented == {
            "username": "shop",
            "apikey": "telspiel-secret",
            "dest": "919800000007",
            "signature": "PARCEL",
            "msgtype": "UC",
            "msgtxt": "Café",
            "entityid": "1101000000000000001",
            "templateid": "1707160000000000001",
            "converturl": "N",
            "custref": "7",
        }
        assert plain["msgtype"] == "PM"
        assert all(not seen.query for seen in server.seen), "credentials stay out of the address"

    @pytest.mark.parametrize("sender", ["", "AB", "A" * 15])
    def test_a_sender_of_the_wrong_length_stops_before_anything_is_sent(
        self, provider: TelspielProvider, server: VendorServer, sender: str
    ) -> None:
        with pytest.raises(ConfigurationProblem, match="3 to 14 characters"):
            self.send(provider, make_sms(7, sender=sender))
        assert not server.seen

    def test_one_text_goes_to_many_numbers_where_that_is_wanted(self, server: VendorServer) -> None:
        provider = self.make(server.url, batch_size=100)
        outcomes = self.send(provider, *(make_sms(number) for number in range(1, 31)), make_sms(31, text="other"))
        assert {seen.path for seen in server.seen} == {"/sendbulkmsg"}
        assert sorted(len(seen.form["dest"].split(",")) for seen in server.seen) == [1, 30]
        assert outcomes.of(30).provider_message_id == "p30"

    def test_a_number_refused_within_a_bulk_fails_alone(self, server: VendorServer) -> None:
        answers = [accepted("1"), {"code": "110", "desc": "INVALID_DESTINATION_NUMBER"}, accepted("3")]
        server.always(json_answer(answers))
        outcomes = self.send(self.make(server.url, batch_size=100), *(make_sms(number) for number in (1, 2, 3)))
        assert outcomes.results == {1: Result.SENT, 2: Result.FAILED, 3: Result.SENT}

    def test_a_bulk_with_too_few_answers_is_unknown(self, server: VendorServer) -> None:
        server.always(json_answer([accepted("1"), accepted("2")]))
        outcomes = self.send(self.make(server.url, batch_size=100), *(make_sms(number) for number in (1, 2, 3)))
        assert set(outcomes.results.values()) == {Result.UNKNOWN}

    def test_the_connection_test_shows_the_credit_or_the_vendors_words(
        self, provider: TelspielProvider, server: VendorServer
    ) -> None:
        assert provider.test_connection().steps[-1] == ("Sign in", True, "The credit is 17.")
        server.always(json_answer({"code": "114", "message": "Invalid API key"}))
        assert provider.test_connection().steps[-1] == ("Sign in", False, "114: Invalid API key")


def receipt(kind: ReceiptKind, status: str, code: str = "") -> tuple[WebhookRequest, list[Receipt]]:
    values = {
        "messageid": "p1",
        "status": status,
        "mobile": "919800000001",
        "deliverytime": "2026-11-23 10:00:00",
        "deliverycode": code,
        "custref": "1",
    }
    at = datetime(2026, 11, 23, 10, tzinfo=ZoneInfo("Asia/Kolkata"))
    expected = Receipt(kind, "", 1, "p1", "919800000001", code or status, "", at)
    return query_callback(values), [expected]


class TestReceipts(ReceiptContract):
    adapter = TelspielProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        receipt(ReceiptKind.DELIVERED, "DELIVRD", "000"),
        receipt(ReceiptKind.BOUNCED, "UNDELIV", "027"),
        receipt(ReceiptKind.FAILED, "REJECTD"),
        receipt(ReceiptKind.FAILED, "FAILED"),
        receipt(ReceiptKind.EXPIRED, "EXPIRED"),
    )
    unreadable = (query_callback({"messageid": "p1"}), json_callback(b"nonsense"))

    def unknown_word(self) -> WebhookRequest:
        return query_callback({"messageid": "p1", "status": "WAITING"})
