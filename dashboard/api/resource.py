"""What every resource of the API is made of: a blueprint that admits known keys only, and the decorator `needs`.

A request is admitted in this order: key (401), scope (403), limit (429), body (400, 413, 415), schema (422).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

from flask import Response, current_app, g, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict

from dashboard.api.bodies import check_text, read_json, read_nothing
from dashboard.api.errors import ErrorBody, Refused
from dashboard.api.idempotency import do_once, this_once
from dashboard.api.limits import spend_request
from dashboard.api_keys.models import Scope
from dashboard.api_keys.services import BadKey, Caller, recognise
from dashboard.current import current_settings
from dashboard.extensions import csrf

PREFIX: Final = "/api/v1"
_ERRORS: Final = (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500)
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="carillon"'}
Reply = BaseModel | tuple[BaseModel, int] | Response
View = TypeVar("View", bound=Callable[..., Any])


class Input(BaseModel):
    """What a request brings: unknown fields are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """What an answer holds."""


def resource(name: str, summary: str) -> APIBlueprint:
    """The blueprint of one resource; `name` groups its operations in the documentation."""
    api = APIBlueprint(
        f"api_{name.lower().replace(' ', '_')}",
        __name__,
        url_prefix=PREFIX,
        abp_tags=[Tag(name=name, description=summary)],
        abp_security=[{"key": []}],
        abp_responses={str(status): ErrorBody for status in _ERRORS},
    )
    api.before_request(admit)
    csrf.exempt(api)
    return api


def needs(*scopes: Scope, once: bool = True) -> Callable[[View], View]:
    """The operation needs a key with one of the scopes (none: any key that works).

    `once` False: the view keeps the answer under its idempotency key by itself.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answered(*arguments: Any, **keywords: Any) -> Response:
            if request.method in ("GET", "HEAD") or not once:
                return as_response(view(*arguments, **keywords))
            return do_once(this_once(caller().id), lambda: as_response(view(*arguments, **keywords)))

        answered._api_scopes = scopes  # type: ignore[attr-defined]
        answered._api_json = "body" in view.__annotations__  # type: ignore[attr-defined]
        answered._permission = "api"  # type: ignore[attr-defined]
        answered._any_origin = True  # type: ignore[attr-defined]  # a key in a header, no cookie: nothing to forge
        return answered  # type: ignore[return-value]

    return decorate


def caller() -> Caller:
    """Who makes this request."""
    found: Caller = g.api_caller
    return found


def as_response(reply: Reply) -> Response:
    """JSON of what a view returned."""
    if isinstance(reply, Response):
        return reply
    body, status = reply if isinstance(reply, tuple) else (reply, 200)
    return Response(body.model_dump_json(), status, mimetype="application/json")


def admit() -> None:
    """Before every request: see the module's text. Raises Refused or RateLimited."""
    view = current_app.view_functions.get(request.endpoint or "")
    g.api_caller = found = _authenticated()
    scopes: tuple[Scope, ...] = getattr(view, "_api_scopes", ())
    if scopes and not found.may(*scopes):
        wanted = " or ".join(scope.value for scope in scopes)
        raise Refused(
            403, "scope_missing", f"This key lacks the scope {wanted}.", hint="An administrator can make a key with it."
        )
    spend_request(found.id, found.requests_per_minute, current_settings().broker_url)
    check_text()
    if getattr(view, "_api_json", False):
        read_json()
    elif "raw" not in getattr(view, "__annotations__", {}):
        read_nothing()


def _authenticated() -> Caller:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Refused(
            401,
            "no_key",
            "This request has no API key.",
            hint="Send Authorization: Bearer $API_KEY.",
            headers=_CHALLENGE,
        )
    try:
        return recognise(token.strip(), request.remote_addr or "")
    except BadKey as problem:
        raise Refused(401, problem.code, problem.words, headers=_CHALLENGE) from problem
