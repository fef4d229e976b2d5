"""HTTP gateway: any vendor of text messages whose API can be described in a form. Adding one needs no code."""

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar
from xml.sax.saxutils import escape

from worker.providers.declarative.filling import RECIPIENTS, places
from worker.providers.declarative.finding import pattern
from worker.providers.declarative.gateway import AnswerRules, CallbackRules, Gateway
from worker.providers.declarative.lines import read_pairs
from worker.providers.declarative.provider import (
    ERROR_CODES,
    DeclarativeSms,
    batch_field,
    callback_fields,
    phrases_field,
)
from worker.providers.fields import SettingField, read_settings
from worker.providers.http_wire.calls import Call, basic
from worker.providers.http_wire.provider import WIRE_FIELDS, address_field
from worker.providers.receipts import ReceiptKind

_OUR_PLACES = frozenset({"text", "sender", "reference", "template_id", "category", "segments", "unicode", "type"})
_PLACES_OF_SETTINGS = frozenset({"username", "password", "entity_id"})
_CALLBACKS = CallbackRules(
    message_id=("message_id", "messageid", "id", "msgid"),
    reference=("reference", "client_ref", "custref"),
    recipient=("to", "mobile", "msisdn", "dest"),
    status=("status",),
    code=("error", "error_code", "code"),
    time=("time", "timestamp", "date"),
    statuses={
        "delivrd": ReceiptKind.DELIVERED,
        "delivered": ReceiptKind.DELIVERED,
        "sent": ReceiptKind.ACCEPTED,
        "accepted": ReceiptKind.ACCEPTED,
        "buffered": ReceiptKind.DEFERRED,
        "expired": ReceiptKind.EXPIRED,
        "undeliv": ReceiptKind.BOUNCED,
        "undelivered": ReceiptKind.BOUNCED,
        "failed": ReceiptKind.FAILED,
        "rejectd": ReceiptKind.FAILED,
        "rejected": ReceiptKind.FAILED,
    },
)
_REQUEST = (
    address_field(None, "Where messages go. May hold places such as {username}."),
    SettingField(
        "method", "Method", "choice", default="POST", choices=(("POST", "POST"), ("GET", "GET"), ("PUT", "PUT"))
    ),
    SettingField(
        "encoding",
        "Body",
        "choice",
        help="How the parameters travel.",
        default="form",
        choices=(("form", "Form"), ("query", "In the address"), ("json", "JSON"), ("text", "Text or XML")),
    ),
    SettingField(
        "body",
        "Parameters",
        "textarea",
        help="Form and address: one “name = value” in a line. JSON and text: as it is sent. Places: {to}, {to_digits}, "
        "{to_national}, {text}, {sender}, {reference}, {template_id}, {entity_id}, {username}, {password}, {unicode}, "
        "{type}. A JSON list with one element that holds {to} is repeated for each message of a call.",
        required=True,
    ),
    SettingField("headers", "Headers", "textarea", help="One “Name: value” in a line; places as above."),
    SettingField(
        "authorization",
        "Authorization",
        "choice",
        default="none",
        choices=(
            ("none", "Within the parameters"),
            ("basic", "Basic: user name and password"),
            ("bearer", "Bearer: password"),
        ),
    ),
    SettingField("username", "User name"),
    SettingField("password", "Password or key", "secret"),
    SettingField("entity_id", "Entity id", help="Who you are to the regulator (DLT in India), for {entity_id}."),
    SettingField("plain_type", "{type} for plain text", help="Such as PM or TEXT.", advanced=True),
    SettingField("unicode_type", "{type} for Unicode", help="Such as UC or Unicode_text.", advanced=True),
)
_ANSWER = (
    SettingField(
        "answer_format",
        "Answer",
        "choice",
        default="json",
        choices=(("json", "JSON"), ("xml", "XML"), ("text", "Text")),
    ),
    SettingField(
        "accepted",
        "Place of acceptance",
        help="JSON: data.0.status. XML: .//MID@TID. Anything: regex:MessageSent.",
        required=True,
    ),
    SettingField(
        "accepted_values",
        "Words of acceptance",
        help="With commas, such as 6001 or success. Empty: it is enough that something stands there.",
    ),
    SettingField(
        "message_id",
        "Place of the message id",
        "textarea",
        help="As above. One in a line: the first that says something counts.",
    ),
    SettingField("code", "Place of the error code", help="As above."),
    SettingField("detail", "Place of the words of an error", help="As above.", advanced=True),
    SettingField(
        "items",
        "Place of the answers",
        help="Where an answer to several messages lists them: “.” or data.messages, .//MID, or a pattern of its lines.",
        advanced=True,
    ),
    SettingField("item_recipient", "Place of the number in each", help="Empty: their order counts.", advanced=True),
    ERROR_CODES,
    phrases_field(),
)


class HttpGatewayProvider(DeclarativeSms):
    """Everything is a setting."""

    vendor: ClassVar[str] = "http_gateway"
    label: ClassVar[str] = "HTTP gateway"
    description: ClassVar[str] = "Any SMS vendor with an HTTP API: describe its request, answers and receipts."
    fields: ClassVar[tuple[SettingField, ...]] = (
        *_REQUEST,
        *_ANSWER,
        batch_field(1, 10_000),
        *callback_fields(_CALLBACKS),
        *WIRE_FIELDS,
    )

    @classmethod
    def validate(cls, settings: Mapping[str, Any]) -> dict[str, str]:
        """Check that the description can be filled and every place be looked for."""
        errors = super().validate(settings)
        if errors:
            return errors
        values = read_settings(cls.fields, settings)
        for name, check in (("body", _body), ("headers", _headers)):
            try:
                _check_places(check(values))
            except ValueError as error:
                errors[name] = str(error)
        if "body" not in errors and RECIPIENTS.isdisjoint(places([values["url"], _body(values)])):
            errors["body"] = "Name the recipient: {to}, {to_digits} or {to_national}."
        for name in ("accepted", "message_id", "code", "detail", "items", "item_recipient"):
            for place in _lines(values[name]):
                problem = _problem_with_place(place, values["answer_format"])
                if problem:
                    errors[name] = problem
        return errors

    def gateway(self) -> Gateway:
        """As the operator wrote it."""
        values = self.values
        return Gateway(
            url=values["url"],
            method=values["method"],
            encoding=values["encoding"],
            headers=_headers(values),
            body=_body(values),
            answers=AnswerRules(
                format=values["answer_format"],
                accepted=values["accepted"],
                accepted_values=tuple(word.strip() for word in values["accepted_values"].split(",") if word.strip()),
                items=values["items"],
                recipient=values["item_recipient"],
                message_ids=_lines(values["message_id"]),
                code=values["code"],
                detail=values["detail"],
            ),
            callbacks=_CALLBACKS,
        )

    def words(self, message: Any) -> Mapping[str, Any]:
        """The vendor's word for the encoding."""
        plain = message.encoding == "gsm7"
        return {"type": self.values["plain_type"] if plain else self.values["unicode_type"]}

    def build(self, messages: Any) -> Call:
        """The description filled, with the authorization beside it."""
        call = super().build(messages)
        values = self.values
        if values["authorization"] == "none":
            return call
        token = f"Bearer {values['password']}"
        if values["authorization"] == "basic":
            token = basic(values["username"], values["password"])
        return Call(call.method, call.url, {**call.headers, "Authorization": token}, call.content)

    def quote_text(self, value: str) -> str:
        """XML is the only text that minds what stands in it."""
        return escape(value, {'"': "&quot;"}) if self.values["body"].lstrip().startswith("<") else value


def _body(values: Mapping[str, Any]) -> Any:
    text = values["body"]
    if values["encoding"] in ("form", "query"):
        return read_pairs(text)
    if values["encoding"] == "text":
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"This is no JSON: {error}.") from None


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _headers(values: Mapping[str, Any]) -> dict[str, str]:
    return read_pairs(values["headers"], ":")


def _check_places(structure: Any) -> None:
    known = _OUR_PLACES | RECIPIENTS | _PLACES_OF_SETTINGS
    for name in places(structure):
        if name not in known:
            raise ValueError(f"There is no place {{{name}}}; there are {', '.join(sorted(known))}.")


def _problem_with_place(place: str, format_: str) -> str:
    if not place.startswith("regex:") and format_ != "text":
        return ""
    try:
        pattern(place)
    except re.error as error:
        return f"The pattern cannot be used: {error}."
    return ""
