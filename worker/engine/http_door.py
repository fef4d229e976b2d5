"""The way out to vendors over HTTP: only to addresses that this installation reaches."""

from __future__ import annotations

import httpx

from dashboard.outbound import NameNotFound, Refused, checked_transport
from worker.providers.base import ConfigurationProblem, HttpDoor


def http_door(*, allow_private: bool) -> HttpDoor:
    """What a provider opens its connections with."""

    def door(*, connections: int, http2: bool = False) -> httpx.BaseTransport:
        return _Door(checked_transport(allow_private=allow_private, connections=connections, http2=http2))

    return door


class _Door(httpx.BaseTransport):
    """Says refusals in the words of providers: a name without an address may have one in a minute, a forbidden
    address never will."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._inner.handle_request(request)
        except NameNotFound as refused:
            raise httpx.ConnectError(refused.message) from refused
        except Refused as refused:
            raise ConfigurationProblem("address_refused", refused.message) from refused

    def close(self) -> None:
        self._inner.close()
