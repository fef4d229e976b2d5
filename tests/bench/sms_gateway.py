"""A vendor of texts over HTTP on loopback: takes lists of them, and calls back with a receipt for each.

`python -m tests.bench.sms_gateway <port> <callback address or empty> <receipts in a callback>`
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.bench.smtp_tools import wait_for

#: The settings of the provider "http_gateway" that speak to it.
SETTINGS = {
    "encoding": "json",
    "body": '{"messages": [{"to": "{to}", "text": "{text}", "from": "{sender}"}]}',
    "items": "results",
    "accepted": "id",
    "message_id": "id",
}
#: Connections over which it calls back.
_CALLERS = 4
_numbers = itertools.count(1)


@contextlib.contextmanager
def running(port: int, callback: str = "", batch: int = 1) -> Iterator[int]:
    """In a process of its own; gives the port back."""
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.sms_gateway", str(port), callback, str(batch)])
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


class Caller:
    """Brings receipts to the callback address, each until it is taken."""

    def __init__(self, address: str, batch: int) -> None:
        self._address = urlsplit(address)
        self._batch = batch
        self._receipts: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    def add(self, receipt: dict[str, str]) -> None:
        if self._address.hostname:
            self._receipts.put_nowait(receipt)

    async def run(self) -> None:
        stream = None
        while True:
            receipts = [await self._receipts.get()]
            while len(receipts) < self._batch and not self._receipts.empty():
                receipts.append(self._receipts.get_nowait())
            body = json.dumps(receipts).encode()
            while True:
                try:
                    stream = stream or await asyncio.open_connection(self._address.hostname, self._address.port)
                    if await self._post(*stream, body):
                        break
                except (OSError, EOFError, ValueError):
                    stream = None  # closed meanwhile: once more over a new one
                    await asyncio.sleep(0.01)
                else:
                    await asyncio.sleep(1)  # refused: later

    async def _post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> bool:
        head = f"POST {self._address.path} HTTP/1.1\r\nHost: {self._address.netloc}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_length(answer))
        return answer.startswith(b"HTTP/1.1 2")


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, caller: Caller) -> None:
    with contextlib.suppress(OSError, EOFError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            messages = json.loads(await reader.readexactly(_length(head)))["messages"]
            ids = [f"gw-{next(_numbers)}" for _ in messages]
            body = json.dumps({"results": [{"id": id_} for id_ in ids]}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            for message, id_ in zip(messages, ids, strict=True):
                caller.add({"id": id_, "to": message["to"], "status": "DELIVRD"})
    writer.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0


async def main(port: int, callback: str, batch: int) -> None:
    """Serve until it is told to end."""
    caller = Caller(callback, batch)
    callers = [asyncio.create_task(caller.run()) for _ in range(_CALLERS)]
    server = await asyncio.start_server(lambda reader, writer: _serve(reader, writer, caller), "127.0.0.1", port)
    await asyncio.gather(server.serve_forever(), *callers)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
