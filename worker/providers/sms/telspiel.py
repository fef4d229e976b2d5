"""Telspiel, domestic Indian traffic: a form for each message, or one text to a list of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit, urlunsplit

from worker.providers.base import ConfigurationProblem, OutgoingSms
from worker.providers.declarative.gateway import AnswerRules, CallbackRules, Gateway, Kind
from worker.providers.declarative.provider import ERROR_CODES, DeclarativeSms, batch_field, callback_fields
from worker.providers.fields import SettingField
from worker.providers.http_wire.calls import Call, Reply
from worker.providers.http_wire.provider import WIRE_FIELDS, address_field
from worker.providers.receipts import ReceiptKind

_CODES: Mapping[str, Kind] = {
    "101": "configuration",  # balance
    "102": "retry",  # after the hour at which promotions end
    "103": "permanent",
    "104": "permanent",
    "105": "configuration",  # sender id
    "106": "permanent",
    "107": "permanent",
    "108": "configuration",
    "109": "configuration",
    "110": "permanent",
    "111": "retry",
    "112": "retry",
    # 113 is not here: it is a template mismatch or an inactive user, which only its words tell.
    "114": "configuration",
    "116": "permanent",
    "117": "permanent",
    "118": "configuration",
    "120": "permanent",
    "-10": "retry",
}
_ANSWERS = AnswerRules(
    format="json",
    accepted="code",
    accepted_values=("6001",),
    items=".",
    message_ids=("partMessageIds.0", "reqId"),  # a receipt names a part
    code="code",
    detail="desc",
    codes=_CODES,
    phrases={"not whitelisted": "configuration", "inactive": "configuration"},
)
# The operator chooses the names when asking the vendor for the callback; these are the vendor's words for the places.
_CALLBACKS = CallbackRules(
    message_id=("messageid", "msgid"),
    reference=("custref",),
    recipient=("mobile", "dest"),
    status=("status",),
    code=("deliverycode",),
    time=("deliverytime", "submittime"),
    statuses={
        "delivrd": ReceiptKind.DELIVERED,
        "failed": ReceiptKind.FAILED,
        "undeliv": ReceiptKind.BOUNCED,
        "rejectd": ReceiptKind.FAILED,
        "expired": ReceiptKind.EXPIRED,
    },
    time_zone="Asia/Kolkata",
    country_code="91",
)

_SHORTEST_SENDER, _LONGEST_SENDER = 3, 14


class TelspielProvider(DeclarativeSms):
    """One message a call by default, so that our own id comes back with each receipt."""

    vendor: ClassVar[str] = "telspiel"
    label: ClassVar[str] = "Telspiel"
    description: ClassVar[str] = "Telspiel's gateway for domestic SMS in India."
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("username", "User name", required=True),
        SettingField("api_key", "API key", "secret", required=True),
        SettingField("entity_id", "Entity id", help="Your principal entity id (PE id) at the DLT.", required=True),
        SettingField("hash_id", "Hash of the telemarketer chain", help="Leave empty unless asked for.", advanced=True),
        address_field("https://api.telsp.in/pushapi/sendmsg"),
        address_field(
            "https://api.telsp.in/pushapi/sendbulkmsg",
            "Where one text goes to many numbers. Used when there is more than one message per call.",
            "bulk_url",
        ),
        address_field(
            "https://api.telsp.in/pushapi/getUserCredit", "Asked for the credit by the connection test.", "credit_url"
        ),
        batch_field(1, 1000),
        ERROR_CODES,
        *callback_fields(_CALLBACKS),
        *WIRE_FIELDS,
    )
    address_fields: ClassVar[tuple[str, ...]] = ("url", "bulk_url", "credit_url")

    def gateway(self) -> Gateway:
        """The form. In a call for many numbers our own id cannot be told for each, so it is left out."""
        single = self.values["batch_size"] == 1
        body = {
            "username": "{username}",
            "apikey": "{api_key}",
            "dest": "{to_digits}",
            "signature": "{sender}",
            "msgtype": "{type}",
            "msgtxt": "{text}",
            "entityid": "{entity_id}",
            "templateid": "{template_id}",
            "hashId": "{hash_id}",
            "converturl": "N",  # the vendor shortens links unless told not to
        }
        if single:
            body["custref"] = "{reference}"
        url = self.values["url" if single else "bulk_url"]
        return Gateway(url=url, body=body, answers=_ANSWERS, callbacks=_CALLBACKS)

    def words(self, message: OutgoingSms) -> Mapping[str, Any]:
        """Plain means ASCII here: é, although of the GSM alphabet, needs the Unicode type."""
        return {"type": "PM" if message.text.isascii() else "UC"}

    def build(self, messages: Sequence[OutgoingSms]) -> Call:
        """The form, unless every message would be refused for its sender."""
        if not _SHORTEST_SENDER <= len(messages[0].sender) <= _LONGEST_SENDER:
            raise ConfigurationProblem(
                "bad_sender",
                f"The sender id {messages[0].sender} has to have {_SHORTEST_SENDER} to {_LONGEST_SENDER} characters.",
            )
        return super().build(messages)

    def check_call(self) -> Call:
        """The credit of the account."""
        parts = urlsplit(self.values["credit_url"])
        query = urlencode({"username": self.values["username"], "apikey": self.values["api_key"]})
        return Call("GET", urlunsplit(parts._replace(query=query)))

    def check_reply(self, reply: Reply) -> str:
        """What is left of the credit."""
        if not reply.ok:
            return super().check_reply(reply)
        answer = reply.json_object()
        if answer.get("userCredit") is None:
            raise ConfigurationProblem(str(answer.get("code")), str(answer.get("message") or answer.get("desc")))
        return f"The credit is {answer['userCredit']}."
