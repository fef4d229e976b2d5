"""An SMTP server that writes down every recipient it accepts, before its reply goes out.

What it has written down has arrived, whether or not the sender lived to hear of it. It speaks PIPELINING and takes
`pause` seconds for each message, so that messages are under way when a worker is killed. It lives in the test's own
process, which nobody kills, and can be told to fall silent, to hang up and to put messages off.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator

_MESSAGE_ID = re.compile(rb"^Message-ID: (<[^>]+>)\r$", re.IGNORECASE | re.MULTILINE)


class Recorder:
    """`accepted` counts (recipient, Message-ID); `doubtful` the messages taken or not before it hung up on them."""

    def __init__(self, pause: float) -> None:
        self.accepted: Counter[tuple[str, str]] = Counter()
        self.port = 0
        self.silent = False  # answers nothing until this is False again
        self.hang_up = 0.0  # share of the messages after which it closes without a word; each one once
        self.defer = 0.0  # share of the messages that it puts off (451)
        self.doubtful: set[str] = set()
        self.pause = pause

    @property
    def total(self) -> int:
        return sum(self.accepted.values())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it is closed."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.write(b"220 recorder ESMTP\r\n")
            recipients: list[str] = []
            while line := await reader.readline():
                recipients = await self._command(line, recipients, reader, writer)
                await writer.drain()
        writer.close()

    async def _command(
        self, line: bytes, recipients: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> list[str]:
        verb = line[:4].upper()
        await self._silence()
        if verb == b"EHLO":
            writer.write(b"250-recorder\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
        elif verb == b"RCPT":
            writer.write(b"250 Ok\r\n")
            return [*recipients, line.decode().partition("<")[2].partition(">")[0]]
        elif verb == b"DATA":
            writer.write(b"354 Go on\r\n")
            await writer.drain()
            message = await reader.readuntil(b"\r\n.\r\n")
            await asyncio.sleep(self.pause)
            reply = self._take(recipients, message)
            await self._silence()
            writer.write(reply)
            return []
        else:
            writer.write(b"250 Ok\r\n")
        return recipients

    async def _silence(self) -> None:
        while self.silent:
            await asyncio.sleep(0.02)

    def _take(self, recipients: list[str], message: bytes) -> bytes:
        """Record a message, or not, and what to say; raises ConnectionError to say nothing."""
        found = _MESSAGE_ID.search(message)
        assert found is not None
        message_id = found[1].decode()
        if message_id not in self.doubtful and random.random() < self.hang_up:
            self.doubtful.add(message_id)
            if random.random() < 0.5:
                self._record(recipients, message_id)
            raise ConnectionResetError
        if random.random() < self.defer:
            return b"451 4.7.1 Later, please\r\n"
        self._record(recipients, message_id)
        return b"250 2.0.0 Ok: queued as %d\r\n" % self.total

    def _record(self, recipients: list[str], message_id: str) -> None:
        for recipient in recipients:
            self.accepted[recipient, message_id] += 1


@contextlib.contextmanager
def recording(pause: float) -> Iterator[Recorder]:
    """Run a recorder in a thread of its own."""
    recorder, started = Recorder(pause), threading.Event()
    loop = asyncio.new_event_loop()

    def run() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(asyncio.start_server(recorder.serve, "127.0.0.1", 0, limit=2**20))
        recorder.port = server.sockets[0].getsockname()[1]
        started.set()
        loop.run_forever()
        server.close()  # or those who come meanwhile would be left over
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run, name="recorder", daemon=True)
    thread.start()
    assert started.wait(150)
    try:
        yield recorder
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(150)
