"""The step after the password: the code of a device, or a recovery code where the device is gone."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from dashboard.accounts import sessions
from dashboard.accounts.forms import CodeForm
from dashboard.accounts.sign_in import locked_answer, sign_in_with_code
from dashboard.accounts.throttle import Locked
from dashboard.forms import show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.problems import DomainError
from dashboard.security import public

bp = Blueprint("second_step", __name__, url_prefix="/login")


@bp.get("/2fa")
@public
def show() -> ResponseReturnValue:
    return _page("accounts/second_step.html")


@bp.post("/2fa")
@public
def check() -> ResponseReturnValue:
    return _take("accounts/second_step.html", recovery=False)


@bp.get("/recovery")
@public
def recovery() -> ResponseReturnValue:
    return _page("accounts/recovery.html")


@bp.post("/recovery")
@public
def use_recovery_code() -> ResponseReturnValue:
    return _take("accounts/recovery.html", recovery=True)


def _page(template: str) -> ResponseReturnValue:
    if sessions.second_step() is None:
        return _start_again()
    return respond(template, form=CodeForm())


def _take(template: str, *, recovery: bool) -> ResponseReturnValue:
    waiting, form = sessions.second_step(), CodeForm()
    if waiting is None:
        return _start_again()
    if not form.validate_on_submit():
        return respond(template, form=form, status=422)
    try:
        sign_in_with_code(waiting.user, text(form.code), recovery=recovery)
    except Locked as problem:
        show_problem(form, problem)
        return locked_answer(respond(template, form=form), problem)
    except DomainError as problem:
        show_problem(form, problem)
        return respond(template, form=form, status=422)
    return redirect_to(waiting.next or "/")


def _start_again() -> ResponseReturnValue:
    return redirect_to(url_for("accounts.login"), "Start with your name and password.", "info")
