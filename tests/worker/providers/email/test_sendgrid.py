import base64
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.worker.providers.email.test_pepipost import personal
from tests.worker.providers.http_contract import EmailHttpContract, ReceiptContract, Refusal, json_callback
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer
from tests.worker.providers.messages import make_message
from worker.providers.base import Ports, Result, WebhookRequest
from worker.providers.email.sendgrid import SendGridProvider
from worker.providers.receipts import Receipt, ReceiptKind
from worker.rendering.content import Attachment

SETTINGS = {"api_key": "sendgrid-secret", "batch_size": 20}


def refused(status: int, words: str = "wrong") -> Answer:
    return json_answer({"errors": [{"message": words, "field": "from", "help": None}]}, status)


class TestContract(EmailHttpContract):
    adapter = SendGridProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    addresses: ClassVar[dict[str, str]] = {"url": "/v3/mail/send", "check_url": "/v3/scopes"}
    secret = "sendgrid-secret"
    expected_message_id = staticmethod(lambda reference: "sg-1")
    refusals = (
        Refusal(refused(400), Result.FAILED, "http_400"),
        Refusal(refused(413), Result.FAILED, "http_413"),
        Refusal(refused(500), Result.RETRY, "http_500"),
        Refusal(Answer(200, "{}"), Result.UNKNOWN, "http_200"),
    )
    misconfigurations = (refused(401), refused(403))

    def accept(self, seen: Seen) -> Answer:
        return (
            json_answer({"scopes": ["mail.send"]})
            if seen.method == "GET"
            else Answer(202, "", {"X-Message-Id": "sg-1"})
        )

    def test_the_json_is_the_vendors(self, provider: SendGridProvider, server: VendorServer) -> None:
        self.send(provider, personal(1, html="<p>Same</p>"), personal(2, html="<p>Same</p>"))
        (seen,) = server.seen
        assert seen.headers["authorization"] == "Bearer sendgrid-secret"
        assert seen.json == {
            "personalizations": [
                {
                    "to": [{"email": f"customer{number}@example.com"}],
                    "subject": f"Hello {number}",
                    "custom_args": {"carillon_reference": str(number)},
                    "headers": {"List-Unsubscribe": f"<https://shop.example/u/{number}>"},
                }
                for number in (1, 2)
            ],
            "from": {"email": "sender@example.org", "name": "The shop"},
            "content": [
                {"type": "text/plain", "value": "Good day."},
                {"type": "text/html", "value": "<p>Same</p>"},
            ],
            "tracking_settings": {"open_tracking": {"enable": False}, "click_tracking": {"enable": False}},
        }

    def test_copies_files_and_different_bodies(self, provider: SendGridProvider, server: VendorServer) -> None:
        files = (Attachment("f.pdf", "application/pdf", b"%PDF"),)
        message = personal(1, reply_to="help@example.org", cc=("c@example.com",), bcc=("d@example.com",))
        self.send(provider, replace(message, attachments=files), personal(2), personal(3))
        assert len(server.seen) == 3
        sent = next(seen.json for seen in server.seen if "attachments" in seen.json)
        assert sent["attachments"] == [{"content": "JVBERg==", "filename": "f.pdf", "type": "application/pdf"}]
        assert sent["reply_to"] == {"email": "help@example.org"}
        (entry,) = sent["personalizations"]
        assert (entry["cc"], entry["bcc"]) == ([{"email": "c@example.com"}], [{"email": "d@example.com"}])
        assert entry["custom_args"]["carillon_recipient"] == "customer1@example.com"

    def test_one_bad_recipient_is_found(self, provider: SendGridProvider, server: VendorServer) -> None:
        def answer(seen: Seen) -> Answer:
            bad = any(entry["custom_args"]["carillon_reference"] == "5" for entry in seen.json["personalizations"])
            return refused(400) if bad else self.accept(seen)

        server.answer = answer
        outcomes = self.send(provider, *(make_message(number) for number in range(1, 21)))
        assert {number for number, result in outcomes.results.items() if result is Result.FAILED} == {5}

    def test_the_end_of_a_limit_is_the_pause(self, provider: SendGridProvider, server: VendorServer) -> None:
        server.always(Answer(429, "{}", {"X-RateLimit-Reset": str(int(time.time()) + 100)}))
        found = self.send(provider).only.retry_after
        assert found is not None
        assert 50 < found <= 100


AT = datetime.fromtimestamp(1790000000, UTC)


def event(word: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "event": word,
        "email": "a@example.com",
        "timestamp": 1790000000,
        "sg_event_id": f"e-{word}-{number}",
        "sg_message_id": "sg-1.filter001",
        "carillon_reference": "7",
        **more,
    }


def read(kind: ReceiptKind, event_id: str, code: str, detail: str = "") -> Receipt:
    return Receipt(kind, event_id, 7, "sg-1", "a@example.com", code, detail, AT)


WORDS = (
    ("processed", ReceiptKind.ACCEPTED),
    ("deferred", ReceiptKind.DEFERRED),
    ("delivered", ReceiptKind.DELIVERED),
    ("dropped", ReceiptKind.FAILED),
    ("open", ReceiptKind.OPENED),
    ("click", ReceiptKind.CLICKED),
    ("spamreport", ReceiptKind.COMPLAINED),
    ("unsubscribe", ReceiptKind.UNSUBSCRIBED),
)
BOUNCES = [
    event("bounce", 1, type="bounce", status="5.1.1", reason="550 no such user"),
    event("bounce", 2, type="blocked", status="5.7.1", reason="refused"),
    event("bounce", 3, email="copy@example.com", carillon_recipient="A@example.com"),
]


class TestReceipts(ReceiptContract):
    adapter = SendGridProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        (
            json_callback(json.dumps([event(word) for word, _ in WORDS]).encode()),
            [read(kind, f"e-{word}-1", word) for word, kind in WORDS],
        ),
        (
            json_callback(json.dumps(BOUNCES).encode()),
            [
                read(ReceiptKind.BOUNCED, "e-bounce-1", "5.1.1", "550 no such user"),
                read(ReceiptKind.FAILED, "e-bounce-2", "5.7.1", "refused"),
            ],
        ),
    )
    unreadable = (json_callback(b"{}"), json_callback(b"[5]"), json_callback(b"["))

    def unknown_word(self) -> WebhookRequest:
        return json_callback(json.dumps([event("group_resubscribe")]).encode())


class TestVerification:
    key = ec.generate_private_key(ec.SECP256R1())
    text = base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def request(self, body: bytes, *, signed: bytes | None = None) -> WebhookRequest:
        signature = self.key.sign(b"1790000000" + (body if signed is None else signed), ec.ECDSA(SHA256()))
        headers = {
            "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
            "x-twilio-email-event-webhook-timestamp": "1790000000",
        }
        return WebhookRequest("POST", headers, {}, body)

    @pytest.mark.parametrize("key", ["text", "pem"])
    def test_only_the_vendors_signature_counts(self, key: str) -> None:
        provider = SendGridProvider({**SETTINGS, "verification_key": getattr(self, key)}, Ports())
        assert provider.verify(self.request(b"[1]"))
        assert not provider.verify(self.request(b"[1]", signed=b"[2]"))
        assert not provider.verify(WebhookRequest("POST", {}, {}, b"[1]"))
        assert not provider.verify(WebhookRequest("POST", {"x-twilio-email-event-webhook-signature": "a"}, {}, b"[1]"))

    def test_without_a_key_the_address_protects_alone(self) -> None:
        assert SendGridProvider(SETTINGS, Ports()).verify(WebhookRequest("POST", {}, {}, b"[]"))

    @pytest.mark.parametrize(
        "key", ["nonsense", "AAAA", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="]
    )
    def test_a_key_that_is_none_is_refused(self, key: str) -> None:
        assert list(SendGridProvider.validate({**SETTINGS, "verification_key": key})) == ["verification_key"]
