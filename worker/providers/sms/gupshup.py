"""Gupshup Enterprise SMS: a form, an answer in a line of text, status 200 also for errors."""

from collections.abc import Mapping
from typing import Any, ClassVar

from worker.providers.base import OutgoingSms
from worker.providers.declarative.gateway import AnswerRules, CallbackRules, Gateway
from worker.providers.declarative.provider import (
    ERROR_CODES,
    DeclarativeSms,
    batch_field,
    callback_fields,
    phrases_field,
)
from worker.providers.fields import SettingField
from worker.providers.http_wire.provider import WIRE_FIELDS, address_field
from worker.providers.receipts import ReceiptKind

_ANSWERS = AnswerRules(
    format="text",
    items=r"^\s*(?:success|error)\s*\|",
    recipient=r"\|\s*\+?(\d{10,15})\s*\|",
    accepted=r"^\s*success\s*\|",
    message_ids=(r"^\s*success\s*\|[^|]*\|\s*([^\s|]+)",),
    code=r"^\s*error\s*\|\s*(\w+)",
    detail=r"^\s*error\s*\|[^|]*\|\s*(.+)",
    codes={"175": "permanent"},  # messages abroad are not switched on
)
_CALLBACKS = CallbackRules(
    message_id=("externalid",),
    recipient=("phoneno", "destaddr"),
    status=("status", "eventtype"),
    code=("errcode",),
    detail=("cause",),
    time=("deliveredts", "eventts"),
    statuses={
        "success": ReceiptKind.DELIVERED,
        "delivered": ReceiptKind.DELIVERED,
        "fail": ReceiptKind.FAILED,
        "failed": ReceiptKind.FAILED,
        "undelivered": ReceiptKind.BOUNCED,
        "expired": ReceiptKind.EXPIRED,
    },
    time_zone="Asia/Kolkata",
    country_code="91",
)


class GupshupProvider(DeclarativeSms):
    """What the vendor's error codes mean is not published, but for one: the tables are the operator's."""

    vendor: ClassVar[str] = "gupshup"
    label: ClassVar[str] = "Gupshup"
    description: ClassVar[str] = "Gupshup's enterprise gateway for SMS in India."
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("userid", "User id", required=True),
        SettingField("password", "Password", "secret", required=True),
        SettingField("entity_id", "Entity id", help="Your principal entity id (PE id) at the DLT."),
        address_field("https://enterprise.smsgupshup.com/GatewayAPI/rest"),
        batch_field(1, 100),
        ERROR_CODES,
        phrases_field("authentication = configuration\ntry again = retry"),
        *callback_fields(_CALLBACKS),
        *WIRE_FIELDS,
    )

    def gateway(self) -> Gateway:
        """The form."""
        body = {
            "method": "SendMessage",
            "v": "1.1",
            "auth_scheme": "plain",
            "format": "text",
            "userid": "{userid}",
            "password": "{password}",
            "send_to": "{to_digits}",
            "msg": "{text}",
            "msg_type": "{type}",
            "mask": "{sender}",
            "principalEntityId": "{entity_id}",
            "dltTemplateId": "{template_id}",
        }
        return Gateway(url=self.values["url"], body=body, answers=_ANSWERS, callbacks=_CALLBACKS)

    def words(self, message: OutgoingSms) -> Mapping[str, Any]:
        """The vendor's word for the encoding."""
        return {"type": "TEXT" if message.encoding == "gsm7" else "Unicode_text"}
