"""Amazon SES, version 2: the whole message as we made it, signed requests, receipts through an SNS topic."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from worker.providers.base import ConfigurationProblem, OutgoingEmail
from worker.providers.fields import SettingField
from worker.providers.http_wire.aws_signature import Credentials, signed
from worker.providers.http_wire.callbacks import read_reference, read_time
from worker.providers.http_wire.calls import Call, Reply, Unreadable, inner, json_call, read_json
from worker.providers.http_wire.emails import encoded
from worker.providers.http_wire.exchange import AnswerLost, NotHandedOver, exchange
from worker.providers.http_wire.provider import WIRE_FIELDS, HttpProvider, address_field
from worker.providers.http_wire.verdicts import Verdict, by_status, everyone, failed, misconfigured, retry, sent
from worker.providers.receipts import Receipt, ReceiptKind, WebhookReply, WebhookRequest

_REFERENCE = "carillon_reference"
_AT_FAULT = frozenset(
    {"SendingPausedException", "AccountSuspendedException", "MailFromDomainNotVerifiedException", "NotFoundException"}
)
_LATER = frozenset({"TooManyRequestsException", "LimitExceededException"})
_TOPIC_HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_SIGNED_OF_EVENT = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_OF_HANDSHAKE = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
# Event -> (what it says, the object that tells more, the list of recipients in it).
_EVENTS = {
    "send": (ReceiptKind.ACCEPTED, "send", ""),
    "delivery": (ReceiptKind.DELIVERED, "delivery", "recipients"),
    "bounce": (ReceiptKind.FAILED, "bounce", "bouncedRecipients"),
    "complaint": (ReceiptKind.COMPLAINED, "complaint", "complainedRecipients"),
    "reject": (ReceiptKind.FAILED, "reject", ""),
    "rendering failure": (ReceiptKind.FAILED, "failure", ""),
    "deliverydelay": (ReceiptKind.DEFERRED, "deliveryDelay", "delayedRecipients"),
    "open": (ReceiptKind.OPENED, "open", ""),
    "click": (ReceiptKind.CLICKED, "click", ""),
}


class AmazonSesProvider(HttpProvider):
    """Our own id rides in a tag and comes back with each event of the configuration set."""

    vendor: ClassVar[str] = "amazon_ses"
    label: ClassVar[str] = "Amazon SES"
    channel: ClassVar[str] = "email"
    description: ClassVar[str] = "Amazon Simple Email Service, API version 2."
    has_receipts: ClassVar[bool] = True
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("region", "Region", help="Such as eu-west-1.", required=True),
        SettingField("access_key", "Access key id", required=True),
        SettingField("secret_key", "Secret access key", "secret", required=True),
        SettingField("configuration_set", "Configuration set", help="The one that publishes events to the topic."),
        SettingField(
            "topic",
            "SNS topic",
            help="The ARN of the topic that calls back. Without it callbacks are refused: anybody can have a topic.",
        ),
        address_field("https://email.{region}.amazonaws.com/v2/email/outbound-emails"),
        address_field(
            "https://email.{region}.amazonaws.com/v2/email/account", "Asked by the connection test.", "check_url"
        ),
        *WIRE_FIELDS,
    )
    address_fields: ClassVar[tuple[str, ...]] = ("url", "check_url")

    def build(self, messages: Sequence[OutgoingEmail]) -> Call:
        """The message as a whole, so that it is the same as over SMTP."""
        (message,) = messages
        destination = {
            "ToAddresses": [message.to],
            "CcAddresses": list(message.rendered.cc),
            "BccAddresses": list(message.rendered.bcc),
        }
        payload = {
            "FromEmailAddress": message.from_address,
            "Destination": {name: addresses for name, addresses in destination.items() if addresses},
            "Content": {"Raw": {"Data": encoded(message.mime(False))}},
            "EmailTags": [{"Name": _REFERENCE, "Value": str(message.reference)}],
        }
        if self.values["configuration_set"]:
            payload["ConfigurationSetName"] = self.values["configuration_set"]
        return self._signed(json_call(self._address("url"), payload))

    def parse(self, reply: Reply, messages: Sequence[OutgoingEmail]) -> Sequence[Verdict]:
        """An id, or an error whose type stands in a header."""
        if reply.ok:
            return everyone(sent(reply.json_object()["MessageId"]), messages)
        return everyone(_refusal(reply), messages)

    def check_call(self) -> Call:
        """The state of the account."""
        return self._signed(Call("GET", self._address("check_url")))

    def verify(self, request: WebhookRequest) -> bool:
        """The topic's signature, by a certificate that Amazon serves, and the topic is ours."""
        if not self.values["topic"]:
            raise ConfigurationProblem("topic", "Enter the ARN of the topic, so that callbacks can be verified.")
        try:
            envelope = _envelope(request)
        except Unreadable:
            return False
        address = str(envelope.get("SigningCertURL") or envelope.get("SigningCertUrl") or "")
        if envelope.get("TopicArn") != self.values["topic"] or not _is_amazons(address, ".pem"):
            return False
        handshake = envelope.get("Type") != "Notification"
        names = _SIGNED_OF_HANDSHAKE if handshake else _SIGNED_OF_EVENT
        text = "".join(f"{name}\n{envelope[name]}\n" for name in names if envelope.get(name) is not None)
        algorithm = SHA256() if str(envelope.get("SignatureVersion")) == "2" else SHA1()  # noqa: S303 - theirs
        try:
            signature = base64.b64decode(str(envelope.get("Signature", "")), validate=True)
            _certificate_key(self._fetch(address)).verify(signature, text.encode(), PKCS1v15(), algorithm)
        except (InvalidSignature, binascii.Error):
            return False
        return True

    def probe(self, request: WebhookRequest) -> WebhookReply | None:
        """A new subscription is confirmed by a call to the address that it names."""
        try:
            envelope = _envelope(request)
        except Unreadable:
            return None
        if envelope.get("Type") == "SubscriptionConfirmation":
            address = str(envelope.get("SubscribeURL", ""))
            if not _is_amazons(address, "/"):
                return WebhookReply(400, "This is no address of Amazon's.")
            try:
                self._fetch(address)
            except ConfigurationProblem as problem:
                return WebhookReply(503, problem.detail)
            return WebhookReply()
        return WebhookReply() if envelope.get("Type") == "UnsubscribeConfirmation" else None

    def receipts(self, request: WebhookRequest) -> list[Receipt]:
        """One event. One about copies alone says nothing about the message's own recipient and is left out."""
        envelope = _envelope(request)
        event = read_json(str(envelope.get("Message", "")).encode())
        if not isinstance(event, dict) or not isinstance(event.get("mail"), dict):
            raise Unreadable("The callback is no event of a message.")
        return _receipts(event, str(envelope.get("MessageId", "")))

    def _address(self, name: str) -> str:
        url: str = self.values[name]
        return url.replace("{region}", self.values["region"])

    def _signed(self, call: Call) -> Call:
        values = self.values
        credentials = Credentials(values["access_key"], values["secret_key"], values["region"], "ses")
        return signed(call, credentials, datetime.now(UTC))

    def _fetch(self, address: str) -> bytes:
        """A document of the topic's service. Raises ConfigurationProblem, so that the vendor calls again."""
        try:
            with self.client() as client:
                reply = exchange(client, Call("GET", address), seconds=self.reply_seconds)
        except (NotHandedOver, AnswerLost) as error:
            raise ConfigurationProblem("topic", f"The topic's service does not answer: {error.detail}") from error
        if not reply.ok:
            raise ConfigurationProblem("topic", f"The topic's service answers {reply.status}.")
        return reply.body


def _refusal(reply: Reply) -> Verdict:
    kind = reply.headers.get("x-amzn-errortype", "").partition(":")[0].rpartition("#")[2]
    words = ""
    if reply.body.lstrip().startswith(b"{"):
        answer = reply.json_object()
        words = str(answer.get("message") or answer.get("Message") or "")
    if kind in _AT_FAULT or (kind == "MessageRejected" and "not verified" in words):
        return misconfigured(kind, words or kind)
    if kind in _LATER:
        return retry(kind, words or kind).after(reply)
    if kind == "MessageRejected":
        return failed(kind, words or kind)
    return by_status(reply, words, kind)


def _envelope(request: WebhookRequest) -> Mapping[str, Any]:
    envelope = read_json(request.body)
    if not isinstance(envelope, dict):
        raise Unreadable("The callback is no notification of a topic.")
    return envelope


def _is_amazons(address: str, ending: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" and bool(_TOPIC_HOST.fullmatch(parts.netloc)) and parts.path.endswith(ending)


@lru_cache(maxsize=16)
def _certificate_key(pem: bytes) -> rsa.RSAPublicKey:
    try:
        key = x509.load_pem_x509_certificate(pem).public_key()
    except ValueError as error:
        raise ConfigurationProblem("topic", "The topic's certificate cannot be read.") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise ConfigurationProblem("topic", "The topic's certificate has no RSA key.")
    return key


def _receipts(event: Mapping[str, Any], notification: str) -> list[Receipt]:
    mail = event["mail"]
    word = str(event.get("eventType") or event.get("notificationType") or "").lower()
    kind, name, of_recipients = _EVENTS.get(word, (ReceiptKind.UNKNOWN, word, ""))
    details = inner(event, name)
    destination = [str(address) for address in mail.get("destination") or ()]
    recipient = destination[0] if destination else ""
    told = {_mailbox(entry): entry for entry in details.get(of_recipients) or ()}
    if of_recipients and told and recipient.lower() not in told:
        return []
    if word == "bounce" and details.get("bounceType") == "Permanent":
        kind = ReceiptKind.BOUNCED
    entry, tags = inner(told, recipient.lower()), inner(mail, "tags")
    return [
        Receipt(
            kind=kind,
            event_id=notification,
            reference=read_reference(str((tags.get(_REFERENCE) or [""])[0])),
            provider_message_id=str(mail.get("messageId", "")),
            recipient=recipient,
            code=str(
                entry.get("status") or details.get("bounceSubType") or details.get("complaintFeedbackType") or word
            ),
            detail=str(entry.get("diagnosticCode") or details.get("reason") or details.get("smtpResponse") or "")[:500],
            occurred_at=read_time(str(details.get("timestamp") or mail.get("timestamp") or "")),
        )
    ]


def _mailbox(entry: Any) -> str:
    address = entry.get("emailAddress", "") if isinstance(entry, dict) else entry
    return str(address).lower()
