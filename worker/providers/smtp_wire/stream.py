"""A TCP connection that never blocks, plain or with TLS, and knows how many bytes it has handed over."""

import contextlib
import os
import selectors
import socket
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

_READ_SIZE = 4096  # replies are short, and memory is taken for as much
_READ_SIZE_OF_TLS = 65536  # more than a record (16 KB): nothing decrypted stays where the selector cannot see it


class StreamClosed(Exception):
    """The connection is gone; the message says how."""


@dataclass(frozen=True, slots=True)
class Address:
    """One place a host name stands for, as getaddrinfo gives it."""

    family: int
    socket_address: tuple[Any, ...]

    def __str__(self) -> str:
        return str(self.socket_address[0])


class Serviced(Protocol):
    """Whoever reads from a stream and writes to it."""

    def service(self) -> None:
        """The stream can move on."""


class Stream:
    """Reads and writes what the moment allows; registered with the selector, which leads to `owner.service()`.

    `sent` and `queued` count plain bytes since the start, so that a caller can tell whether the byte at an offset
    had left for the server when the connection broke.
    """

    __slots__ = ("_outbox", "_read_size", "_selector", "_socket", "_waiting_for", "owner", "queued", "sent")

    def __init__(self, selector: selectors.BaseSelector, address: Address, owner: Serviced) -> None:
        """Start to connect. Raises OSError when that is impossible at once (no route, no descriptors left)."""
        self._selector = selector
        self._outbox: deque[memoryview] = deque()
        self._read_size = _READ_SIZE
        self.owner = owner
        self.sent = 0
        self.queued = 0
        self._socket: socket.socket = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            with contextlib.suppress(BlockingIOError):
                self._socket.connect(address.socket_address)
        except OSError:
            self._socket.close()
            raise
        self._waiting_for = selectors.EVENT_WRITE
        selector.register(self._socket, self._waiting_for, self)

    def connected(self) -> None:
        """After the first writable event: raise OSError if the connection was refused, else start to listen."""
        problem = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            raise OSError(problem, os.strerror(problem))
        self._wait_for(selectors.EVENT_READ)

    @property
    def local_address(self) -> str:
        """Our own address on this connection."""
        return str(self._socket.getsockname()[0])

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The TLS side of the connection, if it has one."""
        return self._socket if isinstance(self._socket, ssl.SSLSocket) else None

    def start_tls(self, context: ssl.SSLContext, server_name: str) -> None:
        """Wrap the connection; `handshake` must then be called until it answers True."""
        self._selector.unregister(self._socket)
        self._waiting_for = 0
        self._read_size = _READ_SIZE_OF_TLS
        self._socket = context.wrap_socket(self._socket, server_hostname=server_name, do_handshake_on_connect=False)
        self._waiting_for = selectors.EVENT_WRITE
        self._selector.register(self._socket, self._waiting_for, self)

    def handshake(self) -> bool:
        """Carry the TLS handshake on; True when it is done. Raises ssl.SSLError or OSError."""
        if self.tls is None:
            raise ValueError("start_tls comes before handshake")
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self._wait_for(selectors.EVENT_READ)
            return False
        except ssl.SSLWantWriteError:
            self._wait_for(selectors.EVENT_WRITE)
            return False
        self._wait_for(selectors.EVENT_READ)
        return True

    def write(self, data: bytes) -> None:
        """Hand over what fits now and keep the rest. A broken connection shows at the next read, never here."""
        size = len(data)
        self.queued += size
        if self._outbox:
            self._outbox.append(memoryview(data))
            return
        # Nearly always the kernel takes all of it at once. Where it does not, or fails, that is for `flush` to see.
        try:
            count = self._socket.send(data)
        except OSError:
            count = 0
        self.sent += count
        if count < size:
            self._outbox.append(memoryview(data)[count:])
            self.flush()

    def flush(self) -> None:
        """Hand over more of what was kept."""
        outbox = self._outbox
        try:
            while outbox:
                count = self._socket.send(outbox[0])
                self.sent += count
                if count == len(outbox[0]):
                    outbox.popleft()
                else:
                    outbox[0] = outbox[0][count:]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            # The server may have answered before it closed: leave its words to be read first.
            outbox.clear()
        events = selectors.EVENT_READ | selectors.EVENT_WRITE if outbox else selectors.EVENT_READ
        if events != self._waiting_for:
            self._wait_for(events)

    @property
    def flushed(self) -> bool:
        """Has everything been handed over?"""
        return not self._outbox

    def read(self) -> bytes:
        """What has arrived, or b"" when nothing has. Raises StreamClosed at the end of the connection."""
        try:
            data = self._socket.recv(self._read_size)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        except OSError as error:
            raise StreamClosed(f"the connection broke: {error.strerror or error}") from error
        if not data:
            raise StreamClosed("the server closed the connection")
        return data

    def close(self) -> None:
        """Let go of the connection at once."""
        if self._waiting_for:
            self._waiting_for = 0
            self._selector.unregister(self._socket)
        self._socket.close()

    def _wait_for(self, events: int) -> None:
        self._waiting_for = events
        self._selector.modify(self._socket, events, self)
