import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from tests.worker.providers.http_contract import EmailHttpContract, ReceiptContract, Refusal, json_callback
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer
from tests.worker.providers.messages import make_message
from worker.providers.base import OutgoingEmail, Ports, Result, WebhookRequest
from worker.providers.email.pepipost import PepipostProvider
from worker.providers.receipts import Receipt, ReceiptKind
from worker.rendering.content import Attachment

SETTINGS = {"api_key": "pepipost-secret", "batch_size": 50}


def refused(status: int, error: Any) -> Answer:
    return json_answer({"error": error, "status": "error"}, status)


def personal(number: int, **rendered: Any) -> OutgoingEmail:
    message = make_message(number)
    content = {"subject": f"Hello {number}", "html": f"<p>Dear {number}</p>", **rendered}
    return replace(
        message,
        from_name="The shop",
        headers=(("List-Unsubscribe", f"<https://shop.example/u/{number}>"),),
        rendered=replace(message.rendered, **content),
    )


class TestContract(EmailHttpContract):
    adapter = PepipostProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    secret = "pepipost-secret"
    refusals = (
        Refusal(refused(400, [{"field": "from", "message": "is missing"}]), Result.FAILED, "http_400"),
        Refusal(refused(500, "try again"), Result.RETRY, "http_500"),
        Refusal(
            json_answer({"data": {}, "message": "cap reached", "status": "error"}, 202), Result.UNKNOWN, "no_success"
        ),
        Refusal(json_answer({"status": "success", "message": "OK"}, 202), Result.UNKNOWN, "malformed_reply"),
        Refusal(Answer(502, "<html>"), Result.UNKNOWN, "http_502"),
    )
    misconfigurations = (
        refused(401, "invalid api key"),
        refused(403, [{"message": "domain not approved", "description": "approve it"}]),
        refused(405, "method not allowed"),
    )

    def accept(self, seen: Seen) -> Answer:
        return json_answer({"data": {"message_id": "call-1"}, "message": "OK", "status": "success"}, 202)

    def test_each_recipient_has_a_personalization(self, provider: PepipostProvider, server: VendorServer) -> None:
        self.send(provider, *(personal(number, cc=(), bcc=()) for number in (1, 2)))
        (seen,) = server.seen
        assert seen.headers["api_key"] == "pepipost-secret"
        assert seen.json == {
            "from": {"email": "sender@example.org", "name": "The shop"},
            "subject": "[%SUBJECT%]",
            "content": [{"type": "html", "value": "[%CONTENT%]"}],
            "personalizations": [
                {
                    "to": [{"email": f"customer{number}@example.com"}],
                    "token_to": str(number),
                    "attributes": {"SUBJECT": f"Hello {number}", "CONTENT": f"<p>Dear {number}</p>"},
                    "headers": {"List-Unsubscribe": f"<https://shop.example/u/{number}>"},
                }
                for number in (1, 2)
            ],
            "settings": {"footer": False, "click_track": False, "open_track": False, "unsubscribe_track": False},
        }

    def test_equal_contents_are_sent_once(self, provider: PepipostProvider, server: VendorServer) -> None:
        self.send(provider, make_message(1), make_message(2))
        assert server.seen[0].json["subject"] == "Hello"
        assert "attributes" not in server.seen[0].json["personalizations"][0]

    def test_a_text_that_looks_like_a_placeholder_is_not_taken_for_one(
        self, provider: PepipostProvider, server: VendorServer
    ) -> None:
        self.send(provider, *(personal(number, subject="[%X%]", html="same") for number in (1, 2)))
        assert server.seen[0].json["subject"] == "[%SUBJECT%]"

    def test_contents_apart_and_the_other_settings(self, server: VendorServer) -> None:
        provider = self.make(
            server.url, different_contents="apart", open_track=True, ip_pool="fast", ip_pool_name="ippool"
        )
        files = (Attachment("f.pdf", "application/pdf", b"%PDF"),)
        message = personal(
            1, html="", text="a < b", reply_to="help@example.org", cc=("c@example.com",), bcc=("d@example.com",)
        )
        self.send(provider, replace(message, attachments=files), personal(2), personal(3))
        assert len(server.seen) == 3
        sent = next(seen.json for seen in server.seen if "reply_to" in seen.json)
        assert sent["reply_to"] == "help@example.org"
        assert sent["attachments"] == [{"name": "f.pdf", "content": "JVBERg=="}]
        assert sent["settings"]["open_track"] is True
        assert sent["settings"]["ippool"] == "fast"
        assert "a &lt; b" in sent["content"][0]["value"]
        assert sent["personalizations"][0]["cc"] == [{"email": "c@example.com"}]
        assert sent["personalizations"][0]["bcc"] == [{"email": "d@example.com"}]

    def test_one_bad_recipient_is_found_without_failing_the_batch(
        self, provider: PepipostProvider, server: VendorServer
    ) -> None:
        def answer(seen: Seen) -> Answer:
            bad = any(entry["token_to"] == "13" for entry in seen.json["personalizations"])
            return refused(400, "invalid recipient") if bad else self.accept(seen)

        server.answer = answer
        outcomes = self.send(provider, *(make_message(number) for number in range(1, 51)))
        assert [number for number, result in outcomes.results.items() if result is not Result.SENT] == [13]
        assert outcomes.of(13).result is Result.FAILED
        assert len(server.seen) < 15

    def test_a_call_keeps_to_its_size(self, server: VendorServer) -> None:
        provider = self.make(server.url, batch_megabytes=1)
        self.send(provider, *(personal(number, html="x" * 300_000) for number in range(6)))
        assert sorted(len(seen.json["personalizations"]) for seen in server.seen) == [3, 3]


def event(**fields: Any) -> dict[str, Any]:
    return {
        "TRANSID": "15000",
        "EMAIL": "customer1@example.com",
        "TIMESTAMP": "1790000000",
        "X-APIHEADER": "1",
        "RESPONSE": "smtp;550 5.1.1",
        **fields,
    }


def receipt(kind: ReceiptKind, code: str, detail: str = "smtp;550 5.1.1") -> Receipt:
    at = datetime.fromtimestamp(1790000000, UTC)
    return Receipt(kind, "", 1, "15000", "customer1@example.com", code, detail, at)


CASES = (
    ("processed", ReceiptKind.ACCEPTED),
    ("sent", ReceiptKind.DELIVERED),
    ("invalid", ReceiptKind.BOUNCED),
    ("hardbounce", ReceiptKind.BOUNCED),
    ("softbounce", ReceiptKind.FAILED),
    ("dropped", ReceiptKind.FAILED),
    ("opened", ReceiptKind.OPENED),
    ("clicked", ReceiptKind.CLICKED),
    ("unsubscribed", ReceiptKind.UNSUBSCRIBED),
    ("spam", ReceiptKind.COMPLAINED),
)


class TestReceipts(ReceiptContract):
    adapter = PepipostProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        (
            json_callback(json.dumps([event(EVENT=word) for word, _ in CASES]).encode()),
            [receipt(kind, word) for word, kind in CASES],
        ),
        (
            json_callback(
                json.dumps(
                    [
                        event(EVENT="bounced", BOUNCE_TYPE="HARDBOUNCE"),
                        event(EVENT="Bounced", TRANSID=15000, BOUNCE_TYPE="SOFTBOUNCE", URL="x"),
                    ]
                ).encode()
            ),
            [receipt(ReceiptKind.BOUNCED, "bounced"), receipt(ReceiptKind.FAILED, "softbounce")],
        ),
    )
    unreadable = (json_callback(b"[1]"), json_callback(b"{"), json_callback(b'[{"EMAIL": "a@example.com"}]'))

    def unknown_word(self) -> WebhookRequest:
        return json_callback(json.dumps([event(EVENT="teleported")]).encode())


@pytest.mark.parametrize(("method", "body"), [("HEAD", b""), ("POST", b"[]")])
def test_the_vendors_test_calls_are_answered(method: str, body: bytes) -> None:
    reply = PepipostProvider(SETTINGS, Ports()).probe(WebhookRequest(method, {}, {}, body))
    assert reply is not None
    assert reply.status == 200
