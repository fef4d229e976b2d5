"""Times Internet (Times Mobile): JSON with Basic authorization, or everything in the address."""

from typing import Any, ClassVar

from worker.providers.declarative.gateway import AnswerRules, CallbackRules, Gateway
from worker.providers.declarative.provider import ERROR_CODES, DeclarativeSms, callback_fields
from worker.providers.fields import SettingField
from worker.providers.http_wire.calls import basic
from worker.providers.http_wire.provider import WIRE_FIELDS, address_field
from worker.providers.receipts import ReceiptKind

# The codes are those of a sibling of the same engine. Its texts are the vendor's own, so the code decides.
_ERROR_CODES = """2051 = permanent
2054 = permanent
2070 = configuration
6001 = configuration
7001 = permanent"""
_ANSWERS = AnswerRules(
    format="json",
    accepted="state",
    accepted_values=("SUBMIT_ACCEPTED",),
    message_ids=("transactionId",),
    code="statusCode",
    detail="description",
)
_CALLBACKS = CallbackRules(
    message_id=("txid", "transactionid"),
    reference=("corelationid",),
    recipient=("to",),
    status=("deliverystatus", "status"),
    detail=("description",),
    time=("deliverydt",),
    statuses={
        "delivrd": ReceiptKind.DELIVERED,
        "delivered": ReceiptKind.DELIVERED,
        "undeliv": ReceiptKind.BOUNCED,
        "failed": ReceiptKind.FAILED,
        "rejectd": ReceiptKind.FAILED,
        "expired": ReceiptKind.EXPIRED,
    },
    time_zone="Asia/Kolkata",
    country_code="91",
)


class TimesInternetProvider(DeclarativeSms):
    """One recipient a call. The three request shapes are those seen with different accounts."""

    vendor: ClassVar[str] = "times_internet"
    label: ClassVar[str] = "Times Internet"
    description: ClassVar[str] = "Times Mobile's gateway for SMS in India."
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("username", "User name", required=True),
        SettingField("password", "Password", "secret", required=True),
        SettingField("entity_id", "Entity id", help="Your principal entity id (PE id) at the DLT."),
        SettingField(
            "shape",
            "Request",
            "choice",
            help="JSON keeps the password out of the address. Ask the vendor which one your account takes.",
            default="nested",
            choices=(
                ("nested", "JSON, nested (/api/v1/message)"),
                ("flat", "JSON, flat (/ct/api/v1/message)"),
                ("query", "In the address (/api/v1/send)"),
            ),
        ),
        address_field("https://sms.timesapi.in/api/v1/message"),
        SettingField(
            "entity_parameter",
            "Parameter of the entity id",
            help="Empty: the entity id is not sent.",
            default="dltPrincipalEntityId",
            advanced=True,
        ),
        SettingField(
            "unicode_as_text",
            "Send “unicode” as text",
            "boolean",
            help="“true” and “false” in quotation marks, as some accounts want it.",
            default=False,
            advanced=True,
        ),
        SettingField(
            "error_codes",
            ERROR_CODES.label,
            "textarea",
            help=ERROR_CODES.help,
            default=_ERROR_CODES,
            advanced=True,
        ),
        *callback_fields(_CALLBACKS),
        *WIRE_FIELDS,
    )

    def gateway(self) -> Gateway:
        """In the shape that the account takes."""
        values = self.values
        shape = values["shape"]
        headers = {}
        if shape != "query":
            headers["Authorization"] = basic(values["username"], values["password"])
        return Gateway(
            url=values["url"],
            method="GET" if shape == "query" else "POST",
            encoding="query" if shape == "query" else "json",
            headers=headers,
            body=self._nested() if shape == "nested" else self._flat(),
            answers=_ANSWERS,
            callbacks=_CALLBACKS,
        )

    def words(self, message: Any) -> dict[str, Any]:
        """The truth value as the account wants it."""
        unicode = message.encoding != "gsm7"
        return {"unicode": str(unicode).lower() if self.values["unicode_as_text"] else unicode}

    def _ids(self) -> dict[str, str]:
        ids = {"dltContentId": "{template_id}", "corelationid": "{reference}"}
        if self.values["entity_parameter"]:
            ids[self.values["entity_parameter"]] = "{entity_id}"
        return ids

    def _nested(self) -> dict[str, Any]:
        return {
            "sender": "{sender}",
            "unicode": "{unicode}",
            "message": {"recipient": "{to_digits}", "text": "{text}"},
            "extra": self._ids(),
        }

    def _flat(self) -> dict[str, Any]:
        return {
            "username": "{username}",
            "password": "{password}",
            "unicode": "{unicode}",
            "from": "{sender}",
            "to": "{to_digits}",
            "text": "{text}",
            **self._ids(),
        }
