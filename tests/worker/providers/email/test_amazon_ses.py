import base64
import datetime
import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.worker.providers.contract import ProviderContract
from tests.worker.providers.http_contract import HttpContract, ReceiptContract, Refusal, json_callback
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer, vendor_server
from tests.worker.providers.messages import make_message
from worker.providers.base import ConfigurationProblem, Ports, Result, WebhookRequest
from worker.providers.email.amazon_ses import AmazonSesProvider
from worker.providers.http_wire.aws_signature import Credentials, signed
from worker.providers.http_wire.calls import Call
from worker.providers.receipts import Receipt, ReceiptKind

TOPIC = "arn:aws:sns:eu-west-1:123456789012:carillon"
SETTINGS = {
    "region": "eu-west-1",
    "access_key": "AKIDEXAMPLE",
    "secret_key": "ses-secret",
    "configuration_set": "events",
    "topic": TOPIC,
}


def refused(kind: str, words: str = "words", status: int = 400) -> Answer:
    return json_answer({"message": words}, status, **{"x-amzn-ErrorType": f"{kind}:http://internal.example/"})


class TestContract(HttpContract):
    adapter = AmazonSesProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    addresses: ClassVar[dict[str, str]] = {"url": "/{region}/outbound-emails", "check_url": "/account"}
    secret = "ses-secret"
    expected_message_id = "ses-{}".format
    refusals = (
        Refusal(refused("MessageRejected"), Result.FAILED, "MessageRejected"),
        Refusal(refused("BadRequestException"), Result.FAILED, "BadRequestException"),
        Refusal(refused("TooManyRequestsException", status=429), Result.RETRY, "TooManyRequestsException"),
        Refusal(refused("LimitExceededException"), Result.RETRY, "LimitExceededException"),
        Refusal(refused("InternalFailure", status=500), Result.RETRY, "InternalFailure"),
        Refusal(json_answer({}), Result.UNKNOWN, "malformed_reply"),
    )
    misconfigurations = (
        *(refused(f"{kind}Exception") for kind in ("SendingPaused", "AccountSuspended", "MailFromDomainNotVerified")),
        refused("NotFoundException", status=404),
        refused("MessageRejected", "Email address is not verified."),
        refused("InvalidSignatureException", status=403),
    )

    def unsendable(self, reference: int) -> tuple[Any, str, str]:
        return ProviderContract.unsendable(self, reference)

    def accept(self, seen: Seen) -> Answer:
        tags = {tag["Name"]: tag["Value"] for tag in seen.json["EmailTags"]} if seen.body else {}
        return json_answer({"MessageId": f"ses-{tags.get('carillon_reference')}"})

    def test_the_request_is_the_vendors(self, provider: AmazonSesProvider, server: VendorServer) -> None:
        message = make_message(7)
        rendered = replace(message.rendered, cc=("c@example.com",), bcc=("d@example.com",))
        self.send(provider, replace(message, rendered=rendered))
        (seen,) = server.seen
        assert seen.path == "/eu-west-1/outbound-emails"
        assert seen.json == {
            "FromEmailAddress": "sender@example.org",
            "Destination": {
                "ToAddresses": ["customer7@example.com"],
                "CcAddresses": ["c@example.com"],
                "BccAddresses": ["d@example.com"],
            },
            "Content": {"Raw": {"Data": base64.b64encode(b"Subject: Hello\r\n\r\nGood day.\r\n").decode()}},
            "EmailTags": [{"Name": "carillon_reference", "Value": "7"}],
            "ConfigurationSetName": "events",
        }
        signature = seen.headers["authorization"]
        assert signature.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        assert "/eu-west-1/ses/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=" in signature


@pytest.mark.parametrize(
    ("method", "query", "signature"),
    [
        ("GET", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ],
)
def test_signatures_equal_those_of_the_published_examples(method: str, query: str, signature: str) -> None:
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    credentials = Credentials("AKIDEXAMPLE", secret, "us-east-1", "service")
    now = datetime.datetime(2015, 8, 30, 12, 36, tzinfo=datetime.UTC)
    call = signed(Call(method, f"https://example.amazonaws.com/{query}"), credentials, now)
    assert call.headers["Authorization"].endswith(f"SignedHeaders=host;x-amz-date, Signature={signature}")


AT = datetime.datetime(2026, 11, 23, 10, tzinfo=datetime.UTC)
STAMP = "2026-11-23T10:00:00.000Z"


def notification(
    event: str, number: int, details: dict[str, Any], *, destination: str = "a@example.com"
) -> WebhookRequest:
    name = {"DeliveryDelay": "deliveryDelay", "Rendering Failure": "failure"}.get(event, event.lower())
    mail = {
        "messageId": "ses-7",
        "timestamp": STAMP,
        "destination": [destination, "copy@example.com"],
        "tags": {"carillon_reference": ["7"]},
    }
    message = json.dumps({"eventType": event, "mail": mail, name: details})
    envelope = {"Type": "Notification", "MessageId": f"n{number}", "TopicArn": TOPIC, "Message": message}
    return json_callback(json.dumps(envelope).encode())


def read(number: int, kind: ReceiptKind, code: str, detail: str = "") -> list[Receipt]:
    return [Receipt(kind, f"n{number}", 7, "ses-7", "a@example.com", code, detail, AT)]


BOUNCED = [{"emailAddress": "a@example.com", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1"}]
OF_COPY = [{"emailAddress": "copy@example.com"}]


class TestReceipts(ReceiptContract):
    adapter = AmazonSesProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        (notification("Send", 1, {}), read(1, ReceiptKind.ACCEPTED, "send")),
        (
            notification(
                "Delivery", 2, {"recipients": ["A@example.com"], "smtpResponse": "250 ok", "timestamp": STAMP}
            ),
            read(2, ReceiptKind.DELIVERED, "delivery", "250 ok"),
        ),
        (
            notification("Bounce", 3, {"bounceType": "Permanent", "bouncedRecipients": BOUNCED}),
            read(3, ReceiptKind.BOUNCED, "5.1.1", "smtp; 550 5.1.1"),
        ),
        (
            notification(
                "Bounce", 4, {"bounceType": "Transient", "bounceSubType": "MailboxFull", "bouncedRecipients": []}
            ),
            read(4, ReceiptKind.FAILED, "MailboxFull"),
        ),
        (notification("Bounce", 5, {"bounceType": "Permanent", "bouncedRecipients": OF_COPY}), []),
        (
            notification("Complaint", 6, {"complainedRecipients": BOUNCED, "complaintFeedbackType": "abuse"}),
            read(6, ReceiptKind.COMPLAINED, "5.1.1", "smtp; 550 5.1.1"),
        ),
        (notification("Reject", 7, {"reason": "Bad content"}), read(7, ReceiptKind.FAILED, "reject", "Bad content")),
        (notification("DeliveryDelay", 8, {"delayedRecipients": []}), read(8, ReceiptKind.DEFERRED, "deliverydelay")),
        (notification("Open", 9, {}), read(9, ReceiptKind.OPENED, "open")),
        (notification("Click", 10, {}), read(10, ReceiptKind.CLICKED, "click")),
        (notification("Rendering Failure", 11, {}), read(11, ReceiptKind.FAILED, "rendering failure")),
    )
    unreadable = (json_callback(b"[]"), json_callback(b"{}"), json_callback(b'{"Message": "{}"}'))

    def unknown_word(self) -> WebhookRequest:
        return notification("Subscription", 12, {})


class Everywhere(httpx.HTTPTransport):
    """Every name leads to the server of the test."""

    def __init__(self, server: VendorServer) -> None:
        super().__init__(verify=ssl.create_default_context())
        self.server = server

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = httpx.URL(self.server.url).copy_with(raw_path=request.url.raw_path)
        return super().handle_request(request)


class TestTopic:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2036, 1, 1, tzinfo=datetime.UTC))
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
    )

    @pytest.fixture
    def server(self) -> Iterator[VendorServer]:
        with vendor_server() as server:
            server.always(Answer(200, self.certificate))
            yield server

    @pytest.fixture
    def provider(self, server: VendorServer) -> AmazonSesProvider:
        return AmazonSesProvider(SETTINGS, Ports(http=lambda *, connections, http2=False: Everywhere(server)))

    def signed(self, version: str = "2", **changes: Any) -> WebhookRequest:
        envelope = {
            "Type": "Notification",
            "MessageId": "n1",
            "TopicArn": TOPIC,
            "Message": "{}",
            "Timestamp": STAMP,
            "SignatureVersion": version,
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        }
        envelope |= {
            name: value for name, value in changes.items() if name in ("Type", "Token", "SubscribeURL", "Subject")
        }
        names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{name}\n{envelope[name]}\n" for name in names if name in envelope)
        algorithm = SHA256() if version == "2" else SHA1()
        envelope["Signature"] = base64.b64encode(self.key.sign(text.encode(), PKCS1v15(), algorithm)).decode()
        return json_callback(json.dumps(envelope | changes).encode())

    @pytest.mark.parametrize("version", ["1", "2"])
    def test_a_signature_of_the_topic_counts(self, provider: AmazonSesProvider, version: str) -> None:
        assert provider.verify(self.signed(version))
        assert provider.verify(self.signed(version, Subject="Event"))

    @pytest.mark.parametrize(
        "changes",
        [
            {"Message": '{"forged": true}'},
            {"Signature": "AAAA"},
            {"Signature": "not base64!"},
            {"TopicArn": "arn:aws:sns:eu-west-1:999999999999:somebody"},
            {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.example/cert.pem"},
            {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/cert.pem"},
            {"SigningCertURL": "https://user@sns.eu-west-1.amazonaws.com/cert.pem"},
            {"SigningCertURL": ""},
        ],
    )
    def test_anything_else_does_not(self, provider: AmazonSesProvider, changes: dict[str, str]) -> None:
        assert not provider.verify(self.signed(**changes))

    def test_what_is_no_notification_is_refused(self, provider: AmazonSesProvider) -> None:
        assert not provider.verify(json_callback(b"nonsense"))
        assert not provider.verify(json_callback(b"[]"))

    def test_a_service_that_does_not_answer_is_asked_later(
        self, provider: AmazonSesProvider, server: VendorServer
    ) -> None:
        server.always(Answer(500))
        with pytest.raises(ConfigurationProblem, match="answers 500"):
            provider.verify(self.signed())
        server.always(Answer(200, "no certificate"))
        with pytest.raises(ConfigurationProblem, match="certificate cannot be read"):
            provider.verify(self.signed())

    def test_without_a_topic_nothing_is_believed(self) -> None:
        with pytest.raises(ConfigurationProblem, match="ARN"):
            AmazonSesProvider({**SETTINGS, "topic": ""}, Ports()).verify(self.signed())

    def test_a_subscription_is_confirmed(self, provider: AmazonSesProvider, server: VendorServer) -> None:
        address = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
        handshake = self.signed(Type="SubscriptionConfirmation", Token="t", SubscribeURL=address)
        assert provider.verify(handshake)
        reply = provider.probe(handshake)
        assert reply is not None
        assert reply.status == 200
        assert server.seen[-1].query["Action"] == "ConfirmSubscription"
        elsewhere = self.signed(Type="SubscriptionConfirmation", SubscribeURL="https://internal.example/?a=b")
        refused_reply = provider.probe(elsewhere)
        assert refused_reply is not None
        assert refused_reply.status == 400
        server.always(Answer(500))
        later = provider.probe(handshake)
        assert later is not None
        assert later.status == 503
        assert provider.probe(self.signed()) is None
        assert provider.probe(json_callback(b"nonsense")) is None
        assert provider.probe(self.signed(Type="UnsubscribeConfirmation")) is not None
