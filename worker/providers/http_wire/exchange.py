"""One call to a vendor, and how far it got when it failed."""

import time
from typing import Any

import httpx

from worker.providers.base import ConfigurationProblem
from worker.providers.http_wire.calls import Call, Reply

_MOST_BYTES = 4 * 1024 * 1024


class NotHandedOver(Exception):
    """The vendor cannot have the whole request; `code` is connect_failed, connection_lost or timeout."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class AnswerLost(Exception):
    """The vendor may have acted on the request; `code` is as above, or reply_too_large."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class _Progress:
    """Follows a request through the transport: the trace hook of httpcore."""

    def __init__(self, has_body: bool) -> None:
        self._last_write = "send_request_body.complete" if has_body else "send_request_headers.complete"
        self.started = False
        self.handed_over_at: float | None = None

    def __call__(self, event: str, _details: dict[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self.started = True
        elif event.endswith(self._last_write):
            self.handed_over_at = time.monotonic()


def exchange(client: httpx.Client, call: Call, *, seconds: float) -> Reply:
    """Make the call and read its reply, in `seconds` altogether once the request is on its way.

    Raises NotHandedOver where a second try is safe, AnswerLost where it may double what was sent, and
    ConfigurationProblem for an address that is refused or none.
    """
    progress = _Progress(bool(call.content))
    try:
        request = client.build_request(call.method, call.url, headers=dict(call.headers), content=call.content or None)
        request.extensions = {**request.extensions, "trace": progress}
        response = client.send(request, stream=True)
        try:
            until = (progress.handed_over_at or time.monotonic()) + seconds
            return Reply(response.status_code, _headers(response), _body(response, until))
        finally:
            response.close()
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeEncodeError) as error:
        raise ConfigurationProblem("bad_request", f"The address or a header cannot be written: {error}.") from error
    except httpx.HTTPError as error:
        raise _failure(error, progress) from error


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _body(response: httpx.Response, until: float) -> bytes:
    """A vendor that sends a byte now and then would hold the connection for ever: the time counts for all of it."""
    parts, size = [], 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise AnswerLost("reply_too_large", f"The answer is larger than {_MOST_BYTES} bytes.")
        if time.monotonic() > until:
            raise AnswerLost("timeout", "The answer did not end in time.")
    return b"".join(parts)


def _failure(error: httpx.HTTPError, progress: _Progress) -> Exception:
    late = isinstance(error, httpx.TimeoutException)
    words = str(error) or type(error).__name__
    if progress.handed_over_at is not None:
        detail = "No answer came in time." if late else f"The connection broke before the answer came: {words}."
        return AnswerLost("timeout" if late else "connection_lost", detail)
    if progress.started:
        detail = "The vendor did not read the request in time." if late else f"The connection broke: {words}."
        return NotHandedOver("timeout" if late else "connection_lost", detail)
    return NotHandedOver("connect_failed", f"No connection to {error.request.url.host}: {words}.")
