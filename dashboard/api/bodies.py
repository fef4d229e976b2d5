"""What is looked at before a body reaches its schema: size, type, JSON that JSON databases can keep."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from flask import request

from dashboard.api.errors import Refused

#: 10,000 recipients with 800 bytes each; files have a limit of their own.
MOST_BYTES: Final = 8 * 1024 * 1024
#: Values this deep are no data of a message, and would break what walks through them later.
_DEEPEST: Final = 64
_DRAINED: Final = 64 * 1024 * 1024
_STEP: Final = 256 * 1024


def check_text() -> None:
    """Refuse NUL in path and query: no database keeps it."""
    if "\x00" in request.path:
        raise Refused(404, "not_found", "There is nothing under this address.")
    for name, value in request.args.items(multi=True):
        if "\x00" in name or "\x00" in value:
            raise Refused(422, "invalid", "A NUL character is not allowed here.", field=name.replace("\x00", ""))


def read_json() -> None:
    """Read the body as one JSON object and hand it to the schema. Raises Refused: 400, 413, 415 or 422."""
    if (request.content_length or 0) > MOST_BYTES:
        too_large()
    if request.mimetype != "application/json":
        raise Refused(
            415, "unsupported_media_type", "The body has to be JSON.", hint="Send Content-Type: application/json."
        )
    request.max_content_length = MOST_BYTES
    data = request.get_data()
    body = _parsed(data)
    if not isinstance(body, dict):
        raise Refused(422, "invalid", "The body has to be a JSON object.", hint="Begin it with {.")
    _check_depth(body)
    _check_characters(data, body)
    request._cached_json = (body, body)  # what request.get_json() answers from now on


def read_nothing() -> None:
    """An operation without a body: one that comes along is taken from the line and left alone. Raises Refused (413)."""
    if (request.content_length or 0) > MOST_BYTES:
        too_large()
    request.max_content_length = MOST_BYTES
    request.get_data()


def too_large() -> NoReturn:
    """Refuse a body for its size, after taking it from the line: else the client may never see the answer."""
    request.max_content_length = None
    left = min(request.content_length or 0, _DRAINED)
    while left > 0:
        taken = len(request.stream.read(min(_STEP, left)))
        left = left - taken if taken else 0
    raise Refused(413, "too_large", f"A body has at most {MOST_BYTES // 1024 // 1024} MiB.", hint="Split it.")


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data, parse_constant=_no_number)
    except RecursionError as error:
        raise _too_deep() from error
    except (ValueError, UnicodeDecodeError) as error:
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Refused(
            400, "malformed_json", f"The body is not JSON{place}.", hint="Look at commas and quotes."
        ) from error


def _check_depth(body: Any) -> None:
    level, depth = [body], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise _too_deep()
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [value for values in inner for value in values if isinstance(value, (dict, list))]


def _too_deep() -> Refused:
    return Refused(400, "malformed_json", f"The JSON is nested deeper than {_DEEPEST} levels.", hint="Flatten it.")


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _check_characters(data: bytes, body: Any) -> None:
    """NUL and halves of surrogate pairs can be written in JSON, but not into a database."""
    lower = data.lower()
    if b"\\u0000" not in lower and b"\\ud" not in lower:
        return
    text = json.dumps(body, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Refused(400, "malformed_json", "The JSON has half a surrogate pair.", hint="Send UTF-8.") from error
    if "\\u0000" in text.replace("\\\\", ""):
        raise Refused(400, "malformed_json", "The JSON has a NUL character.", hint="Remove it.")
