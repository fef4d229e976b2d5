"""One shape for every error below /api: code, message, field, hint, request_id."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from flask import Response, current_app, g, request
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import HTTPException

from dashboard.problems import Conflict, DomainError, NotAllowed, NotFound, Problem, RateLimited

logger = logging.getLogger(__name__)

API_PATH: Final = "/api/"


class ErrorBody(BaseModel):
    """Why a request was refused, and what to do about it."""

    code: str = Field(description="A word for programs; it does not change.")
    message: str = Field(description="A sentence for people.")
    field: str | None = Field(None, description="The part of the request that is at fault, such as recipients.0.email.")
    hint: str = Field("", description="What to do next.")
    request_id: str = Field(description="Names this request in the logs; also in the header X-Request-Id.")


class Refused(Problem):
    """An error of the API with a status of its own."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field
        self.hint = hint
        self.headers = dict(headers or {})


_STATUS: Final[dict[type[Problem], int]] = {
    NotFound: 404,
    NotAllowed: 403,
    Conflict: 409,
    RateLimited: 429,
    DomainError: 422,
    Problem: 422,
}
#: DomainErrors that speak of a state and not of the request.
_CONFLICTS: Final = frozenset({"wrong_state", "taken", "in_use"})
_HTTP: Final[dict[int, tuple[str, str, str]]] = {
    400: ("bad_request", "The request cannot be read.", ""),
    404: ("not_found", "There is nothing under this address.", "The addresses stand in /api/docs."),
    405: ("method_not_allowed", "This address does not answer that method.", "The header Allow lists those it does."),
    413: ("too_large", "The body is larger than this installation accepts.", "Split it."),
    415: ("unsupported_media_type", "The body has a type that this address does not take.", ""),
    429: ("rate_limited", "Too many requests.", "Wait for the seconds in Retry-After."),
}


def is_api() -> bool:
    """Whether this request is one of an application."""
    return request.path.startswith(API_PATH) and request.path != "/api/docs"


def error_answer(
    status: int,
    code: str,
    message: str,
    *,
    field: str | None = None,
    hint: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer in the one shape."""
    body = ErrorBody(code=code, message=message, field=field, hint=hint, request_id=g.get("request_id", ""))
    response = Response(body.model_dump_json(), status, mimetype="application/json")
    response.headers.update(headers or {})
    return response


def answer_for(error: Exception) -> Response:
    """The answer for anything that was raised while an application's request was served."""
    if isinstance(error, Refused):
        return error_answer(
            error.status, error.code, error.message, field=error.field, hint=error.hint, headers=error.headers
        )
    if isinstance(error, Problem):
        return _for_problem(error)
    if isinstance(error, HTTPException):
        return _for_http(error)
    if isinstance(error, IntegrityError):  # two requests wanted the same name in the same moment
        return error_answer(409, "conflict", "Another request was faster.", hint="Look at it again, then repeat yours.")
    if current_app.testing:
        raise error
    logger.error(
        "request failed", exc_info=error, extra={"request_id": g.get("request_id"), "endpoint": request.endpoint}
    )
    return error_answer(
        500, "internal_error", "This is our fault, not yours.", hint="Try again; if it stays, report the request id."
    )


def validation_answer(error: ValidationError) -> Response:
    """The first fault of a request that does not fit its schema; `message` counts the others."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    first = faults[0]
    # A content is one of three: which one it was taken for is no part of its address.
    place = ".".join(str(part) for part in first["loc"]).replace("content.email", "content", 1)
    place = place.replace("content.sms", "content", 1).replace("content.push", "content", 1)
    others = f" There are {len(faults) - 1} more." if len(faults) > 1 else ""
    return error_answer(
        422,
        "invalid" if first["type"] != "extra_forbidden" else "unknown_field",
        f"{first['msg']}.{others}",
        field=place or None,
        hint="The schema stands in /api/openapi.json.",
    )


def _for_problem(problem: Problem) -> Response:
    status = next(_STATUS[kind] for kind in type(problem).__mro__ if kind in _STATUS)
    field: str | None = getattr(problem, "field", None)
    headers: dict[str, Any] = {}
    if isinstance(problem, RateLimited):
        headers["Retry-After"] = str(problem.retry_after)
    if isinstance(problem, DomainError) and problem.code in _CONFLICTS:
        status = 409
    return error_answer(status, problem.code, problem.message, field=field, headers=headers)


def _for_http(error: HTTPException) -> Response:
    """Keeps what belongs to the answer by its protocol, such as Allow and Retry-After."""
    if error.response is not None:
        own = error.response
        if own.mimetype == "application/json" and isinstance(own, Response):
            return own
    status = error.code or 500
    if 300 <= status < 400:
        redirect = error.get_response()
        return Response(status=status, headers={"Location": redirect.headers.get("Location", "/")})
    code, message, hint = _HTTP.get(status, ("http_error", error.name, ""))
    kept = {name: value for name, value in error.get_response().headers.items() if name in ("Allow", "Retry-After")}
    return error_answer(status, code, message, hint=hint, headers=kept)
