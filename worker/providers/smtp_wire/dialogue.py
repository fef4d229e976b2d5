"""From the greeting to a connection that may send: EHLO, STARTTLS, AUTH.

The dialogue is a generator that knows no socket: it yields what to send and is sent the reply, so that the event
loop, the connection test and a unit test can all drive it.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from worker.providers.smtp_wire.authentication import authenticate
from worker.providers.smtp_wire.problems import OpenFailed
from worker.providers.smtp_wire.replies import Reply
from worker.providers.smtp_wire.settings import WireSettings

START_TLS = b"\x00start tls"  # no command: asks the driver to encrypt the connection before it goes on

Dialogue = Generator[bytes, Reply, "Capabilities"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server announced after EHLO."""

    extended: bool = False
    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    starttls: bool = False
    size: bool = False
    size_limit: int = 0  # bytes; 0 = none stated
    mechanisms: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, reply: Reply) -> "Capabilities":
        """Read them from the reply to EHLO; what is not understood is left out."""
        words: dict[str, list[str]] = {}
        for line in reply.lines[1:]:
            # "AUTH=LOGIN" is the spelling of servers older than RFC 4954.
            keyword, *parameters = line.decode("ascii", "replace").upper().replace("=", " ").split() or [""]
            words.setdefault(keyword, []).extend(parameters)
        limit = "".join(words.get("SIZE", [])[:1])
        return cls(
            extended=True,
            pipelining="PIPELINING" in words,
            eight_bit="8BITMIME" in words,
            smtputf8="SMTPUTF8" in words,
            starttls="STARTTLS" in words,
            size="SIZE" in words,
            size_limit=int(limit) if limit.isdecimal() else 0,
            mechanisms=frozenset(words.get("AUTH", [])),
        )

    def describe(self) -> str:
        """The ones that matter to a sender, in words."""
        names = [
            name
            for name, present in (
                ("PIPELINING", self.pipelining),
                ("8BITMIME", self.eight_bit),
                ("SMTPUTF8", self.smtputf8),
            )
            if present
        ]
        if self.size_limit:
            names.append(f"messages up to {self.size_limit:,} bytes")
        return ", ".join(names) or "plain SMTP without extensions"


def open_dialogue(settings: WireSettings, own_name: Callable[[], str], note: Callable[[str, str], None]) -> Dialogue:
    """Yield commands, be sent replies, return Capabilities. Raises OpenFailed.

    The first yield is b"": wait for the greeting. START_TLS is answered with any reply once the connection is
    encrypted. `own_name()` is asked once, for EHLO; `note(step, words)` hears each step that worked.
    """
    greeting = yield b""
    if greeting.code != 220:
        raise OpenFailed.refused("greeting", greeting, "The server does not take connections from here")
    note("Greeting", greeting.words)
    helo_name = own_name()
    capabilities = yield from _hello(helo_name)
    if settings.security == "starttls":
        yield from _encrypt(capabilities)
        # RFC 3207: what was announced before the encryption is forgotten.
        capabilities = yield from _hello(helo_name)
    if settings.username:
        mechanism = yield from authenticate(settings, capabilities.mechanisms)
        exposed = " The connection is not encrypted." if settings.security == "none" else ""
        note("Sign in", f"{settings.username} signed in by {mechanism}.{exposed}")
    note("Abilities", capabilities.describe())
    return capabilities


def _hello(helo_name: str) -> Dialogue:
    reply = yield f"EHLO {helo_name}\r\n".encode("ascii")
    if reply.code == 250:
        return Capabilities.of(reply)
    if reply.code in (500, 502):
        reply = yield f"HELO {helo_name}\r\n".encode("ascii")
        if reply.code == 250:
            return Capabilities()
    raise OpenFailed.refused("hello", reply, f"The server refused our name {helo_name}")


def _encrypt(capabilities: Capabilities) -> Generator[bytes, Reply, None]:
    if not capabilities.starttls:
        raise OpenFailed(
            "Encryption",
            "starttls_missing",
            "The server does not offer STARTTLS. Choose TLS (usually port 465), or no encryption on a trusted network.",
            at_fault=True,
        )
    reply = yield b"STARTTLS\r\n"
    if reply.code != 220:
        raise OpenFailed.refused("encryption", reply, "The server refused STARTTLS")
    yield START_TLS
