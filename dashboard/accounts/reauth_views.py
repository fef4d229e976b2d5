"""Signing in again inside the dialog: the page behind it, and what was typed there, stays."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.accounts import sessions
from dashboard.accounts.forms import CodeForm, SignInForm
from dashboard.accounts.sign_in import sign_in_with_code, sign_in_with_password
from dashboard.accounts.throttle import Locked
from dashboard.forms import text
from dashboard.htmx import redirect_to, trigger, with_toast
from dashboard.problems import DomainError, Problem
from dashboard.security import public

bp = Blueprint("reauth", __name__, url_prefix="/reauth")


@bp.post("")
@public
def sign_in() -> ResponseReturnValue:
    form = SignInForm()
    if not form.validate_on_submit():
        return _dialog("Enter your user name and password.", username=text(form.username))
    try:
        where = sign_in_with_password(text(form.username), text(form.password))
    except (Locked, DomainError) as problem:
        return _refused(problem, username=text(form.username))
    return _dialog(step="code", status=200) if sessions.second_step() else _done(where)


@bp.post("/code")
@public
def check_code() -> ResponseReturnValue:
    waiting, form = sessions.second_step(), CodeForm()
    if waiting is None:
        return _dialog("That took too long. Start with your name and password.")
    if not form.validate_on_submit():
        return _dialog("Enter the code.", step="code")
    try:
        sign_in_with_code(waiting.user, text(form.code))
    except (Locked, DomainError) as problem:
        return _refused(problem, step="code")
    return _done("/")


def _dialog(problem: str = "", *, step: str = "password", username: str = "", status: int = 422) -> Response:
    html = render_template("accounts/reauth.html", problem=problem, step=step, username=username or "")
    return Response(html, status)


def _refused(problem: Problem, *, step: str = "password", username: str = "") -> Response:
    """The words in the dialog, a lock's too: htmx swaps a 422 and would not swap a 429."""
    return _dialog(problem.message, step=step, username=username)


def _done(where: str) -> ResponseReturnValue:
    """Close the dialog and renew the page's CSRF token, which belonged to the old session."""
    if request.headers.get("HX-Request") != "true":
        return redirect_to(where)
    response = Response(render_template("accounts/fresh_token.html"), headers={"HX-Reswap": "none"})
    return trigger(with_toast(response, "You are signed in again. Now save once more."), "app:dialog-close")
