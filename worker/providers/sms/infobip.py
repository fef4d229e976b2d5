"""Infobip: JSON, many messages a call, each with its own text and answer."""

from typing import ClassVar

from worker.providers.declarative.gateway import AnswerRules, CallbackRules, Gateway
from worker.providers.declarative.provider import ERROR_CODES, DeclarativeSms, batch_field, callback_fields
from worker.providers.fields import SettingField
from worker.providers.http_wire.provider import WIRE_FIELDS, address_field
from worker.providers.receipts import ReceiptKind

_ANSWERS = AnswerRules(
    format="json",
    items="messages",
    recipient="destination",
    accepted="status.groupId",
    accepted_values=("1", "3"),  # pending, delivered; 2, 4 and 5 are undeliverable, expired and rejected
    message_ids=("messageId",),
    code="status.name",
    detail=r'regex:"(?:description|text)"\s*:\s*"([^"]*)"',
)
_CALLBACKS = CallbackRules(
    items="results",
    message_id=("messageid",),
    reference=("callbackdata",),
    recipient=("to",),
    status=("status.groupname",),
    code=("error.name",),
    detail=("error.description", "status.description"),
    time=("doneat", "sentat"),
    statuses={
        "accepted": ReceiptKind.ACCEPTED,
        "pending": ReceiptKind.ACCEPTED,
        "delivered": ReceiptKind.DELIVERED,
        "undeliverable": ReceiptKind.BOUNCED,
        "expired": ReceiptKind.EXPIRED,
        "rejected": ReceiptKind.FAILED,
    },
)


class InfobipProvider(DeclarativeSms):
    """Our own id comes back as callbackData."""

    vendor: ClassVar[str] = "infobip"
    label: ClassVar[str] = "Infobip"
    description: ClassVar[str] = "Infobip's SMS API, version 3."
    fields: ClassVar[tuple[SettingField, ...]] = (
        address_field(None, "From your account, such as https://abc12.api.infobip.com/sms/3/messages."),
        SettingField("api_key", "API key", "secret", required=True),
        SettingField("entity_id", "Entity id", help="Your principal entity id at India's DLT, for traffic to India."),
        SettingField("telemarketer_id", "Telemarketer id", help="For traffic to India.", advanced=True),
        batch_field(100, 1000),
        ERROR_CODES,
        *callback_fields(_CALLBACKS),
        *WIRE_FIELDS,
    )

    def gateway(self) -> Gateway:
        """The list of messages is written once for each."""
        india = {
            "contentTemplateId": "{template_id}",
            "principalEntityId": "{entity_id}",
            "telemarketerId": "{telemarketer_id}",
        }
        message = {
            "sender": "{sender}",
            "destinations": [{"to": "{to_digits}"}],
            "content": {"text": "{text}"},
            "webhooks": {"delivery": {"url": "{receipts_url}"}, "callbackData": "{reference}"},
        }
        if self.values["entity_id"]:
            message["options"] = {"regional": {"indiaDlt": india}}
        return Gateway(
            url=self.values["url"],
            encoding="json",
            headers={"Authorization": "App {api_key}"},
            body={"messages": [message]},
            answers=_ANSWERS,
            callbacks=_CALLBACKS,
        )
