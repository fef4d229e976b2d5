"""Viva Connect: a form, an answer in plain words, one id for a whole call."""

from typing import ClassVar

from worker.providers.declarative.gateway import AnswerRules, CallbackRules, Gateway
from worker.providers.declarative.provider import ERROR_CODES, DeclarativeSms, batch_field, callback_fields
from worker.providers.fields import SettingField
from worker.providers.http_wire.provider import WIRE_FIELDS, address_field
from worker.providers.receipts import ReceiptKind

_ANSWERS = AnswerRules(
    format="text",
    accepted="MessageSent",
    message_ids=(r'GUID="([^"]+)"',),
    code=r"Code=(-?\w+)",
    detail=r"Code=-?\w+\s+([^<\r\n]+)",
    phrases={
        "Invalid username": "configuration",
        "De-Activated": "configuration",
        "Invalid SenderId": "configuration",
        "Invalid PE Id": "configuration",
        "Template Matching failed": "permanent",
        "Invalid Mobile Number": "permanent",
        "SendSMS Pageload": "retry",  # parameters missing, or it could not be stored
        "Internal exception": "retry",
    },
)
_DELIVERED, _FAILED = ReceiptKind.DELIVERED, ReceiptKind.FAILED
_CALLBACKS = CallbackRules(
    message_id=("guid", "messageid"),
    recipient=("mobileno", "destination"),
    status=("status",),
    code=("errorcode",),
    time=("deliverydate", "sentdate"),
    statuses={
        "delivrd": _DELIVERED,
        "delivered": _DELIVERED,
        "undeliv": ReceiptKind.BOUNCED,
        "undelivered": ReceiptKind.BOUNCED,
        "failed": _FAILED,
        "rejectd": _FAILED,
        "rejected": _FAILED,
        "expired": ReceiptKind.EXPIRED,
    },
    time_zone="Asia/Kolkata",
    country_code="91",
)


class VivaConnectProvider(DeclarativeSms):
    """The host differs by account, so the address has no default. With one message a call its id is the message's."""

    vendor: ClassVar[str] = "viva_connect"
    label: ClassVar[str] = "Viva Connect"
    description: ClassVar[str] = "Viva Connect's (Helo.ai's) gateway for SMS in India."
    fields: ClassVar[tuple[SettingField, ...]] = (
        address_field(None, "From your account, such as https://host.example/SendSMS.aspx."),
        SettingField("username", "User name", required=True),
        SettingField("password", "Password", "secret", required=True),
        SettingField("entity_id", "Entity id", help="Your principal entity id (PE id) at the DLT.", required=True),
        SettingField("telemarketer_id", "Telemarketer id", help="The TM id at the DLT, where your account needs it."),
        batch_field(1, 100),
        ERROR_CODES,
        *callback_fields(_CALLBACKS),
        *WIRE_FIELDS,
    )

    def gateway(self) -> Gateway:
        """The form; the vendor finds out by itself whether a text needs Unicode."""
        body = {
            "UserName": "{username}",
            "password": "{password}",
            "MobileNo": "{to_national}",
            "SenderID": "{sender}",
            "Message": "{text}",
            "dlt_peid": "{entity_id}",
            "dlt_tmid": "{telemarketer_id}",
            "dlt_templateid": "{template_id}",
        }
        return Gateway(url=self.values["url"], body=body, answers=_ANSWERS, callbacks=_CALLBACKS)
