"""MSG91: its flows know only variables, so the whole text travels as one."""

from dataclasses import replace
from typing import Any, ClassVar

from worker.providers.declarative.callbacks import read_receipts
from worker.providers.declarative.gateway import AnswerRules, CallbackRules, Gateway
from worker.providers.declarative.provider import (
    ERROR_CODES,
    DeclarativeSms,
    batch_field,
    callback_fields,
    phrases_field,
)
from worker.providers.fields import SettingField
from worker.providers.http_wire.calls import Unreadable, json_call, read_json
from worker.providers.http_wire.provider import WIRE_FIELDS, address_field
from worker.providers.receipts import Receipt, ReceiptKind, WebhookRequest

_ANSWERS = AnswerRules(
    format="json",
    accepted="type",
    accepted_values=("success",),
    message_ids=("message",),
    code="type",
    detail="message",
)
_CALLBACKS = CallbackRules(
    message_id=("requestid",),
    recipient=("number", "telnum", "mobile"),
    status=("status",),
    code=("status",),
    detail=("failedreason", "desc", "failurereason"),
    time=("date", "deliverytime"),
    statuses={
        "1": ReceiptKind.DELIVERED,
        "2": ReceiptKind.FAILED,
        "9": ReceiptKind.FAILED,
        "16": ReceiptKind.FAILED,
        "17": ReceiptKind.FAILED,
        "25": ReceiptKind.FAILED,
        "delivered": ReceiptKind.DELIVERED,
        "failed": ReceiptKind.FAILED,
        "rejected": ReceiptKind.FAILED,
    },
    time_zone="Asia/Kolkata",
    country_code="91",
)


class Msg91Provider(DeclarativeSms):
    """A call has one id; receipts tell its numbers apart. Sender and DLT ids are kept with the flow at the vendor."""

    vendor: ClassVar[str] = "msg91"
    label: ClassVar[str] = "MSG91"
    description: ClassVar[str] = "MSG91's flows for SMS in India."
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("auth_key", "Auth key", "secret", required=True),
        SettingField("flow_id", "Template id of the flow", help="A flow whose text is one variable.", required=True),
        SettingField(
            "text_variable", "Variable of the text", help="As written in the flow.", required=True, default="VAR1"
        ),
        address_field("https://control.msg91.com/api/v5/flow"),
        batch_field(100, 1000),
        ERROR_CODES,
        phrases_field("authkey = configuration\nauthentication = configuration\nbalance = configuration"),
        *callback_fields(_CALLBACKS),
        *WIRE_FIELDS,
    )

    def gateway(self) -> Gateway:
        """The list of recipients is written once for each."""
        recipient = {"mobiles": "{to_digits}", self.values["text_variable"]: "{text}"}
        return Gateway(
            url=self.values["url"],
            encoding="json",
            headers={"authkey": "{auth_key}"},
            body={"template_id": "{flow_id}", "short_url": "0", "recipients": [recipient]},
            answers=_ANSWERS,
            callbacks=_CALLBACKS,
        )

    def receipts(self, request: WebhookRequest) -> list[Receipt]:
        """The older callback is a form whose field `data` lists requests, each with the reports of its numbers."""
        if "data" not in request.form:
            return super().receipts(request)
        batches = read_json(request.form["data"].encode())
        if not isinstance(batches, list) or not all(isinstance(batch, dict) for batch in batches):
            raise Unreadable("The callback is no list of requests.")
        reports: list[dict[str, Any]] = [
            {**report, "requestId": batch.get("requestId")}
            for batch in batches
            for report in batch.get("report") or ()
            if isinstance(report, dict)
        ]
        flat = replace(request, form={}, query={}, body=json_call("", reports).content)
        return read_receipts(self.described.callbacks, flat)
