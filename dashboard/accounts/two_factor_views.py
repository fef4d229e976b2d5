"""Setting up the second factor, its recovery codes, and turning it off."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.accounts import services, two_factor
from dashboard.accounts.forms import CodeForm, ConfirmPasswordForm
from dashboard.accounts.throttle import Locked
from dashboard.forms import show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.problems import DomainError
from dashboard.security import requires

bp = Blueprint("two_factor", __name__, url_prefix="/me/two-factor")


@bp.post("/start")
@requires("account.self")
def start() -> ResponseReturnValue:
    two_factor.begin_set_up(user_id=current_user.id)
    return redirect_to(url_for(".show"))


@bp.get("")
@requires("account.self")
def show() -> ResponseReturnValue:
    if current_user.totp_enabled or not two_factor.secret_of(current_user):
        return redirect_to(url_for("accounts.security"))
    return _set_up(CodeForm())


@bp.post("")
@requires("account.self")
def confirm() -> ResponseReturnValue:
    form = CodeForm()
    if form.validate_on_submit():
        try:
            codes = two_factor.confirm_set_up(user_id=current_user.id, code=text(form.code))
            return respond("accounts/recovery_codes.html", codes=codes, first=True)
        except DomainError as problem:
            if problem.field is None:
                return redirect_to(url_for("accounts.security"), problem.message, "warn")
            show_problem(form, problem)
    return _set_up(form, 422)


@bp.get("/turn-off")
@requires("account.self")
def confirm_turn_off() -> ResponseReturnValue:
    return respond("accounts/turn_off.html", "dialog", form=ConfirmPasswordForm())


@bp.post("/turn-off")
@requires("account.self")
def turn_off() -> ResponseReturnValue:
    form = ConfirmPasswordForm()
    if form.validate_on_submit():
        try:
            services.turn_off_second_factor(user_id=current_user.id, password=text(form.password))
            return redirect_to(url_for("accounts.security"), "Two-factor sign-in is off.", "warn")
        except (DomainError, Locked) as problem:
            show_problem(form, problem)
    return respond("accounts/turn_off.html", "dialog", form=form, status=422)


@bp.get("/recovery-codes")
@requires("account.self")
def confirm_renewal() -> ResponseReturnValue:
    return respond("accounts/renew_codes.html", "dialog", form=ConfirmPasswordForm())


@bp.post("/recovery-codes")
@requires("account.self")
def renew() -> ResponseReturnValue:
    form = ConfirmPasswordForm()
    if form.validate_on_submit():
        try:
            codes = services.renew_recovery_codes(user_id=current_user.id, password=text(form.password))
            return respond("accounts/recovery_codes.html", "dialog", codes=codes, first=False)
        except (DomainError, Locked) as problem:
            show_problem(form, problem)
    return respond("accounts/renew_codes.html", "dialog", form=form, status=422)


def _set_up(form: CodeForm, status: int = 200) -> ResponseReturnValue:
    return respond(
        "accounts/two_factor.html",
        form=form,
        qr_code=two_factor.qr_code(current_user),
        secret=two_factor.secret_in_groups(current_user),
        status=status,
    )
