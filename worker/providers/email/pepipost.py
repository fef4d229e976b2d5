"""Pepipost, the email API of Netcore Cloud, version 5: many recipients a call, each with its own values."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from worker.providers.base import OutgoingEmail
from worker.providers.fields import SettingField
from worker.providers.http_wire.callbacks import probe
from worker.providers.http_wire.calls import Call, Reply, json_call
from worker.providers.http_wire.emails import BATCH_BYTES, encoded, envelope_key, html_body, size
from worker.providers.http_wire.provider import WIRE_FIELDS, HttpProvider, address_field
from worker.providers.http_wire.session import TakeApart
from worker.providers.http_wire.transid_events import read_events
from worker.providers.http_wire.verdicts import Verdict, by_status, everyone, misconfigured, sent, unknown
from worker.providers.receipts import Receipt, WebhookReply, WebhookRequest

_PLACE = "[%"


class PepipostProvider(HttpProvider):
    """One id for a whole call, so receipts are matched by `token_to`, which carries our own."""

    vendor: ClassVar[str] = "pepipost"
    label: ClassVar[str] = "Pepipost"
    channel: ClassVar[str] = "email"
    description: ClassVar[str] = "Netcore Cloud's email API, formerly Pepipost."
    has_receipts: ClassVar[bool] = True
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("api_key", "API key", "secret", required=True),
        SettingField("open_track", "Track opens", "boolean", default=False),
        SettingField("click_track", "Track clicks", "boolean", default=False),
        SettingField("unsubscribe_track", "Unsubscribe link of the vendor", "boolean", default=False),
        SettingField("footer", "Footer of the vendor", "boolean", default=False, advanced=True),
        address_field(
            "https://emailapi.netcorecloud.net/v5.1/mail/send",
            "Older accounts use https://api.pepipost.com/v5/mail/send, European ones "
            "https://apieu.netcorecloud.net/v5.1/mail/send.",
        ),
        SettingField(
            "different_contents",
            "Messages with contents of their own",
            "choice",
            help="Together: subject and body of each recipient travel as placeholder values of one call.",
            default="together",
            choices=(("together", "Together in a call"), ("apart", "A call for each")),
            advanced=True,
        ),
        SettingField(
            "batch_size", "Recipients per call", "number", default=1000, minimum=1, maximum=5000, advanced=True
        ),
        BATCH_BYTES,
        SettingField("ip_pool", "IP pool", help="Leave empty for the usual one.", advanced=True),
        SettingField(
            "ip_pool_name",
            "Parameter of the IP pool",
            "choice",
            help="Accounts differ in its name.",
            default="ip_pool",
            choices=(("ip_pool", "ip_pool"), ("ippool", "ippool")),
            advanced=True,
        ),
        *WIRE_FIELDS,
    )

    @property
    def batch_size(self) -> int:
        """As set."""
        return int(self.values["batch_size"])

    @property
    def batch_bytes(self) -> int:
        """As set."""
        return int(self.values["batch_megabytes"] * 1_000_000)

    def weight(self, message: OutgoingEmail) -> int:
        """The whole content: it may travel once for each recipient."""
        return size(message)

    def batch_key(self, message: OutgoingEmail) -> object:
        """What the call says once. The reply address is one of those things."""
        if self.values["different_contents"] == "together":
            return envelope_key(message)
        return envelope_key(message), message.rendered.subject, html_body(message)

    def build(self, messages: Sequence[OutgoingEmail]) -> Call:
        """One personalization for each recipient. Fields that are not set are left out: `null` is an error there."""
        first = messages[0]
        contents = {(message.rendered.subject, html_body(message)) for message in messages}
        by_values = self._by_values(contents, len(messages))
        subject, body = ("[%SUBJECT%]", "[%CONTENT%]") if by_values else next(iter(contents))
        payload: dict[str, Any] = {
            "from": _address(first.from_address, first.from_name),
            "subject": subject,
            "content": [{"type": "html", "value": body}],
            "personalizations": [_personalization(message, by_values=by_values) for message in messages],
            "settings": self._settings(),
        }
        if first.rendered.reply_to:
            payload["reply_to"] = first.rendered.reply_to
        if first.attachments:
            payload["attachments"] = [
                {"name": file.filename, "content": encoded(file.data)} for file in first.attachments
            ]
        return json_call(self.values["url"], payload, headers={"api_key": self.values["api_key"]})

    def parse(self, reply: Reply, messages: Sequence[OutgoingEmail]) -> Sequence[Verdict]:
        """Accepted as a whole, or refused as a whole."""
        if reply.ok:
            answer = reply.json_object()
            if answer.get("status") != "success":
                return everyone(unknown("no_success", _words(answer)), messages)
            return everyone(sent(answer["data"]["message_id"]), messages)
        detail = _words(reply.json_object()) if reply.body.lstrip()[:1] == b"{" else ""
        verdict = by_status(reply, detail)
        if reply.status == 405:
            verdict = misconfigured("http_405", f"The address takes no messages. {verdict.detail}")
        if reply.status == 400:
            raise TakeApart(verdict)
        return everyone(verdict, messages)

    def probe(self, request: WebhookRequest) -> WebhookReply | None:
        """The vendor tries an address by HEAD, then by an empty batch."""
        return probe(request)

    def receipts(self, request: WebhookRequest) -> list[Receipt]:
        """A list of events."""
        return read_events(request)

    def _by_values(self, contents: set[tuple[str, str]], count: int) -> bool:
        """One message alone goes the way of a batch, so that a test send shows what a campaign will look like."""
        if self.values["different_contents"] != "together":
            return False
        return count == 1 or len(contents) > 1 or any(_PLACE in part for part in next(iter(contents)))

    def _settings(self) -> dict[str, Any]:
        values = self.values
        names = ("footer", "click_track", "open_track", "unsubscribe_track")
        settings: dict[str, Any] = {name: values[name] for name in names}
        if values["ip_pool"]:
            settings[values["ip_pool_name"]] = values["ip_pool"]
        return settings


def _personalization(message: OutgoingEmail, *, by_values: bool) -> dict[str, Any]:
    rendered = message.rendered
    entry: dict[str, Any] = {"to": [{"email": message.to}], "token_to": str(message.reference)}
    if by_values:
        entry["attributes"] = {"SUBJECT": rendered.subject, "CONTENT": html_body(message)}
    if rendered.cc:
        entry["cc"] = [{"email": address} for address in rendered.cc]
    if rendered.bcc:
        entry["bcc"] = [{"email": address} for address in rendered.bcc]
    if message.headers:
        entry["headers"] = dict(message.headers)
    return entry


def _address(email: str, name: str) -> dict[str, str]:
    return {"email": email, "name": name} if name else {"email": email}


def _words(answer: Mapping[str, Any]) -> str:
    """The vendor's words for an error: a text, or a list of objects."""
    error = answer.get("error") or answer.get("message") or answer
    if isinstance(error, list):
        parts = [part for part in error if isinstance(part, dict)]
        return "; ".join(
            " ".join(str(part[name]) for name in ("field", "message", "description") if part.get(name))
            for part in parts
        )
    return str(error)
