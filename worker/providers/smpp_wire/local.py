"""A hub in a thread of this process, for where no connector runs: tests and tools. It keeps no receipts."""

import asyncio
import socket
import threading

from worker.providers.smpp_wire.bind import Respond
from worker.providers.smpp_wire.hub import Hub
from worker.providers.smpp_wire.line import Line
from worker.providers.smpp_wire.pdus import Delivery
from worker.providers.smpp_wire.settings import WireSettings


def open_local(settings: WireSettings) -> socket.socket:
    """A stream to a hub of one line, which ends when the stream is closed."""
    ours, theirs = socket.socketpair()
    threading.Thread(target=lambda: asyncio.run(_serve(settings, theirs)), name="smpp-line", daemon=True).start()
    return ours


async def _serve(settings: WireSettings, stream: socket.socket) -> None:
    line = Line(settings, _refuse)
    line.start()
    reader, writer = await asyncio.open_connection(sock=stream)

    async def find(_key: str) -> Line:
        return line

    try:
        await Hub(find).serve(reader, writer)
    finally:
        await line.stop()


def _refuse(_delivery: Delivery, respond: Respond) -> None:
    respond(False)  # the message centre brings it again, to somebody who keeps it
