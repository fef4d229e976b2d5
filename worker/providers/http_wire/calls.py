"""What goes to a vendor and what comes back, as plain values."""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

Pairs = Sequence[tuple[str, str]]


class Unreadable(ValueError):
    """A reply or a callback does not have the shape that it should."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, complete. Header names are in any case; `url` carries its query."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """One response, read to its end. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Does the status say yes? With many vendors the body still says no."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises Unreadable."""
        return read_json(self.body)

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises Unreadable."""
        found = self.json()
        if not isinstance(found, dict):
            raise Unreadable("The answer is no JSON object.")
        return found

    @property
    def retry_after(self) -> float | None:
        """Seconds that the vendor asks for, from either form of Retry-After (RFC 9110); None where it asks for none."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return float(value)
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def read_json(body: bytes) -> Any:
    """JSON of a vendor. Raises Unreadable, also for JSON that is nested beyond reason."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"The text is no JSON: {error}.") from error


def inner(container: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object within an object, empty where there is none: callbacks leave out what does not apply."""
    found = container.get(name)
    return found if isinstance(found, dict) else {}


def json_call(url: str, payload: Any, *, headers: Mapping[str, str] | None = None, method: str = "POST") -> Call:
    """A call with a JSON body."""
    content = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    return Call(method, url, {"Content-Type": "application/json", **(headers or {})}, content)


def form_call(url: str, pairs: Pairs, *, headers: Mapping[str, str] | None = None, method: str = "POST") -> Call:
    """A call with a form for a body, in UTF-8; for GET the form is the query."""
    if method == "GET":
        joint = "&" if "?" in url else "?"
        return Call(method, f"{url}{joint}{urlencode(pairs)}", headers or {})
    all_headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    return Call(method, url, all_headers, urlencode(pairs).encode())


def multipart_call(
    url: str, pairs: Pairs, files: Sequence[tuple[str, str, str, bytes]], *, headers: Mapping[str, str] | None = None
) -> Call:
    """A call with a form and files, each (field, file name, content type, data); RFC 7578."""
    boundary = secrets.token_hex(16)
    parts = [f'name="{_quoted(name)}"\r\n\r\n'.encode() + value.encode() for name, value in pairs]
    for name, filename, content_type, data in files:
        head = f'name="{_quoted(name)}"; filename="{_quoted(filename)}"\r\nContent-Type: {_one_line(content_type)}'
        parts.append(head.encode() + b"\r\n\r\n" + data)
    start = f"--{boundary}\r\nContent-Disposition: form-data; ".encode()
    content = b"".join(start + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return Call("POST", url, {"Content-Type": f"multipart/form-data; boundary={boundary}", **(headers or {})}, content)


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def basic(username: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
