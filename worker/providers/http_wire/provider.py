"""The base class of vendors over HTTP."""

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx

from worker.providers.base import ConfigurationProblem, ConnectionReport, Ports, Provider, Session
from worker.providers.fields import SettingField, read_settings
from worker.providers.http_wire.calls import Call, Reply
from worker.providers.http_wire.exchange import AnswerLost, NotHandedOver, exchange
from worker.providers.http_wire.per_thread import TransportPerThread
from worker.providers.http_wire.redaction import Redactor
from worker.providers.http_wire.session import HttpSession
from worker.providers.http_wire.verdicts import Verdict, short

#: What each vendor over HTTP asks for besides its own settings.
WIRE_FIELDS = (
    SettingField(
        "connections",
        "Connections",
        "number",
        help="How many calls may run side by side, for each worker.",
        default=10,
        minimum=1,
        maximum=50,
        advanced=True,
    ),
    SettingField(
        "connect_timeout",
        "Seconds to connect",
        "number",
        help="How long to wait for the server to take a connection.",
        default=10,
        minimum=1,
        maximum=120,
        advanced=True,
    ),
    SettingField(
        "reply_timeout",
        "Seconds for a reply",
        "number",
        help="How long to wait for the answer. A message without one counts as unknown, so be patient.",
        default=30,
        minimum=1,
        maximum=300,
        advanced=True,
    ),
)


def address_field(default: str | None, help_text: str = "", name: str = "url") -> SettingField:
    """The setting that says where the vendor listens; folded away where it has a default."""
    return SettingField(
        name,
        "Address",
        help=help_text or "Change it only when the vendor names another one.",
        required=True,
        default=default,
        advanced=default is not None,
    )


class HttpProvider(Provider):
    """A vendor that is called once for each message, or for each batch.

    A subclass ends its `fields` with WIRE_FIELDS, says how many messages fit into a call (`batch_size`) and which of
    them may share one (`batch_key`), and turns messages into a call and the reply into verdicts.
    """

    address_fields: ClassVar[tuple[str, ...]] = ("url",)  # settings that must be web addresses
    http2: ClassVar[bool] = False  # speaks HTTP/2 where the vendor does; then each call under way has its connection
    address_of_message: ClassVar[bool] = False  # each message brings its own: a refused one is its fault alone

    def __init__(self, settings: Mapping[str, Any], ports: Ports) -> None:
        """Settings as in `fields`; raises ConfigurationProblem where a value cannot be used."""
        super().__init__(settings, ports)
        for problem in self.validate(settings).values():
            raise ConfigurationProblem("invalid_settings", problem)
        self.values = read_settings(self.fields, settings)
        self.connections = int(self.values["connections"])
        self.reply_seconds = float(self.values["reply_timeout"])
        secrets = [self.values[field.name] for field in self.fields if field.kind == "secret"]
        self.redact = Redactor(secrets)

    @classmethod
    def validate(cls, settings: Mapping[str, Any]) -> dict[str, str]:
        """Check each field, and that addresses are addresses."""
        errors = super().validate(settings)
        if errors:
            return errors
        values = read_settings(cls.fields, settings)
        for name in cls.address_fields:
            if values[name] and not _is_web_address(values[name]):
                errors[name] = "Use a whole web address, such as https://api.example.com/send."
        return errors

    @property
    def batch_size(self) -> int:
        """How many messages one call may carry."""
        return 1

    def batch_key(self, message: Any) -> object:  # noqa: ARG002 - for vendors whose batches must have something in common
        """Messages with the same key may share a call."""
        return None

    @property
    def batch_bytes(self) -> int:
        """How large a call with several messages may become, measured by `weight`."""
        return 10_000_000

    def weight(self, message: Any) -> int:  # noqa: ARG002 - for vendors whose batches may become large
        """What a message adds to the size of its call, in bytes."""
        return 0

    @abstractmethod
    def build(self, messages: Sequence[Any]) -> Call:
        """The call that hands these messages over. Raises Unsendable for one that does not fit; runs in threads."""

    @abstractmethod
    def parse(self, reply: Reply, messages: Sequence[Any]) -> Sequence[Verdict]:
        """One verdict for each message, in their order. What it raises makes the messages unknown; runs in threads."""

    def open(self) -> Session:
        """A session that connects when the first message is there."""
        return HttpSession(self)

    def client(self) -> httpx.Client:
        """A client of its own: explicit times, no proxies of the environment, no redirects (they would carry the
        credentials elsewhere), no compression (a small reply must not unfold into a large one)."""
        transport = TransportPerThread(lambda: self._transport(1)) if self.http2 else self._transport(self.connections)
        connect = float(self.values["connect_timeout"])
        return httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(self.reply_seconds, connect=connect, pool=connect),
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "Carillon", "Accept-Encoding": "identity"},
        )

    def _transport(self, connections: int) -> httpx.BaseTransport:
        if self.ports.http is not None:
            return self.ports.http(connections=connections, http2=self.http2)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30.0)
        return httpx.HTTPTransport(limits=limits, trust_env=False, http2=self.http2)

    def front_door(self) -> str:
        """The address whose host a connection test knocks at."""
        return str(self.values[self.address_fields[0]])

    def check_call(self) -> Call | None:
        """A call that shows whether the credentials hold and sends nothing; None where the vendor offers none."""
        return None

    def check_reply(self, reply: Reply) -> str:
        """Words about an account in order, from the reply to `check_call`. Raises ConfigurationProblem."""
        if reply.ok:
            return "The vendor accepts the credentials."
        raise ConfigurationProblem(f"http_{reply.status}", f"The vendor answers {reply.status}: {short(reply.text)}")

    def test_connection(self) -> ConnectionReport:
        """Reach the vendor and, where it has a call for it, try the credentials."""
        started = time.monotonic()
        try:
            call = self.check_call()
            signs_in = call is not None
            call = call or Call("HEAD", _origin(self.front_door()))
            host = urlsplit(call.url).netloc.rpartition("@")[2]
            with self.client() as client:
                reply = exchange(client, call, seconds=self.reply_seconds)
        except (NotHandedOver, AnswerLost, ConfigurationProblem) as problem:
            return ConnectionReport(False, (("Reach the vendor", False, self.redact(problem.detail)),))
        words = f"{host} answers within {time.monotonic() - started:.1f} seconds."
        steps = [("Reach the vendor", True, words)]
        if signs_in:
            try:
                steps.append(("Sign in", True, self.redact(self.check_reply(reply))))
            except (ConfigurationProblem, ValueError) as problem:
                steps.append(("Sign in", False, self.redact(str(problem))))
        return ConnectionReport(all(ok for _, ok, _ in steps), tuple(steps))


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def _origin(url: str) -> str:
    """The vendor's front door: to knock at the address for messages itself may already send one."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"
