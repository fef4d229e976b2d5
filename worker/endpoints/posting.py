"""One try of a delivery over HTTP: signed, without redirects, with a time for the whole of it and little of the answer.

Addresses are checked with every connection (`dashboard.outbound`), since a name can come to mean a private address.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from dashboard.endpoints.signing import headers
from dashboard.outbound import Refused, checked_transport

#: Seconds for connecting, for each wait, and for reading the whole answer.
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 15.0
WHOLE_SECONDS: Final = 20.0
#: Bytes of an answer that are read, and characters of them that are kept.
MOST_BYTES: Final = 16_384
KEPT_CHARACTERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a try: a status and the beginning of the body, or the words of what went wrong."""

    status: int | None
    body: str = ""
    error: str = ""
    retry_after: str = ""
    milliseconds: int = 0

    @property
    def taken(self) -> bool:
        """Whether the endpoint took it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


def new_client(*, allow_private: bool, connections: int) -> httpx.Client:
    """A client whose connections are kept from delivery to delivery. Use it with `with`."""
    return httpx.Client(
        transport=checked_transport(allow_private=allow_private, connections=connections),
        follow_redirects=False,
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        trust_env=False,
        headers={"User-Agent": "Carillon-Webhooks", "Accept-Encoding": "identity"},
    )


def post(client: httpx.Client, url: str, keys: Sequence[str], event_id: str, payload: str) -> Answer:
    """Send it. Never raises for what the other side does."""
    body, started = payload.encode(), time.monotonic()
    try:
        signed = headers(keys, event_id, int(time.time()), body)
        request = client.build_request(
            "POST", url, content=body, headers={"Content-Type": "application/json", **signed}
        )
        response = client.send(request, stream=True)
        try:
            text, status = _beginning(response, started), response.status_code
            asked = response.headers.get("Retry-After", "")
        finally:
            response.close()
    except (Refused, httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
        return Answer(None, error=_words(error), milliseconds=_since(started))
    where = f"It redirects to {response.headers.get('Location', '?')}."[:500] if 300 <= status < 400 else ""
    return Answer(status, text, where, asked, _since(started))


def _beginning(response: httpx.Response, started: float) -> str:
    """What came of the body in time; the status counts, whatever becomes of the rest."""
    data = b""
    try:
        for part in response.iter_raw():
            data += part
            if len(data) >= MOST_BYTES or time.monotonic() - started > WHOLE_SECONDS:
                break
    except httpx.HTTPError:
        pass
    return data[:MOST_BYTES].decode(errors="replace").replace("\x00", "")[:KEPT_CHARACTERS]


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)


def _words(error: Exception) -> str:
    if isinstance(error, Refused):
        return error.message[:500]
    if isinstance(error, httpx.TimeoutException):
        return f"No answer within {READ_SECONDS:g} s."
    return f"The connection failed ({error})."[:500] if str(error) else "The connection failed."
