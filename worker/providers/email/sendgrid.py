"""SendGrid, version 3: recipients with equal bodies share a call, each with its own subject and headers."""

import base64
import binascii
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from worker.providers.base import ConfigurationProblem, OutgoingEmail
from worker.providers.fields import SettingField
from worker.providers.http_wire.callbacks import event_id, probe, read_reference, read_time
from worker.providers.http_wire.calls import Call, Reply, Unreadable, json_call, read_json
from worker.providers.http_wire.emails import encoded, envelope_key
from worker.providers.http_wire.provider import WIRE_FIELDS, HttpProvider, address_field
from worker.providers.http_wire.session import TakeApart
from worker.providers.http_wire.verdicts import Verdict, by_status, everyone, sent
from worker.providers.receipts import Receipt, ReceiptKind, WebhookReply, WebhookRequest

_REFERENCE, _RECIPIENT = "carillon_reference", "carillon_recipient"
_MOST_RECIPIENTS = 1000
_KINDS = {
    "processed": ReceiptKind.ACCEPTED,
    "deferred": ReceiptKind.DEFERRED,
    "delivered": ReceiptKind.DELIVERED,
    "bounce": ReceiptKind.BOUNCED,
    "blocked": ReceiptKind.FAILED,
    "dropped": ReceiptKind.FAILED,
    "open": ReceiptKind.OPENED,
    "click": ReceiptKind.CLICKED,
    "spamreport": ReceiptKind.COMPLAINED,
    "unsubscribe": ReceiptKind.UNSUBSCRIBED,
    "group_unsubscribe": ReceiptKind.UNSUBSCRIBED,
}


class SendGridProvider(HttpProvider):
    """Our own id rides in custom_args and comes back with each event."""

    vendor: ClassVar[str] = "sendgrid"
    label: ClassVar[str] = "SendGrid"
    channel: ClassVar[str] = "email"
    description: ClassVar[str] = "SendGrid's mail API, version 3."
    has_receipts: ClassVar[bool] = True
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("api_key", "API key", "secret", required=True),
        SettingField(
            "verification_key",
            "Verification key of the event webhook",
            "textarea",
            help="Shown when signed events are switched on. Empty: the unguessable address protects alone.",
        ),
        SettingField("open_track", "Track opens", "boolean", default=False),
        SettingField("click_track", "Track clicks", "boolean", default=False),
        address_field(
            "https://api.sendgrid.com/v3/mail/send", "European accounts use https://api.eu.sendgrid.com/v3/mail/send."
        ),
        address_field("https://api.sendgrid.com/v3/scopes", "Asked by the connection test.", "check_url"),
        SettingField(
            "batch_size",
            "Recipients per call",
            "number",
            help="Only messages with the same body share a call.",
            default=_MOST_RECIPIENTS,
            minimum=1,
            maximum=_MOST_RECIPIENTS,
            advanced=True,
        ),
        *WIRE_FIELDS,
    )
    address_fields: ClassVar[tuple[str, ...]] = ("url", "check_url")

    @classmethod
    def validate(cls, settings: Mapping[str, Any]) -> dict[str, str]:
        """Check each field, and that the key is one."""
        errors = super().validate(settings)
        if not errors and settings.get("verification_key"):
            try:
                _public_key(str(settings["verification_key"]))
            except ValueError:
                errors["verification_key"] = "Paste the whole key as the vendor shows it."
        return errors

    @property
    def batch_size(self) -> int:
        """As set."""
        return int(self.values["batch_size"])

    def batch_key(self, message: OutgoingEmail) -> object:
        """Subject and headers are told for each recipient, all else once."""
        return envelope_key(message), message.rendered.html, message.rendered.text

    def build(self, messages: Sequence[OutgoingEmail]) -> Call:
        """One personalization for each recipient."""
        first = messages[0]
        bodies = (("text/plain", first.rendered.text), ("text/html", first.rendered.html))
        payload: dict[str, Any] = {
            "personalizations": [_personalization(message) for message in messages],
            "from": {"email": first.from_address, **({"name": first.from_name} if first.from_name else {})},
            "content": [{"type": type_, "value": value} for type_, value in bodies if value],
            "tracking_settings": {
                "open_tracking": {"enable": self.values["open_track"]},
                "click_tracking": {"enable": self.values["click_track"]},
            },
        }
        if first.rendered.reply_to:
            payload["reply_to"] = {"email": first.rendered.reply_to}
        if first.attachments:
            payload["attachments"] = [
                {"content": encoded(file.data), "filename": file.filename, "type": file.content_type}
                for file in first.attachments
            ]
        return json_call(self.values["url"], payload, headers=self._authorization())

    def parse(self, reply: Reply, messages: Sequence[OutgoingEmail]) -> Sequence[Verdict]:
        """Accepted with 202 and no body, or refused as a whole."""
        if reply.status == 202:
            return everyone(sent(reply.headers.get("x-message-id", "")), messages)
        verdict = by_status(reply, _words(reply))
        if reply.status in (400, 413):
            raise TakeApart(verdict)
        reset = reply.headers.get("x-ratelimit-reset", "")
        if reply.status == 429 and verdict.retry_after is None and reset.isdigit():
            verdict = replace(verdict, retry_after=max(1.0, float(reset) - time.time()))
        return everyone(verdict, messages)

    def check_call(self) -> Call:
        """What the key may do."""
        return Call("GET", self.values["check_url"], self._authorization())

    def probe(self, request: WebhookRequest) -> WebhookReply | None:
        """HEAD and empty batches are answered."""
        return probe(request)

    def verify(self, request: WebhookRequest) -> bool:
        """ECDSA over the time stamp and the body, where a key was given."""
        if not self.values["verification_key"]:
            return True
        try:
            signature = base64.b64decode(request.headers.get("x-twilio-email-event-webhook-signature", ""))
            stamp = request.headers.get("x-twilio-email-event-webhook-timestamp", "").encode()
            key = _public_key(self.values["verification_key"])
            key.verify(signature, stamp + request.body, ec.ECDSA(SHA256()))
        except (InvalidSignature, binascii.Error):
            return False
        except ValueError as error:
            raise ConfigurationProblem("verification_key", "The verification key cannot be used.") from error
        return True

    def receipts(self, request: WebhookRequest) -> list[Receipt]:
        """A list of events. Those about copies say nothing about the message's own recipient and are left out."""
        events = read_json(request.body)
        if not isinstance(events, list) or not all(isinstance(event, dict) and "event" in event for event in events):
            raise Unreadable("The callback is no list of events.")
        return [_receipt(event) for event in events if not _is_about_a_copy(event)]

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.values['api_key']}"}


def _personalization(message: OutgoingEmail) -> dict[str, Any]:
    rendered = message.rendered
    entry: dict[str, Any] = {
        "to": [{"email": message.to}],
        "subject": rendered.subject,
        "custom_args": {_REFERENCE: str(message.reference)},
    }
    if rendered.cc or rendered.bcc:
        entry["custom_args"][_RECIPIENT] = message.to
    for name, addresses in (("cc", rendered.cc), ("bcc", rendered.bcc)):
        if addresses:
            entry[name] = [{"email": address} for address in addresses]
    if message.headers:
        entry["headers"] = dict(message.headers)
    return entry


def _words(reply: Reply) -> str:
    if not reply.body.lstrip().startswith(b"{"):
        return ""
    errors = reply.json_object().get("errors") or []
    return "; ".join(
        " ".join(str(error[name]) for name in ("field", "message", "help") if error.get(name)) for error in errors
    )


def _receipt(event: Mapping[str, Any]) -> Receipt:
    word = str(event["event"]).lower()
    if word == "bounce" and event.get("type") == "blocked":
        word = "blocked"  # the server refused for a reason of its own; the mailbox may well be there
    message_id, recipient = str(event.get("sg_message_id", "")), str(event.get("email", ""))
    stamp = str(event.get("timestamp", ""))
    return Receipt(
        kind=_KINDS.get(word, ReceiptKind.UNKNOWN),
        event_id=str(event.get("sg_event_id") or event_id(message_id, recipient, word, stamp)),
        reference=read_reference(str(event.get(_REFERENCE, ""))),
        provider_message_id=message_id.partition(".")[0],
        recipient=recipient,
        code=str(event.get("status") or word),
        detail=str(event.get("reason") or event.get("response") or "")[:500],
        occurred_at=read_time(stamp),
    )


def _is_about_a_copy(event: Mapping[str, Any]) -> bool:
    recipient = event.get(_RECIPIENT)
    return bool(recipient) and str(recipient).lower() != str(event.get("email", "")).lower()


def _public_key(text: str) -> ec.EllipticCurvePublicKey:
    lines = [line for line in text.split() if "-----" not in line and line not in ("PUBLIC", "BEGIN", "END")]
    key = load_der_public_key(base64.b64decode("".join(lines), validate=True))
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("no key on an elliptic curve")  # noqa: TRY004 - the text is at fault, not a program
    return key
