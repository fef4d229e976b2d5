"""What every provider is: the messages it takes, the outcomes it owes, the settings it asks for.

The engine opens a `Session`, hands it an iterable of messages and gets one `Outcome` back for each message the
session took. Nothing here knows a vendor, a database or a request.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from worker.providers.fields import SettingField, field_errors
from worker.providers.mailbox.settings import MailboxSettings
from worker.providers.outgoing import Outgoing, OutgoingEmail, OutgoingPush, OutgoingSms
from worker.providers.receipts import Receipt, WebhookReply, WebhookRequest

if TYPE_CHECKING:
    import httpx

__all__ = [
    "UNREGISTERED",
    "ConfigurationProblem",
    "ConnectionReport",
    "ConnectorPort",
    "HttpDoor",
    "Inbox",
    "InboxMail",
    "Outcome",
    "Outgoing",
    "OutgoingEmail",
    "OutgoingPush",
    "OutgoingSms",
    "Ports",
    "Provider",
    "Receipt",
    "Result",
    "Session",
    "SettingField",
    "Wait",
    "WebhookReply",
    "WebhookRequest",
]


#: The code of every vendor's word that a device's token is dead. Its result is BOUNCED.
UNREGISTERED = "unregistered"


class Result(StrEnum):
    """What became of one message at the provider."""

    SENT = "sent"  # the provider has taken responsibility
    FAILED = "failed"  # it never will: final
    RETRY = "retry"  # it certainly has not taken it: safe to send again
    UNKNOWN = "unknown"  # handed over, but the answer was lost: a second try may double it
    BOUNCED = "bounced"  # taken, and known at once not to reach the mailbox


class Outcome(NamedTuple):
    """One provider's answer about one message.

    `code` is short and groupable ("550 5.1.1", "connect_failed"), `detail` is the provider's own words on one line
    of at most 500 characters. A text that travels in several parts has several ids, with a space between them.
    `retry_after` is in seconds and only set where the provider, or a cool-down, asks for it.
    """

    reference: int
    result: Result
    provider_message_id: str = ""
    code: str = ""
    detail: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Stands in the stream of messages for "nothing to send just now".

    The session serves its connections for at most `seconds` and then asks for the next item; it asks sooner when an
    outcome was reported meanwhile, because that may be what the engine is waiting for.
    """

    seconds: float


class ConfigurationProblem(Exception):
    """The settings are at fault (credentials, certificate, server name): no message can go until somebody acts."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Session(Protocol):
    """Warm connections to one provider. Used by one thread at a time; survives any number of `send` calls."""

    def send(self, outgoing: Iterable[Any], on_outcome: Callable[[Outcome], None]) -> None:
        """Send everything the iterable yields and return when each taken message has had its outcome.

        The items are messages of the provider's channel (`worker.providers.outgoing`), or Wait.
        Pulls lazily: the next item is taken only when there is room to carry it. `on_outcome` is called exactly once
        for each taken message, in the calling thread, as soon as its fate is known. An exception of the iterable is
        raised again after the outcomes of everything taken were reported; so is ConfigurationProblem, where messages
        that were not handed over end as RETRY with the code "not_attempted".
        """

    def close(self) -> None:
        """Take leave of the provider and free the connections. May be called twice."""


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """The steps of a connection test, in order: (what was tried, did it work, words for the operator)."""

    ok: bool
    steps: tuple[tuple[str, bool, str], ...]


@dataclass(frozen=True, slots=True)
class InboxMail:
    """A message that stays inside the dashboard: `raw` is all of it as it would have been sent (email: RFC 5322, else
    a JSON object), `subject` one line of it for lists."""

    reference: int
    recipient: str
    sender: str
    subject: str
    raw: bytes
    channel: str = "email"


class Inbox(Protocol):
    """Where mails go that must not leave the house."""

    def deliver(self, mails: Sequence[InboxMail]) -> None:
        """Store all of them or none; raises when they could not be stored."""


class HttpDoor(Protocol):
    """The way out for HTTP: a transport that refuses addresses which this installation does not reach."""

    def __call__(self, *, connections: int, http2: bool = False) -> "httpx.BaseTransport":
        """A pool of at most so many connections. It raises ConfigurationProblem for a refused address."""


@dataclass(frozen=True, slots=True)
class ConnectorPort:
    """Where the connector process listens (a Unix socket), and under which key it knows the provider."""

    socket: Path
    key: str


@dataclass(frozen=True, slots=True)
class Ports:
    """What the outside lends to a provider.

    Without `http` connections go anywhere, and without `connector` a session holds its own (tools and tests);
    `receipts_url` is where the vendor can call back.
    """

    inbox: Inbox | None = None
    http: HttpDoor | None = None
    receipts_url: str = ""
    connector: ConnectorPort | None = None


class Provider(ABC):
    """One configured integration of one vendor.

    A subclass is one module under `worker/providers/<channel>/` and is found there by the registry. `fields`
    generates its settings form; a field of kind "secret" is stored encrypted and never shown again.
    """

    vendor: ClassVar[str]
    label: ClassVar[str]
    channel: ClassVar[str]
    description: ClassVar[str]
    fields: ClassVar[tuple[SettingField, ...]]
    uses_inbox: ClassVar[bool] = False  # mails stay in the dashboard, at `Ports.inbox`
    has_receipts: ClassVar[bool] = False  # it calls back; `verify` and `receipts` are its own then
    receipts_by_id: ClassVar[bool] = False  # callbacks name a message by the vendor's id alone, which is then kept
    held_by_connector: ClassVar[bool] = False  # its connections are few: one process holds them for all

    def __init__(self, settings: Mapping[str, Any], ports: Ports) -> None:
        """Take settings with their secrets decrypted. Opens nothing."""
        self.settings = settings
        self.ports = ports

    @classmethod
    def validate(cls, settings: Mapping[str, Any]) -> dict[str, str]:
        """Field name -> a sentence that says what to change; empty when the settings can be used."""
        return field_errors(cls.fields, settings)

    @abstractmethod
    def open(self) -> Session:
        """A session that connects on its first message. Raises ConfigurationProblem on unusable settings."""

    @abstractmethod
    def test_connection(self) -> ConnectionReport:
        """Try everything short of sending a message, and tell each step. Never raises for the provider's faults."""

    @property
    def bounce_mailbox(self) -> MailboxSettings | None:
        """The mailbox into which undeliverable mail comes back, where the settings name one."""
        return None

    def line_settings(self) -> Any:
        """What the connector process needs to hold its connections; None where it holds none."""
        return None

    def verify(self, request: WebhookRequest) -> bool:
        """Does the callback come from the vendor? Compares in constant time. True where the vendor signs nothing:
        the unguessable address was checked before. Raises ConfigurationProblem where the secret for it is missing."""
        return True

    def probe(self, request: WebhookRequest) -> WebhookReply | None:
        """The answer to a vendor's test call (a handshake, an empty batch), None for everything else."""
        return None

    def receipts(self, request: WebhookRequest) -> list[Receipt]:
        """What a verified callback says. Unknown codes become ReceiptKind.UNKNOWN; raises ValueError on a body that
        cannot be read at all."""
        return []
