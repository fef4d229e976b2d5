"""The description of a gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from worker.providers.receipts import ReceiptKind

Encoding = Literal["form", "query", "json", "text"]
AnswerFormat = Literal["json", "xml", "text"]
#: What an error means: this message never, this message later, no message until somebody acts, nobody knows.
Kind = Literal["permanent", "retry", "configuration", "unknown"]


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """Where an answer says what. Places are written as in `finding`.

    A message is accepted where `accepted` finds one of `accepted_values` (or anything, where there are none) and
    `refused` finds nothing. `items` are the parts of an answer to several messages, told apart by `recipient` or
    else by their order. `message_ids` are tried in turn, then `call_id`, which is looked for in the whole. An error
    is known by its code, else by a phrase of its text; a code that is in neither table means `otherwise`, an answer
    without any code leaves the message unknown.
    """

    format: AnswerFormat
    accepted: str
    accepted_values: tuple[str, ...] = ()
    refused: str = ""
    items: str = ""
    recipient: str = ""
    message_ids: tuple[str, ...] = ()
    call_id: str = ""
    code: str = ""
    detail: str = ""
    codes: Mapping[str, Kind] = field(default_factory=dict)
    phrases: Mapping[str, Kind] = field(default_factory=dict)
    otherwise: Kind = "permanent"


@dataclass(frozen=True, slots=True)
class CallbackRules:
    """How a callback is read: the names of its parameters (several spellings each, in any case), in the query, a form
    or JSON (an object, a list, or a list at `items`), the words for its statuses (in lower case), its times.

    `country_code` is put before numbers of ten digits, which some vendors write without it.
    """

    message_id: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    recipient: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    event_id: tuple[str, ...] = ()
    items: str = ""
    statuses: Mapping[str, ReceiptKind] = field(default_factory=dict)
    time_format: str = ""
    time_zone: str = "UTC"
    country_code: str = ""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A request and what comes of it.

    `body` is filled for each call (see `filling`): pairs for a form or a query, any structure for JSON, a text.
    A list in it with one element that names the recipient is repeated for each message.
    """

    url: str
    body: Any
    answers: AnswerRules
    callbacks: CallbackRules = CallbackRules()
    method: Literal["GET", "POST", "PUT"] = "POST"
    encoding: Encoding = "form"
    headers: Mapping[str, str] = field(default_factory=dict)
    batch_size: int = 1
