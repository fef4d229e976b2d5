import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from tests.worker.providers.email.test_pepipost import personal
from tests.worker.providers.http_contract import (
    EmailHttpContract,
    ReceiptContract,
    Refusal,
    form_callback,
    json_callback,
    query_callback,
)
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer
from tests.worker.providers.messages import make_message
from worker.providers.base import Result, WebhookRequest
from worker.providers.email.falconide import FalconideProvider
from worker.providers.receipts import Receipt, ReceiptKind
from worker.rendering.content import Attachment

SETTINGS = {"api_key": "falconide-secret", "batch_size": 50}


def refused(code: int, status: int = 200) -> Answer:
    return json_answer({"message": "ERROR", "errorcode": str(code), "errormessage": f"words about {code}"}, status)


class TestContract(EmailHttpContract):
    adapter = FalconideProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    addresses: ClassVar[dict[str, str]] = {"url": "/web.send.json", "rest_url": "/web.send.rest"}
    secret = "falconide-secret"
    refusals = (
        *(
            Refusal(refused(code), Result.FAILED, str(code))
            for code in (100, 101, 103, 201, 202, 203, 206, 207, 210, 211, 212, 403, 999)
        ),
        *(
            Refusal(refused(code), Result.RETRY, str(code))
            for code in (401, 402, 404, 405, 406, 407, 408, 409, 410, 412)
        ),
        Refusal(refused(411), Result.UNKNOWN, "411"),
        Refusal(Answer(500, "system failure"), Result.RETRY, "http_500"),
    )
    misconfigurations = tuple(refused(code) for code in (102, 104, 105, 204, 205, 500, 502))

    def accept(self, seen: Seen) -> Answer:
        return json_answer({"message": "SUCCESS", "errorcode": "0", "errormessage": ""})

    def test_the_json_is_the_vendors(self, provider: FalconideProvider, server: VendorServer) -> None:
        self.send(provider, personal(1), personal(2))
        (seen,) = server.seen
        assert json.loads(seen.form["data"]) == {
            "api_key": "falconide-secret",
            "email_details": {
                "fromname": "The shop",
                "from": "sender@example.org",
                "subject": "[%SUBJECT%]",
                "content": "[%CONTENT%]",
            },
            "recipients": ["customer1@example.com", "customer2@example.com"],
            "X-APIHEADER": ["1", "2"],
            "attributes": {"SUBJECT": ["Hello 1", "Hello 2"], "CONTENT": ["<p>Dear 1</p>", "<p>Dear 2</p>"]},
            "settings": {"footer": "0", "clicktrack": "0", "opentrack": "0", "unsubscribe": "0"},
        }

    def test_equal_contents_are_sent_once_and_others_apart_where_that_is_wanted(
        self, provider: FalconideProvider, server: VendorServer
    ) -> None:
        self.send(provider, make_message(1), make_message(2))
        (seen,) = server.seen
        assert json.loads(seen.form["data"])["email_details"]["content"] == "<p>Good day.</p>"
        assert "attributes" not in json.loads(seen.form["data"])
        server.seen.clear()
        self.send(self.make(server.url, different_contents="apart"), personal(1), personal(2))
        found = sorted(json.loads(seen.form["data"])["email_details"]["subject"] for seen in server.seen)
        assert found == ["Hello 1", "Hello 2"]

    def test_files_copies_and_the_other_place_of_our_ids(self, server: VendorServer) -> None:
        provider = self.make(server.url, correlation_place="details", click_track=True)
        message = replace(
            personal(1, cc=("c@example.com",), bcc=("d@example.com", "e@example.com")),
            attachments=(Attachment("f.pdf", "application/pdf", b"%PDF"),),
        )
        self.send(provider, message, personal(2))
        assert len(server.seen) == 2, "a message with copies goes alone"
        sent = next(found for seen in server.seen if "files" in (found := json.loads(seen.form["data"])))
        assert sent["email_details"]["X-APIHEADER"] == ["1"]
        assert sent["files"] == {"f.pdf": "JVBERg=="}
        assert sent["recipients_cc"] == ["c@example.com"]
        assert (sent["settings"]["bcc"], sent["settings"]["clicktrack"]) == ("d@example.com,e@example.com", "1")

    def test_the_plain_form_carries_one_recipient(self, server: VendorServer) -> None:
        provider = self.make(server.url, form="rest")
        with_file = replace(personal(3), attachments=(Attachment("f.pdf", "application/pdf", b"%PDF"),))
        outcomes = self.send(provider, personal(1, subject="Hi, you"), personal(2), with_file)
        assert outcomes.results == {1: Result.SENT, 2: Result.SENT, 3: Result.FAILED}
        assert outcomes.of(3).code == "not_supported"
        first = next(seen for seen in server.seen if seen.form["X-APIHEADER"] == "1")
        assert first.path == "/web.send.rest"
        assert first.form == {
            "api_key": "falconide-secret",
            "subject": "Hi, you",
            "fromname": "The shop",
            "from": "sender@example.org",
            "content": "<p>Dear 1</p>",
            "recipients": "customer1@example.com",
            "X-APIHEADER": "1",
            "footer": "0",
            "clicktrack": "0",
            "opentrack": "0",
            "unsubscribe": "0",
        }

    def test_one_bad_recipient_is_found(self, provider: FalconideProvider, server: VendorServer) -> None:
        def answer(seen: Seen) -> Answer:
            return refused(206) if "13" in json.loads(seen.form["data"])["X-APIHEADER"] else self.accept(seen)

        server.answer = answer
        outcomes = self.send(provider, *(make_message(number) for number in range(1, 51)))
        assert {number for number, result in outcomes.results.items() if result is Result.FAILED} == {13}


EVENT = {"TRANSID": "77", "EMAIL": "a@example.com", "EVENT": "sent", "TIMESTAMP": "1790000000", "X-APIHEADER": "5"}
READ = Receipt(ReceiptKind.DELIVERED, "", 5, "77", "a@example.com", "sent", "", datetime.fromtimestamp(1790000000, UTC))


class TestReceipts(ReceiptContract):
    adapter = FalconideProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        (json_callback(json.dumps([EVENT]).encode()), [READ]),
        (json_callback(json.dumps({**EVENT, "TRANSID": 78}).encode()), [replace(READ, provider_message_id="78")]),
        (form_callback({**EVENT, "TRANSID": "79"}), [replace(READ, provider_message_id="79")]),
    )
    unreadable = (json_callback(b"[[]]"), query_callback({}), json_callback(b"{"))

    def unknown_word(self) -> WebhookRequest:
        return form_callback({**EVENT, "EVENT": "dreamt"})
