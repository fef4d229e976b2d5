"""Mailgun: a form with files for each message, signed callbacks."""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from worker.providers.base import ConfigurationProblem, OutgoingEmail
from worker.providers.fields import SettingField
from worker.providers.http_wire.callbacks import event_id, read_reference, read_time
from worker.providers.http_wire.calls import Call, Reply, Unreadable, basic, inner, multipart_call, read_json
from worker.providers.http_wire.provider import WIRE_FIELDS, HttpProvider, address_field
from worker.providers.http_wire.verdicts import Verdict, by_status, everyone, misconfigured, sent
from worker.providers.receipts import Receipt, ReceiptKind, WebhookRequest

_REFERENCE, _RECIPIENT = "carillon_reference", "carillon_recipient"
_KINDS = {
    "accepted": ReceiptKind.ACCEPTED,
    "rejected": ReceiptKind.FAILED,
    "delivered": ReceiptKind.DELIVERED,
    "failed permanent": ReceiptKind.BOUNCED,
    "failed temporary": ReceiptKind.DEFERRED,
    "opened": ReceiptKind.OPENED,
    "clicked": ReceiptKind.CLICKED,
    "unsubscribed": ReceiptKind.UNSUBSCRIBED,
    "complained": ReceiptKind.COMPLAINED,
}


class MailgunProvider(HttpProvider):
    """One message a call; our own id rides in a variable and comes back with each event."""

    vendor: ClassVar[str] = "mailgun"
    label: ClassVar[str] = "Mailgun"
    channel: ClassVar[str] = "email"
    description: ClassVar[str] = "Mailgun's messages API."
    has_receipts: ClassVar[bool] = True
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("domain", "Sending domain", help="As at the vendor, such as mg.example.com.", required=True),
        SettingField("api_key", "API key", "secret", required=True),
        SettingField(
            "signing_key",
            "Webhook signing key",
            "secret",
            help="Callbacks are refused without it.",
        ),
        SettingField("open_track", "Track opens", "boolean", default=False),
        SettingField("click_track", "Track clicks", "boolean", default=False),
        address_field(
            "https://api.mailgun.net/v3/{domain}/messages",
            "European domains use https://api.eu.mailgun.net/v3/{domain}/messages.",
        ),
        address_field("https://api.mailgun.net/v3/domains/{domain}", "Asked by the connection test.", "check_url"),
        *WIRE_FIELDS,
    )
    address_fields: ClassVar[tuple[str, ...]] = ("url", "check_url")

    def build(self, messages: Sequence[OutgoingEmail]) -> Call:
        """The form of one message."""
        (message,) = messages
        rendered = message.rendered
        pairs = [
            ("from", _mailbox(message.from_name, message.from_address)),
            ("to", message.to),
            *(("cc", address) for address in rendered.cc),
            *(("bcc", address) for address in rendered.bcc),
            ("subject", rendered.subject),
            ("text", rendered.text),
            ("html", rendered.html),
            ("h:Reply-To", rendered.reply_to),
            ("h:Message-Id", message.message_id),
            *((f"h:{name}", value) for name, value in message.headers),
            ("o:tracking-opens", "yes" if self.values["open_track"] else "no"),
            ("o:tracking-clicks", "yes" if self.values["click_track"] else "no"),
            (f"v:{_REFERENCE}", str(message.reference)),
            (f"v:{_RECIPIENT}", message.to if rendered.cc or rendered.bcc else ""),
        ]
        files = [("attachment", file.filename, file.content_type, file.data) for file in message.attachments]
        return multipart_call(
            self._address("url"), [pair for pair in pairs if pair[1]], files, headers=self._authorization()
        )

    def parse(self, reply: Reply, messages: Sequence[OutgoingEmail]) -> Sequence[Verdict]:
        """An id, or a message that says why not."""
        if reply.ok:
            return everyone(sent(str(reply.json_object()["id"]).strip("<>")), messages)
        words = ""
        if reply.body.lstrip().startswith(b"{"):
            words = str(reply.json_object().get("message", ""))
        if reply.status == 404:
            return everyone(misconfigured("http_404", words or "The vendor does not know this domain."), messages)
        return everyone(by_status(reply, words), messages)

    def check_call(self) -> Call:
        """What the vendor knows of the domain."""
        return Call("GET", self._address("check_url"), self._authorization())

    def verify(self, request: WebhookRequest) -> bool:
        """HMAC-SHA256 over the time stamp and the token that stand beside the event."""
        if not self.values["signing_key"]:
            raise ConfigurationProblem(
                "signing_key", "Enter the webhook signing key, so that callbacks can be verified."
            )
        try:
            given = read_json(request.body)["signature"]
            text = f"{given['timestamp']}{given['token']}".encode()
            found = hmac.new(self.values["signing_key"].encode(), text, "sha256").hexdigest()
            return hmac.compare_digest(found.encode(), str(given["signature"]).encode())
        except (Unreadable, LookupError, TypeError):
            return False

    def receipts(self, request: WebhookRequest) -> list[Receipt]:
        """One event. One about a copy says nothing about the message's own recipient and is left out."""
        body = read_json(request.body)
        event = body.get("event-data") if isinstance(body, dict) else None
        if not isinstance(event, dict) or not event.get("event"):
            raise Unreadable("The callback holds no event.")
        variables = inner(event, "user-variables")
        about = str(variables.get(_RECIPIENT, "")).lower()
        if about and about != str(event.get("recipient", "")).lower():
            return []
        return [_receipt(event, read_reference(str(variables.get(_REFERENCE, ""))))]

    def _address(self, name: str) -> str:
        url: str = self.values[name]
        return url.replace("{domain}", quote(self.values["domain"], safe=""))

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": basic("api", self.values["api_key"])}


def _receipt(event: Mapping[str, Any], reference: int | None) -> Receipt:
    word = str(event["event"]).lower()
    if word == "failed":
        word = f"failed {str(event.get('severity', '')).lower()}"
    status = inner(event, "delivery-status")
    message_id = str(inner(inner(event, "message"), "headers").get("message-id", ""))
    recipient, stamp = str(event.get("recipient", "")), str(event.get("timestamp", ""))
    return Receipt(
        kind=_KINDS.get(word, ReceiptKind.UNKNOWN),
        event_id=str(event.get("id") or event_id(message_id, recipient, word, stamp)),
        reference=reference,
        provider_message_id=message_id,
        recipient=recipient,
        code=str(status.get("code") or event.get("reason") or word),
        detail=str(status.get("message") or status.get("description") or event.get("reason") or "")[:500],
        occurred_at=read_time(stamp),
    )


def _mailbox(name: str, address: str) -> str:
    if not name:
        return address
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>'
