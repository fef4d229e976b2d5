"""Falconide: JSON within a form, or a plain form; no ids, so our own comes back in X-APIHEADER."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from worker.providers.base import OutgoingEmail
from worker.providers.fields import SettingField
from worker.providers.http_wire.calls import Call, Reply, form_call
from worker.providers.http_wire.emails import encoded, html_body
from worker.providers.http_wire.placeholder_emails import TRACKING_FIELDS, PlaceholderEmails, batch_fields
from worker.providers.http_wire.provider import WIRE_FIELDS, address_field
from worker.providers.http_wire.session import TakeApart, Unsendable
from worker.providers.http_wire.verdicts import (
    Verdict,
    by_status,
    everyone,
    failed,
    misconfigured,
    retry,
    sent,
    unknown,
)

# Codes of the body; the status of HTTP is 200 beside nearly all of them.
_SETTINGS_AT_FAULT = frozenset({"102", "104", "105", "204", "205", "500", "502"})
_LATER = frozenset({"401", "402", "404", "405", "406", "407", "408", "409", "410", "412"})
_ARCHIVED = "411"  # "server unreachable", but the job was put aside: it may still go out
_PERHAPS_ONE_OF_THEM = frozenset({"103", "206", "210", "211"})


class FalconideProvider(PlaceholderEmails):
    """Headers of our own cannot be given along, so there is no List-Unsubscribe: the vendor's link may stand in."""

    vendor: ClassVar[str] = "falconide"
    label: ClassVar[str] = "Falconide"
    description: ClassVar[str] = "Netcore's transactional email API for India."
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("api_key", "API key", "secret", required=True),
        SettingField(
            "form",
            "Request",
            "choice",
            help="JSON carries many recipients and files; the plain form one recipient a call and no files.",
            default="json",
            choices=(("json", "JSON"), ("rest", "Plain form")),
        ),
        *TRACKING_FIELDS,
        address_field("https://api.falconide.com/falconapi/web.send.json", "For JSON."),
        address_field("https://api.falconide.com/falconapi/web.send.rest", "For the plain form.", "rest_url"),
        SettingField(
            "correlation_place",
            "Place of our ids",
            "choice",
            help="Where X-APIHEADER stands in the JSON; both are seen.",
            default="top",
            choices=(("top", "Beside email_details"), ("details", "Within email_details")),
            advanced=True,
        ),
        *batch_fields(500),
        *WIRE_FIELDS,
    )
    address_fields: ClassVar[tuple[str, ...]] = ("url", "rest_url")

    @property
    def batch_size(self) -> int:
        """As set; the plain form's lists cannot carry commas, so it carries one recipient."""
        return super().batch_size if self.values["form"] == "json" else 1

    def build(self, messages: Sequence[OutgoingEmail]) -> Call:
        """In the form that is set."""
        if self.values["form"] == "rest":
            return self._plain_form(messages[0])
        pairs = [("data", json.dumps(self._payload(messages), ensure_ascii=False, separators=(",", ":")))]
        return form_call(self.values["url"], pairs)

    def parse(self, reply: Reply, messages: Sequence[OutgoingEmail]) -> Sequence[Verdict]:
        """One code for all recipients."""
        if not reply.ok and reply.body.lstrip()[:1] != b"{":
            return everyone(by_status(reply), messages)
        answer = reply.json_object()
        code, words = str(answer["errorcode"]).strip(), str(answer.get("errormessage") or answer.get("message") or "")
        verdict = _verdict(code, words or f"error {code}")
        if code in _PERHAPS_ONE_OF_THEM:
            raise TakeApart(verdict)
        return everyone(verdict, messages)

    def _payload(self, messages: Sequence[OutgoingEmail]) -> dict[str, Any]:
        first = messages[0]
        content = self.shared_content(messages)
        subject, body = content or ("[%SUBJECT%]", "[%CONTENT%]")
        details = {
            "fromname": first.from_name,
            "from": first.from_address,
            "subject": subject,
            "replytoid": first.rendered.reply_to,
            "content": body,
        }
        references = [str(message.reference) for message in messages]
        payload: dict[str, Any] = {
            "api_key": self.values["api_key"],
            "email_details": {name: value for name, value in details.items() if value},
            "recipients": [message.to for message in messages],
            "settings": {**self._switches(), **({"bcc": ",".join(first.rendered.bcc)} if first.rendered.bcc else {})},
        }
        if content is None:
            payload["attributes"] = {
                "SUBJECT": [message.rendered.subject for message in messages],
                "CONTENT": [html_body(message) for message in messages],
            }
        place = payload if self.values["correlation_place"] == "top" else payload["email_details"]
        place["X-APIHEADER"] = references
        if first.rendered.cc:
            payload["recipients_cc"] = list(first.rendered.cc)
        if first.attachments:
            payload["files"] = {file.filename: encoded(file.data) for file in first.attachments}
            payload["encoding_type"] = "base64"
        return payload

    def _plain_form(self, message: OutgoingEmail) -> Call:
        if message.attachments or message.rendered.cc:
            raise Unsendable("not_supported", "The plain form carries no files and no copies: choose JSON.")
        pairs = {
            "api_key": self.values["api_key"],
            "subject": message.rendered.subject,
            "fromname": message.from_name,
            "from": message.from_address,
            "content": html_body(message),
            "recipients": message.to,
            "replytoid": message.rendered.reply_to,
            "bcc": ",".join(message.rendered.bcc),
            "X-APIHEADER": str(message.reference),
            **self._switches(),
        }
        return form_call(self.values["rest_url"], [(name, value) for name, value in pairs.items() if value])

    def _switches(self) -> dict[str, str]:
        names = {
            "footer": "footer",
            "clicktrack": "click_track",
            "opentrack": "open_track",
            "unsubscribe": "unsubscribe_track",
        }
        return {name: str(int(self.values[setting])) for name, setting in names.items()}


def _verdict(code: str, words: str) -> Verdict:
    if code == "0":
        return sent()
    if code in _SETTINGS_AT_FAULT:
        return misconfigured(code, words)
    if code in _LATER:
        return retry(code, words)
    if code == _ARCHIVED:
        return unknown(code, words)
    return failed(code, words)
