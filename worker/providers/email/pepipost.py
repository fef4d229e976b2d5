"""Pepipost, the email API of Netcore Cloud, version 5: many recipients a call, each with its own values."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from worker.providers.base import OutgoingEmail
from worker.providers.fields import SettingField
from worker.providers.http_wire.calls import Call, Reply, json_call
from worker.providers.http_wire.emails import encoded, html_body
from worker.providers.http_wire.placeholder_emails import TRACKING_FIELDS, PlaceholderEmails, batch_fields
from worker.providers.http_wire.provider import WIRE_FIELDS, address_field
from worker.providers.http_wire.session import TakeApart
from worker.providers.http_wire.verdicts import Verdict, by_status, everyone, misconfigured, sent, unknown


class PepipostProvider(PlaceholderEmails):
    """One id for a whole call, so receipts are matched by `token_to`, which carries our own."""

    vendor: ClassVar[str] = "pepipost"
    label: ClassVar[str] = "Pepipost"
    description: ClassVar[str] = "Netcore Cloud's email API, formerly Pepipost."
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("api_key", "API key", "secret", required=True),
        *TRACKING_FIELDS,
        address_field(
            "https://emailapi.netcorecloud.net/v5.1/mail/send",
            "Older accounts use https://api.pepipost.com/v5/mail/send, European ones "
            "https://apieu.netcorecloud.net/v5.1/mail/send.",
        ),
        *batch_fields(1000),
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

    def build(self, messages: Sequence[OutgoingEmail]) -> Call:
        """One personalization for each recipient. Fields that are not set are left out: `null` is an error there."""
        first = messages[0]
        content = self.shared_content(messages)
        subject, body = content or ("[%SUBJECT%]", "[%CONTENT%]")
        payload: dict[str, Any] = {
            "from": _address(first.from_address, first.from_name),
            "subject": subject,
            "content": [{"type": "html", "value": body}],
            "personalizations": [_personalization(message, by_values=content is None) for message in messages],
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
