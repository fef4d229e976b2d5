"""A connection of its own for each thread: for vendors that speak HTTP/2 only.

httpx 0.28 stands still for ever, whatever its time-outs say, when the server lowers the number of streams while
several threads share a connection. With one call at a time on each connection nothing is left to take away.
"""

import threading
from collections.abc import Callable

import httpx


class TransportPerThread(httpx.BaseTransport):
    """`make` opens a transport; each thread that sends gets its own and keeps it until all are closed."""

    def __init__(self, make: Callable[[], httpx.BaseTransport]) -> None:
        self._make = make
        self._own = threading.local()
        self._lock = threading.Lock()
        self._all: list[httpx.BaseTransport] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`."""
        transport = getattr(self._own, "transport", None)
        if transport is None:
            transport = self._own.transport = self._make()
            with self._lock:
                self._all.append(transport)
        return transport.handle_request(request)

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            transports, self._all = self._all, []
        for transport in transports:
            transport.close()
