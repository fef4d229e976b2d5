"""The OpenAPI document: what the code says, plus what every operation has in common."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, Final, cast

from flask import current_app
from flask_openapi3.openapi import OpenAPI

_IDEMPOTENCY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Visible ASCII characters, best a UUID. The same key and body get the same answer for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]{1,200}$"},
}
_RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}


def specification() -> dict[str, Any]:
    """The document as JSON values, ready to be served or written to docs/openapi.json."""
    document = deepcopy(cast(OpenAPI, current_app).api_doc)
    for item in document["paths"].values():
        for method, operation in item.items():
            if method != "get":
                operation.setdefault("parameters", []).append(deepcopy(_IDEMPOTENCY))
            if "429" in operation["responses"]:
                operation["responses"]["429"]["headers"] = deepcopy(_RETRY_AFTER)
    return document


def written() -> str:
    """The document as docs/openapi.json has it: sorted, so that a change shows as what it is."""
    return json.dumps(specification(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
