from typing import Any, ClassVar

import pytest

from tests.worker.providers.http_contract import (
    ReceiptContract,
    Refusal,
    SmsHttpContract,
    form_callback,
    json_callback,
    query_callback,
)
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer
from tests.worker.providers.messages import Outcomes, make_sms
from worker.providers.base import Ports, Result
from worker.providers.receipts import Receipt, ReceiptKind, WebhookRequest
from worker.providers.sms.http_gateway import HttpGatewayProvider

LIST = (
    '{"from": "{sender}", "messages": [{"to": "{to}", "body": "{text}", "ref": "{reference}", "dlt": "{template_id}"}]}'
)
SETTINGS = {
    "url": "http://gateway.example/{username}/send",
    "encoding": "json",
    "body": LIST,
    "headers": "X-Key: {password}",
    "username": "shop",
    "password": "gateway-secret",
    "accepted": "status",
    "accepted_values": "OK, queued",
    "items": "results",
    "message_id": "id",
    "code": "error.code",
    "detail": "error.text",
    "error_codes": "7 = retry\n8 = configuration",
    "error_phrases": "no such tariff = configuration\ntry later = retry",
    "batch_size": 4,
}


class TestContract(SmsHttpContract):
    adapter = HttpGatewayProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    secret = "gateway-secret"
    addresses: ClassVar[dict[str, str]] = {"url": "/{username}/send"}
    expected_message_id = "m-{}".format
    refusals = (
        Refusal(json_answer({"results": [{"status": "NO", "error": {"code": 5, "text": "x"}}]}), Result.FAILED, "5"),
        Refusal(json_answer({"error": {"code": 7, "text": "busy"}}), Result.RETRY, "7"),
        Refusal(json_answer({"error": {"code": 7, "text": "busy"}}, 500), Result.RETRY, "7"),
        Refusal(json_answer({"error": {"text": "Please TRY LATER"}}), Result.RETRY, "http_200"),
        Refusal(Answer(200, "try later, says the gateway"), Result.RETRY, "http_200"),
        Refusal(Answer(404, "<html>"), Result.FAILED, "http_404"),
        Refusal(json_answer({"results": []}), Result.UNKNOWN, "malformed_reply"),
    )
    misconfigurations = (
        json_answer({"error": {"code": 8, "text": "key expired"}}),
        json_answer({"results": [{"status": "NO", "error": {"text": "No such tariff"}}]}),
        Answer(401, "no"),
    )

    def accept(self, seen: Seen) -> Answer:
        messages = seen.json["messages"] if seen.body else []
        return json_answer({"results": [{"status": "ok", "id": f"m-{message['ref']}"} for message in messages]})

    def test_the_request_is_as_described(self, provider: HttpGatewayProvider, server: VendorServer) -> None:
        self.send(provider, make_sms(1, text='A "quote" {sender} €'), make_sms(2, template=""))
        (seen,) = server.seen
        assert (seen.method, seen.path, seen.headers["x-key"]) == ("POST", "/shop/send", "gateway-secret")
        assert seen.json["from"] == "PARCEL"
        assert seen.json["messages"][0]["body"] == 'A "quote" {sender} €'
        assert "dlt" not in seen.json["messages"][1]


class TestReceipts(ReceiptContract):
    adapter = HttpGatewayProvider
    settings: ClassVar[dict[str, Any]] = {
        **SETTINGS,
        "receipt_names": "message_id = mid\nrecipient = dest\nstatus = state\ncode = err\ntime = at\nreference = ref",
        "receipt_time_zone": "Asia/Kolkata",
    }
    callbacks = (
        (
            query_callback(
                {"MID": "m1", "dest": "919800000001", "state": "DELIVRD", "err": "000", "ref": "5", "token": "x"}
            ),
            [Receipt(ReceiptKind.DELIVERED, "", 5, "m1", "919800000001", "000")],
        ),
    )
    unreadable = (json_callback(b"{"), query_callback({}), form_callback({"x": "y"}), json_callback(b'{"a": 1}'))

    def unknown_word(self) -> WebhookRequest:
        return query_callback({"mid": "m1", "state": "PONDERING"})

    def test_forms_objects_and_lists_are_read_alike(self, reader: HttpGatewayProvider) -> None:
        values = {"mid": "m1", "state": "failed", "at": "2026-11-23 10:00:00"}
        body = b'{"mid": "m1", "state": "failed", "at": "2026-11-23 10:00:00"}'
        (from_form,) = reader.receipts(form_callback(values))
        (from_object,) = reader.receipts(json_callback(body))
        two = reader.receipts(json_callback(b"[" + body + b"," + body + b"]"))
        assert from_form == from_object == two[0] == two[1]
        assert from_form.occurred_at is not None
        assert from_form.occurred_at.isoformat() == "2026-11-23T10:00:00+05:30"

    def test_an_empty_batch_says_nothing(self, reader: HttpGatewayProvider) -> None:
        assert reader.receipts(json_callback(b"[]")) == []


def send(server: VendorServer, *messages: Any, **settings: Any) -> Outcomes:
    base = {"password": "gateway-secret", "username": "shop", "url": f"{server.url}/send"}
    outcomes = Outcomes()
    session = HttpGatewayProvider({**base, **settings}, Ports()).open()
    session.send(messages, outcomes)
    session.close()
    return outcomes


class TestShapes:
    @pytest.fixture
    def server(self) -> Any:
        from tests.worker.providers.http_server import vendor_server

        with vendor_server() as server:
            yield server

    def test_a_query_with_joined_numbers_and_an_answer_in_lines(self, server: VendorServer) -> None:
        server.always(Answer(200, "success | 919800000002 | b\nerror | 103 | bad number 919800000001\n"))
        outcomes = send(
            server,
            make_sms(1),
            make_sms(2),
            make_sms(3, text="another"),
            method="GET",
            encoding="query",
            body="to = {to_digits}\nmsg = {text}\nu = {username}\np = {password}\nv = {unicode}\ntype = {type}",
            plain_type="PM",
            batch_size=50,
            answer_format="text",
            items="^(success|error)",
            item_recipient=r"(91\d{10})",
            accepted="^success",
            message_id=r"\| \d+ \| (\S+)",
            code=r"^error \| (\d+)",
        )
        assert [outcomes.of(number).result for number in (1, 2)] == [Result.FAILED, Result.SENT]
        assert (outcomes.of(1).code, outcomes.of(2).provider_message_id) == ("103", "b")
        assert outcomes.of(3).result is Result.UNKNOWN
        assert sorted(seen.query["to"] for seen in server.seen) == ["919800000001,919800000002", "919800000003"]
        assert server.seen[0].query["v"] == "false"
        assert server.seen[0].query["type"] == "PM"

    def test_xml_with_its_signs_quoted(self, server: VendorServer) -> None:
        server.always(Answer(200, "<r><id>5</id></r>"))
        outcomes = send(
            server,
            make_sms(1, text='a < b & "c"'),
            encoding="text",
            body='<m to="{to}">{text}</m>',
            headers="Content-Type: text/xml",
            authorization="basic",
            answer_format="xml",
            accepted="id",
            message_id="id",
        )
        assert outcomes.only.provider_message_id == "5"
        assert server.seen[0].body == b'<m to="+919800000001">a &lt; b &amp; &quot;c&quot;</m>'
        assert server.seen[0].headers["authorization"].startswith("Basic ")
        assert server.seen[0].headers["content-type"] == "text/xml"


@pytest.mark.parametrize(
    ("settings", "field", "words"),
    [
        ({"body": '{"to": '}, "body", "no JSON"),
        ({"body": '{"to": "{to}", "x": "{nope}"}'}, "body", "no place {nope}"),
        ({"body": '{"x": "{text}"}'}, "body", "Name the recipient"),
        ({"headers": "X-Key"}, "headers", "Line 1"),
        ({"code": "regex:("}, "code", "pattern cannot be used"),
        ({"error_codes": "5"}, "error_codes", "Line 1"),
        ({"error_phrases": "x = y"}, "error_phrases", "none of permanent"),
        ({"receipt_statuses": "X = gone"}, "receipt_statuses", "none of accepted"),
        ({"receipt_names": "nmae = x"}, "receipt_names", "none of message_id"),
        ({"receipt_time_zone": "Mars/Phobos"}, "receipt_time_zone", "time zone database"),
        ({"receipt_time_zone": "../etc"}, "receipt_time_zone", ""),
        ({"url": "gateway.example/send"}, "url", "whole web address"),
    ],
)
def test_a_description_that_cannot_work_is_refused_at_its_field(
    settings: dict[str, str], field: str, words: str
) -> None:
    errors = HttpGatewayProvider.validate({**SETTINGS, **settings})
    assert list(errors) == [field]
    assert words in errors[field]
