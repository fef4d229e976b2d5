import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, ClassVar

import pytest

from tests.worker.providers.email.test_pepipost import personal
from tests.worker.providers.http_contract import EmailHttpContract, ReceiptContract, Refusal, json_callback
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer
from worker.providers.base import ConfigurationProblem, Ports, Result, WebhookRequest
from worker.providers.email.mailgun import MailgunProvider
from worker.providers.receipts import Receipt, ReceiptKind
from worker.rendering.content import Attachment

SETTINGS = {"domain": "mg.example.com", "api_key": "mailgun-secret", "signing_key": "signing-secret"}


def refused(status: int, words: str = "wrong") -> Answer:
    return json_answer({"message": words}, status)


def form_of(seen: Seen) -> list[tuple[str, str | None, str]]:
    """(field, file name, value) of a multipart form, read by the standard library."""
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    whole = message_from_bytes(head + seen.body, policy=policy.HTTP)
    assert isinstance(whole, EmailMessage)
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            (part.get_payload(decode=True) or b"").decode(),
        )
        for part in whole.iter_parts()
    ]


class TestContract(EmailHttpContract):
    adapter = MailgunProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    addresses: ClassVar[dict[str, str]] = {"url": "/v3/{domain}/messages", "check_url": "/v3/domains/{domain}"}
    secret = "mailgun-secret"
    expected_message_id = "{}@mg.example.com".format
    refusals = (
        Refusal(refused(400, "to parameter is not a valid address"), Result.FAILED, "http_400"),
        Refusal(refused(500), Result.RETRY, "http_500"),
        Refusal(json_answer({"message": "Queued"}), Result.UNKNOWN, "malformed_reply"),
    )
    misconfigurations = (Answer(401, "Forbidden"), refused(403), refused(404, "Domain not found"))

    def accept(self, seen: Seen) -> Answer:
        if seen.method == "GET":
            return json_answer({"domain": {"state": "active"}})
        values = {name: value for name, _, value in form_of(seen)}
        number = values["v:carillon_reference"]
        return json_answer({"id": f"<{number}@mg.example.com>", "message": "Queued. Thank you."})

    def test_the_form_is_the_vendors(self, provider: MailgunProvider, server: VendorServer) -> None:
        message = personal(1, reply_to="help@example.org", cc=("c@example.com",), bcc=("d@example.com",))
        files = (Attachment('a "b".pdf', "application/pdf", b"%PDF"),)
        self.send(provider, replace(message, attachments=files, from_name='The "shop" é'))
        (seen,) = server.seen
        assert seen.path == "/v3/mg.example.com/messages"
        assert seen.headers["authorization"] == "Basic YXBpOm1haWxndW4tc2VjcmV0"
        assert form_of(seen) == [
            ("from", None, '"The \\"shop\\" é" <sender@example.org>'),
            ("to", None, "customer1@example.com"),
            ("cc", None, "c@example.com"),
            ("bcc", None, "d@example.com"),
            ("subject", None, "Hello 1"),
            ("text", None, "Good day."),
            ("html", None, "<p>Dear 1</p>"),
            ("h:Reply-To", None, "help@example.org"),
            ("h:Message-Id", None, "<1@example.org>"),
            ("h:List-Unsubscribe", None, "<https://shop.example/u/1>"),
            ("o:tracking-opens", None, "no"),
            ("o:tracking-clicks", None, "no"),
            ("v:carillon_reference", None, "1"),
            ("v:carillon_recipient", None, "customer1@example.com"),
            ("attachment", "a %22b%22.pdf", "%PDF"),
        ]


def event(word: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"e{number}",
        "event": word,
        "timestamp": 1790000000.5,
        "recipient": "a@example.com",
        "message": {"headers": {"message-id": "7@mg.example.com"}},
        "user-variables": {"carillon_reference": "7"},
        **more,
    }


def callback(data: dict[str, Any], key: str = "signing-secret") -> WebhookRequest:
    signature = hmac.new(key.encode(), b"1790000000token", "sha256").hexdigest()
    signed = {"timestamp": "1790000000", "token": "token", "signature": signature}
    return json_callback(json.dumps({"signature": signed, "event-data": data}).encode())


AT = datetime.fromtimestamp(1790000000.5, UTC)


def case(
    number: int, word: str, kind: ReceiptKind, code: str, detail: str = "", **more: Any
) -> tuple[WebhookRequest, list[Receipt]]:
    receipt = Receipt(kind, f"e{number}", 7, "7@mg.example.com", "a@example.com", code, detail, AT)
    return callback(event(word, number, **more)), [receipt]


class TestReceipts(ReceiptContract):
    adapter = MailgunProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        case(1, "accepted", ReceiptKind.ACCEPTED, "accepted"),
        case(2, "delivered", ReceiptKind.DELIVERED, "250", "OK", **{"delivery-status": {"code": 250, "message": "OK"}}),
        case(3, "failed", ReceiptKind.BOUNCED, "bounce", "bounce", severity="permanent", reason="bounce"),
        case(4, "failed", ReceiptKind.DEFERRED, "failed temporary", severity="temporary"),
        case(5, "rejected", ReceiptKind.FAILED, "rejected"),
        case(6, "opened", ReceiptKind.OPENED, "opened"),
        case(7, "clicked", ReceiptKind.CLICKED, "clicked"),
        case(8, "unsubscribed", ReceiptKind.UNSUBSCRIBED, "unsubscribed"),
        case(9, "complained", ReceiptKind.COMPLAINED, "complained"),
        (callback(event("delivered", 10, **{"user-variables": {"carillon_recipient": "other@example.com"}})), []),
    )
    unreadable = (json_callback(b"[]"), json_callback(b"{"), json_callback(b'{"event-data": {}}'))

    def unknown_word(self) -> WebhookRequest:
        return callback(event("stored"))

    def test_only_the_vendors_signature_counts(self, reader: MailgunProvider) -> None:
        assert reader.verify(callback(event("opened")))
        assert not reader.verify(callback(event("opened"), key="another"))
        for body in (b"", b"{}", b"[]", b'{"signature": 5}', b'{"signature": {"timestamp": "1"}}'):
            assert not reader.verify(json_callback(body))

    def test_without_the_key_nothing_is_believed(self) -> None:
        with pytest.raises(ConfigurationProblem, match="signing key"):
            MailgunProvider({**SETTINGS, "signing_key": ""}, Ports()).verify(callback(event("opened")))
