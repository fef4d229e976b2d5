"""HTTP to addresses that operators typed: never into a private network, unless a setting allows it.

The name is looked up here, every answer is checked, and the connection goes to the checked address itself: a second
look-up, which could answer otherwise (DNS rebinding), never happens. TLS still verifies the name. Each redirect makes
a new connection and passes the same door. Proxies of the environment are not used.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import typing
from collections.abc import Iterable, Iterator
from typing import Final

import httpcore
import httpx

from dashboard.current import current_settings

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
KEEP_SECONDS: Final = 30.0
REDIRECTS: Final = 5


class Refused(Exception):
    """The address may not be reached; `message` is for the operator."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NameNotFound(Refused):
    """The name has no address, or none just now."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet; mapped and tunnelled IPv4 counts as what it carries."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def check_address(host: str, port: int, *, allow_private: bool) -> list[str]:
    """The IP addresses of a host that may be reached, in the resolver's order; Refused where there is none."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise NameNotFound(f"The name {host} cannot be found. Check the spelling of the address.") from None
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    if allow_private:
        return addresses
    if not all(map(is_public, addresses)):
        raise Refused(
            f"{host} points into a private network, which this installation does not reach for operators. "
            "An administrator can allow it (ALLOW_PRIVATE_URLS)."
        )
    return addresses


class _CheckedBackend(httpcore.SyncBackend):
    """Connects to the addresses that were checked, not to a name."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"no address of {host} answers")
        for address in check_address(host, port, allow_private=self._allow_private):
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def connect_unix_socket(self, *_: typing.Any, **__: typing.Any) -> httpcore.NetworkStream:
        raise Refused("Unix sockets are no web addresses.")


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with _httpx_errors():
            yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _CheckedTransport(httpx.BaseTransport):
    """httpx over httpcore's own pool, whose network backend is ours."""

    def __init__(self, allow_private: bool, *, connections: int = 10, http2: bool = False) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=KEEP_SECONDS,
            http2=http2,
            network_backend=_CheckedBackend(allow_private),
            retries=0,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in ("http", "https"):
            raise Refused("Only http and https addresses can be fetched.")
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        inner = httpcore.Request(
            method=request.method,
            url=url,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _httpx_errors():
            response = self._pool.handle_request(inner)
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response), extensions=response.extensions
        )

    def close(self) -> None:
        self._pool.close()


class _httpx_errors:  # noqa: N801 - used like a function
    """What httpcore raises, as httpx's exception of the same meaning."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, httpcore.TimeoutException):
            raise httpx.TimeoutException(str(error)) from error
        if isinstance(error, (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol)):
            raise httpx.TransportError(str(error)) from error


def checked_transport(*, allow_private: bool, connections: int, http2: bool = False) -> httpx.BaseTransport:
    """A pool of connections to checked addresses, for a client of one's own. It raises Refused and httpx errors."""
    return _CheckedTransport(allow_private, connections=connections, http2=http2)


def checked_client() -> httpx.Client:
    """A client for addresses that people typed. Use it with `with`; it raises Refused and httpx.HTTPError."""
    return httpx.Client(
        transport=_CheckedTransport(current_settings().allow_private_urls),
        follow_redirects=True,
        max_redirects=REDIRECTS,
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        trust_env=False,
        headers={"User-Agent": "Carillon", "Accept-Encoding": "identity"},
    )
