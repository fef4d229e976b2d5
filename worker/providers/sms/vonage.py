"""Vonage's SMS API: a form for each message, an answer for each part of it, status 200 always."""

from collections.abc import Mapping
from typing import Any, ClassVar

from worker.providers.base import OutgoingSms
from worker.providers.declarative.gateway import AnswerRules, CallbackRules, Gateway, Kind
from worker.providers.declarative.provider import ERROR_CODES, DeclarativeSms, callback_fields
from worker.providers.fields import SettingField
from worker.providers.http_wire.provider import WIRE_FIELDS, address_field
from worker.providers.receipts import ReceiptKind

_CODES: Mapping[str, Kind] = {
    **dict.fromkeys(("1", "5", "10"), "retry"),  # throttled, internal, too many connections
    **dict.fromkeys(("2", "3", "6", "7", "15"), "permanent"),
    **dict.fromkeys(("4", "8", "9"), "configuration"),  # credentials, account, credit
}
_ANSWERS = AnswerRules(
    format="json",
    items="messages",
    accepted="status",
    accepted_values=("0",),
    message_ids=("message-id",),
    code="status",
    detail="error-text",
    codes=_CODES,
)
_CALLBACKS = CallbackRules(
    message_id=("messageid",),
    reference=("client-ref",),
    recipient=("msisdn",),
    status=("status",),
    code=("err-code",),
    time=("message-timestamp",),
    statuses={
        "accepted": ReceiptKind.ACCEPTED,
        "buffered": ReceiptKind.DEFERRED,
        "delivered": ReceiptKind.DELIVERED,
        "expired": ReceiptKind.EXPIRED,
        "failed": ReceiptKind.BOUNCED,
        "rejected": ReceiptKind.FAILED,
    },
)


class VonageProvider(DeclarativeSms):
    """Our own id comes back as client-ref."""

    vendor: ClassVar[str] = "vonage"
    label: ClassVar[str] = "Vonage"
    description: ClassVar[str] = "Vonage's (Nexmo's) SMS API."
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("api_key", "API key", required=True),
        SettingField("api_secret", "API secret", "secret", required=True),
        SettingField("entity_id", "Entity id", help="Your principal entity id at India's DLT, for traffic to India."),
        address_field("https://rest.nexmo.com/sms/json"),
        ERROR_CODES,
        *callback_fields(_CALLBACKS),
        *WIRE_FIELDS,
    )

    def gateway(self) -> Gateway:
        """The form."""
        body = {
            "api_key": "{api_key}",
            "api_secret": "{api_secret}",
            "from": "{sender}",
            "to": "{to_digits}",
            "text": "{text}",
            "type": "{type}",
            "status-report-req": "1",
            "callback": "{receipts_url}",
            "client-ref": "{reference}",
            "entity-id": "{entity_id}",
            "content-id": "{template_id}",
        }
        return Gateway(url=self.values["url"], body=body, answers=_ANSWERS, callbacks=_CALLBACKS)

    def words(self, message: OutgoingSms) -> Mapping[str, Any]:
        """The vendor's word for the encoding."""
        return {"type": "text" if message.encoding == "gsm7" else "unicode"}
