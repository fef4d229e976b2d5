"""Error pages and fragments: the shell stays, the words say what to do next, the request id can be copied."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from dashboard.api.errors import answer_for, is_api
from dashboard.problems import Conflict, DomainError, NotAllowed, NotFound, Problem, RateLimited
from dashboard.security import ask_to_sign_in

logger = logging.getLogger(__name__)

_STATUS: dict[type[Problem], tuple[int, str]] = {
    NotFound: (404, "Not found"),
    NotAllowed: (403, "Not allowed"),
    Conflict: (409, "Somebody else saved this"),
    RateLimited: (429, "Too many requests"),
    DomainError: (422, "That did not work"),
    Problem: (422, "That did not work"),
}


def _answer(status: int, title: str, message: str) -> Response:
    """A page for people; the first line of the body alone for htmx (`app.js` shows it as a toast)."""
    if request.headers.get("HX-Request") == "true" or request.accept_mimetypes.best == "text/plain":
        return make_response(message, status, {"Content-Type": "text/plain; charset=utf-8"})
    return make_response(render_template("error.html", status=status, title=title, message=message), status)


def _on_problem(problem: Problem) -> Response:
    status, title = next(_STATUS[kind] for kind in type(problem).__mro__ if kind in _STATUS)
    response = _answer(status, title, problem.message)
    if isinstance(problem, RateLimited):
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def _on_csrf(_error: CSRFError) -> ResponseReturnValue:
    view = current_app.view_functions.get(request.endpoint or "")
    if not current_user.is_authenticated and getattr(view, "_permission", "public") != "public":
        # The cookie ran out with the sign-in, and the token with the cookie: signing in is what helps.
        return ask_to_sign_in()
    return _answer(
        400, "The page is out of date", "This page is out of date: reload it and try again. Nothing was saved."
    )


def _on_too_large(error: RequestEntityTooLarge) -> Response:
    words = "That is larger than this installation accepts. Split the file, or ask an administrator to raise the limit."
    own_words = error.description if error.description != RequestEntityTooLarge.description else None
    return _answer(413, "Too large", own_words or words)


def _on_http(error: HTTPException) -> Response:
    words = {
        404: "There is nothing under this address. It may have been deleted, or the link is incomplete.",
        405: "This address does not answer that kind of request.",
        429: "Too many requests. Wait a moment, then try again.",
    }
    status = error.code or 500
    response = _answer(status, error.name, words.get(status, error.description or error.name))
    if status == 429 and error.response is not None:
        response.headers["Retry-After"] = error.response.headers.get("Retry-After", "60")
    return response


def _on_crash(error: Exception) -> Response:
    if current_app.testing:
        raise error
    logger.error(
        "request failed", exc_info=error, extra={"request_id": g.get("request_id"), "endpoint": request.endpoint}
    )
    return _answer(
        500,
        "Something broke here",
        "This is our fault, not yours. Try again; if it stays, give your administrator the request id "
        f"{g.get('request_id', '')}.",
    )


def _to_people(answer: Callable[[Any], ResponseReturnValue]) -> Callable[[Any], ResponseReturnValue]:
    """Applications get JSON in the one shape of the API, people the page that `answer` makes."""

    def choose(error: Any) -> ResponseReturnValue:
        return answer_for(error) if is_api() else answer(error)

    return choose


def init_app(app: Flask) -> None:
    app.register_error_handler(Problem, _to_people(_on_problem))
    app.register_error_handler(CSRFError, _to_people(_on_csrf))
    app.register_error_handler(RequestEntityTooLarge, _to_people(_on_too_large))
    app.register_error_handler(HTTPException, _to_people(_on_http))
    if not app.config.get("PROPAGATE_EXCEPTIONS"):
        app.register_error_handler(Exception, _to_people(_on_crash))
