"""One attempt to bring a connection up: find, connect, encrypt, greet, sign in."""

import os
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Sequence

from worker.providers.smtp_wire.dialogue import START_TLS, Capabilities, open_dialogue
from worker.providers.smtp_wire.problems import OpenFailed
from worker.providers.smtp_wire.replies import ProtocolError, Reply, ReplyReader
from worker.providers.smtp_wire.settings import WireSettings
from worker.providers.smtp_wire.stream import Address, Stream, StreamClosed

_GO_ON = Reply(220, (b"encrypted",))


def resolve(host: str, port: int) -> list[Address]:
    """Addresses of a host, in the system's order of preference. Blocks on DNS. Raises OpenFailed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        unknown = isinstance(error, UnicodeError) or error.errno == socket.EAI_NONAME
        raise OpenFailed(
            "Find the server",
            "unknown_host" if unknown else "connect_failed",
            f"The name {host} could not be found: {getattr(error, 'strerror', None) or error}. Check the spelling.",
            at_fault=unknown,
        ) from None
    return [Address(family, socket_address) for family, _, _, _, socket_address in found]


def tls_context(settings: WireSettings) -> ssl.SSLContext:
    """What the connections of a session encrypt with. Costs 10 ms: make it once."""
    context = ssl.create_default_context()
    if not settings.verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Opening:
    """Drives one attempt over all addresses of the host; `done(self)` is called once, with the result set.

    Then either `failure` holds the reason, or `stream` (to `address`), `reader` and `capabilities` are ready for a
    connection.
    `steps` tells what worked, in words.
    """

    def __init__(
        self,
        settings: WireSettings,
        addresses: Sequence[Address],
        selector: selectors.BaseSelector,
        tls: Callable[[], ssl.SSLContext],
        done: Callable[["Opening"], None],
    ) -> None:
        self._settings = settings
        self._addresses = list(addresses)
        self._selector = selector
        self._tls = tls
        self._done = done
        self._dialogue = open_dialogue(settings, self._own_name, self._note)
        self._proceed: Callable[[], None] = self._connected
        self._where = ""
        self._stream: Stream | None = None
        self.address: Address | None = None
        self.reader = ReplyReader()
        self.capabilities = Capabilities()
        self.failure: OpenFailed | None = None
        self.steps: list[tuple[str, str]] = []
        self.deadline = 0.0

    def start(self) -> None:
        """Begin; `done` may be called before this returns."""
        self._next_address("no address")

    def service(self) -> None:
        """The selector says that the stream can move on."""
        try:
            if self.stream.flushed:
                self._proceed()
            else:
                self.stream.flush()
        except OpenFailed as failure:
            self._finish(failure)
        except (StreamClosed, ProtocolError) as error:
            self._finish(OpenFailed(self._step, "connect_failed", f"{self._where}: {error}"))

    def expire(self) -> None:
        """The deadline has passed."""
        words = f"{self._where} did not answer in time ({self._step.lower()})."
        if self._step == "Connect":
            self._next_address(words)
        else:
            self._finish(OpenFailed(self._step, "connect_failed", words))

    def close(self) -> None:
        """Give up without a result."""
        if self._stream is not None:
            self._stream.close()

    @property
    def stream(self) -> Stream:
        """The connection of the current address."""
        if self._stream is None:
            raise LookupError("no address has been tried yet")
        return self._stream

    @property
    def _step(self) -> str:
        if self._proceed == self._connected:
            return "Connect"
        return "Encryption" if self._proceed == self._encrypt else "Greeting and sign-in"

    def _next_address(self, problem: str) -> None:
        self.close()
        self._proceed = self._connected
        while self._addresses:
            self.address = address = self._addresses.pop(0)
            self._where = f"{address} port {self._settings.port}"
            try:
                self._stream = Stream(self._selector, address, self)
            except OSError as error:
                problem = f"{self._where}: {error.strerror or error}"
                continue
            self.deadline = time.monotonic() + self._settings.connect_timeout
            return
        self._stream = None
        self._finish(OpenFailed("Connect", "connect_failed", f"Could not connect to {self._settings.host}: {problem}"))

    def _connected(self) -> None:
        try:
            self.stream.connected()
        except OSError as error:
            self._next_address(f"{self._where}: {_reason(error)}")
            return
        self.steps.append(("Connect", f"{self._where} takes connections."))
        if self._settings.security == "tls":
            self._start_tls()
        else:
            self._advance(None)

    def _own_name(self) -> str:
        """What to say in EHLO: our full host name, or the address literal RFC 5321 asks for where there is none."""
        if self._settings.helo_name:
            return self._settings.helo_name
        name = socket.gethostname()
        if "." in name and name.isascii():
            return name
        address = self.stream.local_address
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    def _note(self, step: str, words: str) -> None:
        self.steps.append((step, words))

    def _start_tls(self) -> None:
        if self.reader.holds_bytes:
            # Words sent before the encryption must not count after it: somebody may have slipped them in.
            raise OpenFailed("Encryption", "connect_failed", "The server spoke on before the encryption began.")
        try:
            self.stream.start_tls(self._tls(), self._settings.host)
        except (OSError, ValueError) as error:
            raise self._tls_failure(error) from error
        self.deadline = time.monotonic() + self._settings.connect_timeout
        self._proceed = self._encrypt
        self._encrypt()

    def _encrypt(self) -> None:
        try:
            if not self.stream.handshake():
                return
        except OSError as error:
            raise self._tls_failure(error) from error
        tls = self.stream.tls
        if tls is not None:
            trust = "certificate verified" if self._settings.verify_certificate else "certificate not verified"
            self._note("Encryption", f"{tls.version()}, {trust}.")
        self._advance(_GO_ON if self._settings.security == "starttls" else None)

    def _tls_failure(self, error: Exception) -> OpenFailed:
        if isinstance(error, ssl.SSLCertVerificationError):
            words = f"The certificate of {self._settings.host} is not trusted: {error.verify_message}."
            return OpenFailed("Encryption", "certificate_invalid", words, at_fault=True)
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            words = (
                f"No common encryption with {self._where}: {error.reason or error}. "
                "Check the port and the encryption setting (465 is usually TLS, 587 STARTTLS)."
            )
            return OpenFailed("Encryption", "encryption_failed", words, at_fault=True)
        return OpenFailed("Encryption", "connect_failed", f"{self._where}: {_reason(error)}")

    def _advance(self, reply: Reply | None) -> None:
        """Send the dialogue a reply (None starts it) and do what it asks for next."""
        self._proceed = self._read
        self.deadline = time.monotonic() + self._settings.reply_timeout
        try:
            step = next(self._dialogue) if reply is None else self._dialogue.send(reply)
        except StopIteration as finished:
            self.capabilities = finished.value
            self._finish(None)
            return
        if step is START_TLS:
            self._start_tls()
        elif step:
            self.stream.write(step)

    def _read(self) -> None:
        replies = self.reader.feed(self.stream.read())
        if len(replies) > 1:
            raise ProtocolError("the server answered more than it was asked")
        if replies:
            self._advance(replies[0])

    def _finish(self, failure: OpenFailed | None) -> None:
        self.failure = failure
        if failure is not None:
            self.close()
        self._done(self)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno:
        return os.strerror(error.errno)
    return str(error)
