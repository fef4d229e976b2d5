"""An SMTP server over real sockets that behaves as scripted: one script a connection, the last for all further ones.

A script replaces single replies; whatever it does not mention is answered as a friendly server would. A reply is a
line, several lines joined by "\n", or one of DROP (close without a word), RESET (close with a TCP reset) and SILENCE
(say nothing and stay). A reply that begins with 421 closes the connection after it.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

DROP, RESET, SILENCE = "drop", "reset", "silence"
FRIENDLY = {
    "HELO": "250 friendly",
    "MAIL": "250 2.1.0 Sender fine",
    "RCPT": "250 2.1.5 Recipient fine",
    "DATA": "354 Go on",
    ".": "250 2.0.0 Ok: queued as {number}",
    "RSET": "250 2.0.0 Forgotten",
    "NOOP": "250 2.0.0 Here",
    "QUIT": "221 2.0.0 Goodbye",
    "STARTTLS": "220 2.0.0 Go on",
}


@dataclass
class Script:
    """`replies`: command -> replies in turn ("." is the end of the content, "CONNECT" the greeting).

    `recipients`: address -> reply. `answer_after_next`: for so many messages, hold the reply to the final dot back
    until the next command has come in, which only a client that pipelines over the end of a message survives.
    """

    replies: Mapping[str, list[str]] = field(default_factory=dict)
    recipients: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")
    answer_after_next: int = 0
    stop_reading_content_after: int | None = None  # bytes; then the connection is reset
    rest_after_each: int = 0  # bytes of content; then the server rests for 0.1 s


@dataclass
class Delivery:
    """One message as it came over the wire, still dot-stuffed, and whether the server says that it took it."""

    mail: str
    recipients: list[str]
    wire: bytes
    accepted: bool


class _Closed(Exception):
    """This connection is over."""


class ScriptedServer:
    """Use it in a `with`; `commands[n]` are the command lines of the n-th connection."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self.scripts = scripts or (Script(),)
        self.tls = tls
        self.commands: list[list[str]] = []
        self.deliveries: list[Delivery] = []
        self.stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "ScriptedServer":
        self._spawn(self._accept)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for connection in self._sockets:
            connection.close()

    def _spawn(self, target, *arguments) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            script = self.scripts[min(len(self.commands), len(self.scripts) - 1)]
            self._sockets.append(connection)
            self.commands.append(commands := [])
            self._spawn(_Dialogue(self, script, connection, commands).run)


class _Dialogue:
    def __init__(self, server: ScriptedServer, script: Script, connection: socket.socket, commands: list[str]) -> None:
        self.server, self.script, self.connection, self.commands = server, script, connection, commands
        self.turns = {command: iter(replies) for command, replies in script.replies.items()}
        self.mail, self.recipients = "", []
        self.held_back = ""

    def run(self) -> None:
        with contextlib.suppress(_Closed, OSError):
            self.file = self.connection.makefile("rb")
            self.answer(self.scripted("CONNECT") or "220 scripted ESMTP")
            while True:
                self.obey(self.read_line().decode())
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def read_line(self) -> bytes:
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise _Closed
        return line

    def obey(self, line: str) -> None:
        line = line.rstrip("\r\n")
        self.commands.append(line)
        if self.held_back:
            held_back, self.held_back = self.held_back, ""
            self.answer(held_back)
        command = line.split(" ")[0].upper()
        reply = self.scripted(command) or self.friendly(command, line)
        if command in ("MAIL", "RSET"):
            self.mail, self.recipients = (line if command == "MAIL" and reply[0] == "2" else ""), []
        elif command == "RCPT" and reply[0] == "2" and self.mail:
            self.recipients.append(address_in(line))
        self.answer(reply)
        if command == "DATA" and reply[0] == "3":
            self.receive_content()
        elif command == "STARTTLS" and reply[0] == "2":
            self.start_tls()

    def scripted(self, command: str) -> str:
        return next(self.turns.get(command, iter(())), "")

    def friendly(self, command: str, line: str) -> str:
        if command == "EHLO":
            lines = ["scripted", *self.script.capabilities]
            return "\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines)
        if command == "RCPT":
            return self.script.recipients.get(address_in(line), FRIENDLY["RCPT"])
        return FRIENDLY.get(command, "502 5.5.1 What?")

    def receive_content(self) -> None:
        lines, size = [], 0
        limit, portion = self.script.stop_reading_content_after, self.script.rest_after_each
        while (line := self.read_line()) != b".\r\n":
            lines.append(line)
            if portion and size // portion < (size + len(line)) // portion:
                self.server.stopped.wait(0.1)
            size += len(line)
            if limit is not None and size >= limit:
                self.answer(RESET)
        reply = self.scripted(".") or FRIENDLY["."].format(number=len(self.server.deliveries) + 1)
        delivery = Delivery(self.mail, self.recipients, b"".join(lines), accepted=reply.startswith("2"))
        self.server.deliveries.append(delivery)
        if len(self.server.deliveries) <= self.script.answer_after_next:
            self.held_back = reply
        else:
            self.answer(reply)

    def start_tls(self) -> None:
        assert self.server.tls is not None
        self.file.close()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.server._sockets.append(self.connection)
        self.file = self.connection.makefile("rb")

    def answer(self, reply: str) -> None:
        if reply == RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _Closed
        if reply == DROP:
            raise _Closed
        if reply == SILENCE:
            self.server.stopped.wait()
            raise _Closed
        self.connection.sendall(reply.replace("\n", "\r\n").encode() + b"\r\n")
        if reply.startswith(("421", "221")):
            raise _Closed


def address_in(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
