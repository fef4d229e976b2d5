"""Netcore Cloud SMS (bulkpush): a form, an answer in XML whose status is always 200."""

from typing import ClassVar

from worker.providers.declarative.gateway import AnswerRules, CallbackRules, Gateway, Kind
from worker.providers.declarative.provider import ERROR_CODES, DeclarativeSms, batch_field, callback_fields
from worker.providers.fields import SettingField
from worker.providers.http_wire.provider import WIRE_FIELDS, address_field
from worker.providers.receipts import ReceiptKind

_CODES: dict[str, Kind] = {
    "104": "configuration",  # credit
    "106": "permanent",
    "108": "permanent",
    "120": "permanent",
    "131": "retry",  # the registry of those who want no calls does not answer
    "132": "permanent",
    "136": "retry",
    "-1": "permanent",
}
_PERMANENT = ("dlt chain failure", "dlt url failure", "tm id failure")
_CALLBACKS = CallbackRules(
    message_id=("reqid", "request_id", "requestid"),
    recipient=("mobile", "to"),
    status=("status",),
    code=("reasoncode", "remarks"),
    time=("deliveredtime", "event_time", "senttime"),
    statuses={
        "sent": ReceiptKind.ACCEPTED,
        "delivered": ReceiptKind.DELIVERED,
        "delivrd": ReceiptKind.DELIVERED,
        "failed": ReceiptKind.FAILED,
        **dict.fromkeys(_PERMANENT, ReceiptKind.FAILED),
    },
    time_zone="Asia/Kolkata",
    country_code="91",
)


class NetcoreSmsProvider(DeclarativeSms):
    """With several messages a call the answers are told apart by their order."""

    vendor: ClassVar[str] = "netcore_sms"
    label: ClassVar[str] = "Netcore SMS"
    description: ClassVar[str] = "Netcore Cloud's gateway for SMS in India."
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("feed_id", "Feed id", required=True),
        SettingField("username", "User name", help="Usually a mobile number of ten digits.", required=True),
        SettingField("password", "Password", "secret", required=True),
        SettingField("entity_id", "Entity id", help="Your principal entity id (PE id) at the DLT.", required=True),
        SettingField("api_key", "API key", "secret", help="Only where your account was given one."),
        SettingField(
            "message_id",
            "Id that receipts name",
            "choice",
            help="Ask the vendor which one your callback carries, and name its parameter below.",
            default="request",
            choices=(("request", "Request (REQID)"), ("transaction", "Transaction (TID)")),
            advanced=True,
        ),
        address_field("https://bulkpush.mytoday.com/BulkSms/SingleMsgApi"),
        batch_field(1, 10_000),
        ERROR_CODES,
        *callback_fields(_CALLBACKS),
        *WIRE_FIELDS,
    )

    def gateway(self) -> Gateway:
        """The form: the password travels in the body, not in the address."""
        body = {
            "feedid": "{feed_id}",
            "username": "{username}",
            "password": "{password}",
            "To": "{to_digits}",
            "Text": "{text}",
            "senderid": "{sender}",
            "entityid": "{entity_id}",
            "templateid": "{template_id}",
            "async": "0",
        }
        headers = {"api-key": "{api_key}"} if self.values["api_key"] else {}
        answers = AnswerRules(
            format="xml",
            accepted="@TID",
            refused=".//CODE",  # an error may stand beside an id
            items="MID",
            message_ids=("@TID",) if self.values["message_id"] == "transaction" else (),
            call_id="@REQID",
            code=".//CODE",
            detail=".//DESC",
            codes=_CODES,
        )
        return Gateway(url=self.values["url"], body=body, headers=headers, answers=answers, callbacks=_CALLBACKS)
