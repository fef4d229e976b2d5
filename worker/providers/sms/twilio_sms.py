"""Twilio: a form for each message, signed callbacks."""

import base64
import hmac
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from worker.providers.base import OutgoingSms
from worker.providers.declarative.gateway import AnswerRules, CallbackRules, Gateway, Kind
from worker.providers.declarative.provider import ERROR_CODES, DeclarativeSms
from worker.providers.fields import SettingField
from worker.providers.http_wire.calls import basic
from worker.providers.http_wire.provider import WIRE_FIELDS, address_field
from worker.providers.receipts import ReceiptKind, WebhookRequest

_CODES: Mapping[str, Kind] = {
    "20003": "configuration",
    "20429": "retry",
    "21211": "permanent",
    "21408": "configuration",  # the country is not switched on
    "21606": "configuration",
    "21608": "configuration",  # a trial account writes to verified numbers only
    "21610": "permanent",  # opted out
    "21611": "retry",  # the sender's queue is full
    "21612": "configuration",
    "21614": "permanent",
    "21901": "permanent",
}
_ANSWERS = AnswerRules(format="json", accepted="sid", message_ids=("sid",), code="code", detail="message", codes=_CODES)
_CALLBACKS = CallbackRules(
    message_id=("messagesid", "smssid"),
    reference=("reference",),
    recipient=("to",),
    status=("messagestatus", "smsstatus"),
    code=("errorcode",),
    statuses={
        **dict.fromkeys(("accepted", "queued", "sending", "sent"), ReceiptKind.ACCEPTED),
        "delivered": ReceiptKind.DELIVERED,
        "undelivered": ReceiptKind.BOUNCED,
        "failed": ReceiptKind.FAILED,
    },
)


class TwilioSmsProvider(DeclarativeSms):
    """Our own id rides in the address of the callback, which the signature covers."""

    vendor: ClassVar[str] = "twilio_sms"
    label: ClassVar[str] = "Twilio"
    description: ClassVar[str] = "Twilio Programmable Messaging."
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("account_sid", "Account SID", required=True),
        SettingField("auth_token", "Auth token", "secret", help="Signs in, and verifies callbacks.", required=True),
        SettingField(
            "messaging_service",
            "Messaging service SID",
            help="Sends from the service's numbers instead of the message's sender.",
        ),
        address_field("https://api.twilio.com/2010-04-01/Accounts/{account_sid}/Messages.json"),
        ERROR_CODES,
        *WIRE_FIELDS,
    )

    def gateway(self) -> Gateway:
        """The form."""
        values = self.values
        sender = {"MessagingServiceSid": "{messaging_service}"} if values["messaging_service"] else {"From": "{sender}"}
        return Gateway(
            url=values["url"],
            headers={"Authorization": basic(values["account_sid"], values["auth_token"])},
            body={
                "To": "{to}",
                **sender,
                "Body": "{text}",
                "StatusCallback": "{status_callback}",
                "ValidityPeriod": "{valid_seconds}",
            },
            answers=_ANSWERS,
            callbacks=_CALLBACKS,
        )

    def words(self, message: OutgoingSms) -> Mapping[str, Any]:
        """Where receipts for this message go."""
        url = self.ports.receipts_url
        return {"status_callback": f"{url}?reference={message.reference}" if url else ""}

    def verify(self, request: WebhookRequest) -> bool:
        """X-Twilio-Signature: HMAC-SHA1 over the called address and the sorted form.

        Behind a proxy the address that we see may differ from the one that was called, which is ours to know.
        """
        given = request.headers.get("x-twilio-signature", "")
        query = f"?{urlencode(request.query)}" if request.query else ""
        addresses = {request.url, f"{self.ports.receipts_url}{query}"}
        form = "".join(f"{name}{value}" for name, value in sorted(request.form.items()))
        key = self.values["auth_token"].encode()
        found = [hmac.digest(key, f"{address}{form}".encode(), "sha1") for address in addresses]
        return any(hmac.compare_digest(base64.b64encode(digest).decode(), given) for digest in found)
