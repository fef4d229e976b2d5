"""An SMTP server that takes its time: each message is answered so many milliseconds after its final dot.

`python -m tests.bench.slow_sink <port> <milliseconds> <log>` writes a line for each message to the log, if there is
one: the monotonic clock at its final dot, and the recipient.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from typing import TextIO

_RECIPIENT = re.compile(rb"RCPT TO:<([^>]*)>", re.IGNORECASE)
_GREETING = b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"


class Dialogue(asyncio.Protocol):
    """One connection. Replies keep their order because nothing is read on while a message waits for its answer."""

    def __init__(self, seconds: float, log: TextIO | None) -> None:
        self._seconds = seconds
        self._log = log
        self._buffer = b""
        self._in_data = False
        self._waiting = False
        self._recipient = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink.test\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        while not self._waiting:
            end = self._buffer.find(b"\r\n.\r\n" if self._in_data else b"\r\n")
            if end < 0:
                return
            if self._in_data:
                self._buffer = self._buffer[end + 5 :]
                self._take_message()
            else:
                line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
                self._answer(line)

    def _answer(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"RCPT" and (found := _RECIPIENT.match(line)):
            self._recipient = found[1]
        if verb in (b"EHLO", b"HELO"):
            self._transport.write(_GREETING)
        elif verb == b"DATA":
            self._in_data = True
            self._transport.write(b"354 go on\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
        else:
            self._transport.write(b"250 2.0.0 Ok\r\n")

    def _take_message(self) -> None:
        self._in_data = False
        if self._log is not None:
            self._log.write(f"{time.monotonic()}\t{self._recipient.decode()}\n")
            self._log.flush()
        if not self._seconds:
            self._transport.write(b"250 2.0.0 Ok\r\n")
            return
        self._waiting = True
        asyncio.get_running_loop().call_later(self._seconds, self._taken)

    def _taken(self) -> None:
        self._waiting = False
        self._transport.write(b"250 2.0.0 Ok\r\n")
        self._go_on()


async def serve(port: int, seconds: float, log: TextIO | None) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Dialogue(seconds, log), "127.0.0.1", port)
    await server.serve_forever()


def main(port: str, milliseconds: str, path: str = "/dev/null") -> None:
    with open(path, "w", encoding="utf-8") as log, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(int(port), float(milliseconds) / 1000, log if path != "/dev/null" else None))


if __name__ == "__main__":
    main(*sys.argv[1:])
