"""The base class of gateways for text messages that are described by data."""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from worker.providers.base import OutgoingSms, Ports
from worker.providers.declarative.answers import judge
from worker.providers.declarative.callbacks import read_receipts
from worker.providers.declarative.filling import fill, shared_places
from worker.providers.declarative.gateway import CallbackRules, Gateway
from worker.providers.declarative.lines import CALLBACK_NAMES, read_kinds, read_names, read_statuses, write_pairs
from worker.providers.fields import SettingField, read_settings
from worker.providers.http_wire.callbacks import probe
from worker.providers.http_wire.calls import Call, Reply, form_call
from worker.providers.http_wire.provider import HttpProvider
from worker.providers.http_wire.verdicts import Verdict
from worker.providers.receipts import Receipt, WebhookReply, WebhookRequest

ERROR_CODES = SettingField(
    "error_codes",
    "More error codes",
    "textarea",
    help="One in a line, as “code = permanent”, “retry”, “configuration” or “unknown”. They overrule the known ones.",
    advanced=True,
)


def phrases_field(default: str = "") -> SettingField:
    """The setting that tells errors by the vendor's words."""
    return SettingField(
        "error_phrases",
        "Phrases of errors",
        "textarea",
        help="One in a line, as “Invalid password = configuration”. They count where the code says nothing.",
        default=default,
        advanced=True,
    )


def batch_field(default: int, most: int) -> SettingField:
    """The setting for how many messages share a call."""
    return SettingField(
        "batch_size",
        "Messages per call",
        "number",
        help="Only messages with the same text share a call, unless the vendor takes a list of texts.",
        default=default,
        minimum=1,
        maximum=most,
        advanced=True,
    )


def callback_fields(rules: CallbackRules, *, advanced: bool = True) -> tuple[SettingField, ...]:
    """The settings that say how receipts are read, with what is known of the vendor as their defaults."""
    named = {name: ", ".join(getattr(rules, name)) for name in CALLBACK_NAMES if getattr(rules, name)}
    return (
        SettingField(
            "receipt_names",
            "Parameters of a receipt",
            "textarea",
            help=f"One in a line, as “status = name, other name”. On the left: {', '.join(CALLBACK_NAMES)}.",
            default=write_pairs(named),
            advanced=advanced,
        ),
        SettingField(
            "receipt_statuses",
            "Words of a receipt",
            "textarea",
            help="One in a line, as “DELIVRD = delivered”. On the right: accepted, delivered, bounced, deferred, "
            "expired, failed.",
            default=write_pairs({word.upper(): kind.value for word, kind in rules.statuses.items()}),
            advanced=advanced,
        ),
        SettingField(
            "receipt_time_format",
            "Time format of a receipt",
            help="Empty: seconds since 1970, ISO 8601 and the usual spellings. Else such as %d-%m-%Y %H:%M:%S.",
            default=rules.time_format,
            advanced=True,
        ),
        SettingField(
            "receipt_time_zone",
            "Time zone of a receipt",
            help="Such as Asia/Kolkata.",
            default=rules.time_zone,
            advanced=True,
        ),
    )


_READERS = {
    "error_codes": read_kinds,
    "error_phrases": read_kinds,
    "receipt_names": read_names,
    "receipt_statuses": read_statuses,
    "receipt_time_zone": ZoneInfo,
}


class DeclarativeSms(HttpProvider):
    """A gateway that `gateway()` describes from the settings.

    Places of the description are: to (+91...), to_digits, to_national (the last ten), text, sender, reference,
    template_id, category, segments, unicode (a truth value), each setting by its name, and what `words` adds.
    """

    channel: ClassVar[str] = "sms"
    has_receipts: ClassVar[bool] = True
    receipts_by_id: ClassVar[bool] = True  # few gateways give our own id back
    readers: ClassVar[Mapping[str, Any]] = _READERS

    def __init__(self, settings: Mapping[str, Any], ports: Ports) -> None:
        """See HttpProvider."""
        super().__init__(settings, ports)
        self.described = self._described()
        self._shared = sorted(shared_places([self.described.url, self.described.headers, self.described.body]))

    @classmethod
    def validate(cls, settings: Mapping[str, Any]) -> dict[str, str]:
        """Check each field, and that tables are tables."""
        errors = super().validate(settings)
        values = read_settings(cls.fields, settings) if not errors else {}
        for name, value in values.items():
            if name in cls.readers and value:
                try:
                    cls.readers[name](value)
                except ZoneInfoNotFoundError:
                    errors[name] = "Use a name of the time zone database, such as Asia/Kolkata."
                except ValueError as error:
                    errors[name] = str(error)
        return errors

    @abstractmethod
    def gateway(self) -> Gateway:
        """The description, made once from `self.values`."""

    def words(self, message: OutgoingSms) -> Mapping[str, Any]:  # noqa: ARG002 - for those that have some
        """Further places, or other values for the usual ones."""
        return {}

    @property
    def batch_size(self) -> int:
        """As described."""
        return self.described.batch_size

    def batch_key(self, message: OutgoingSms) -> object:
        """Messages share a call when they agree in all that is written only once in it."""
        places = self._places(message)
        return tuple(str(places[name]) for name in self._shared)

    def build(self, messages: Sequence[OutgoingSms]) -> Call:
        """The description filled."""
        described = self.described
        places = [self._places(message) for message in messages]
        url = fill(described.url, places, lambda value: quote(value, safe=""))
        headers = {name: str(fill(value, places)) for name, value in described.headers.items()}
        if described.encoding in ("form", "query"):
            pairs = [(name, _form_value(value)) for name, value in fill(described.body, places).items()]
            method = "GET" if described.encoding == "query" and described.method == "GET" else described.method
            if described.encoding == "query" and method != "GET":
                query = form_call(url, pairs, method="GET")
                return Call(method, query.url, headers)
            return form_call(url, pairs, headers=headers, method=method)
        if described.encoding == "json":
            content = json.dumps(fill(described.body, places), ensure_ascii=False, separators=(",", ":"))
            headers = {"Content-Type": "application/json", **headers}
        else:
            content = str(fill(described.body, places, self.quote_text))
        return Call(described.method, url, headers, content.encode())

    def quote_text(self, value: str) -> str:
        """How a value is written into a body that is a text."""
        return value

    def parse(self, reply: Reply, messages: Sequence[OutgoingSms]) -> Sequence[Verdict]:
        """By the rules of the description."""
        return judge(self.described.answers, reply, messages)

    def probe(self, request: WebhookRequest) -> WebhookReply | None:
        """HEAD and empty batches are answered."""
        return probe(request)

    def receipts(self, request: WebhookRequest) -> list[Receipt]:
        """By the rules of the description."""
        return read_receipts(self.described.callbacks, request)

    def _described(self) -> Gateway:
        """The description with what the operator wrote over it."""
        described, values = self.gateway(), self.values
        callbacks, answers = described.callbacks, described.answers
        if values.get("error_codes"):
            answers = replace(answers, codes={**answers.codes, **read_kinds(values["error_codes"])})
        if values.get("error_phrases"):
            answers = replace(answers, phrases={**answers.phrases, **read_kinds(values["error_phrases"])})
        if "receipt_names" in values:
            names: dict[str, Any] = dict(read_names(values["receipt_names"]))
            callbacks = replace(
                callbacks,
                **names,
                statuses=read_statuses(values["receipt_statuses"]),
                time_format=values["receipt_time_format"],
                time_zone=values["receipt_time_zone"],
            )
        batch_size = int(values.get("batch_size", described.batch_size))
        return replace(described, answers=answers, callbacks=callbacks, batch_size=batch_size)

    def _places(self, message: OutgoingSms) -> dict[str, Any]:
        digits = "".join(filter(str.isdigit, message.to))
        places = {
            **self.values,
            "to": message.to,
            "to_digits": digits,
            "to_national": digits[-10:],
            "text": message.text,
            "sender": message.sender,
            "reference": str(message.reference),
            "template_id": message.registered_template,
            "category": message.category,
            "segments": message.segments,
            "unicode": message.encoding != "gsm7",
            "receipts_url": self.ports.receipts_url,
            "valid_seconds": _seconds_left(message.expires_at),
        }
        places.update(self.words(message))
        return places


def _seconds_left(moment: datetime | None) -> str:
    return "" if moment is None else str(max(1, round((moment - datetime.now(UTC)).total_seconds())))


def _form_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
