"""Sign in and out, one's own profile and password."""

from __future__ import annotations

from flask import Blueprint, current_app, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.accounts import reauth_views, second_step_views, services, sessions, two_factor_views
from dashboard.accounts.forms import ChangePasswordForm, ProfileForm, SignInForm, zone_names
from dashboard.accounts.sign_in import locked_answer, sign_in_with_password
from dashboard.accounts.throttle import Locked
from dashboard.forms import show_conflict, show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.problems import Conflict, DomainError
from dashboard.security import before_password_change, public, requires, safe_next

bp = Blueprint("accounts", __name__)
bp.register_blueprint(second_step_views.bp)
bp.register_blueprint(reauth_views.bp)
bp.register_blueprint(two_factor_views.bp)


@bp.before_app_request
def note_seen() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "_permission", "public") in ("public", "api"):
        return  # /healthz and the like answer without the database, and applications are nobody's session
    if current_user.is_authenticated and sessions.is_stale(current_user):
        services.note_seen(user_id=current_user.id)


@bp.get("/login")
@public
def login() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect_to(safe_next(request.args.get("next")) or "/")
    form = SignInForm(next=safe_next(request.args.get("next")) or "")
    return respond("accounts/login.html", form=form)


@bp.post("/login")
@public
def sign_in() -> ResponseReturnValue:
    form = SignInForm()
    if not form.validate_on_submit():
        return respond("accounts/login.html", form=form, status=422)
    try:
        return redirect_to(sign_in_with_password(text(form.username), text(form.password), form.next.data))
    except Locked as problem:
        show_problem(form, problem)
        return locked_answer(respond("accounts/login.html", form=form), problem)
    except DomainError as problem:
        show_problem(form, problem)
        return respond("accounts/login.html", form=form, status=422)


@bp.post("/logout")
@requires("account.self")
@before_password_change
def logout() -> ResponseReturnValue:
    services.note_sign_out(user_id=current_user.id)
    sessions.end_session()
    return redirect_to(url_for("accounts.login"), "You are signed out.")


@bp.get("/me")
@requires("account.self")
def me() -> ResponseReturnValue:
    return respond("accounts/profile.html", form=ProfileForm(obj=current_user), zones=zone_names())


@bp.post("/me")
@requires("account.self")
def update() -> ResponseReturnValue:
    form = ProfileForm()
    if not form.validate_on_submit():
        return respond("accounts/profile.html", form=form, zones=zone_names(), status=422)
    try:
        services.update_profile(
            user_id=current_user.id,
            version=form.version.data,
            full_name=text(form.full_name),
            email=text(form.email),
            time_zone=text(form.time_zone),
            single_key_shortcuts=form.single_key_shortcuts.data,
            phone=text(form.phone),
            push_token=text(form.push_token),
        )
    except Conflict as conflict:
        differences = show_conflict(form, conflict)
        return respond("accounts/profile.html", form=form, zones=zone_names(), differences=differences, status=409)
    return redirect_to(url_for("accounts.me"), "Profile saved.")


@bp.get("/me/security")
@requires("account.self")
def security() -> ResponseReturnValue:
    return respond("accounts/security.html")


@bp.get("/me/password")
@requires("account.self")
@before_password_change
def password() -> ResponseReturnValue:
    return respond("accounts/password.html", form=ChangePasswordForm())


@bp.post("/me/password")
@requires("account.self")
@before_password_change
def change_password() -> ResponseReturnValue:
    form = ChangePasswordForm()
    if not form.validate_on_submit():
        return respond("accounts/password.html", form=form, status=422)
    forced = current_user.must_change_password
    try:
        user = services.change_password(
            user_id=current_user.id, current=text(form.current_password), new=text(form.new_password)
        )
    except (DomainError, Locked) as problem:
        show_problem(form, problem)
        return respond("accounts/password.html", form=form, status=422)
    sessions.begin_session(user)
    where = "/" if forced else url_for("accounts.security")
    return redirect_to(where, "Password changed. Every other browser is signed out.")


@bp.post("/me/sign-out-others")
@requires("account.self")
def sign_out_others() -> ResponseReturnValue:
    sessions.begin_session(services.sign_out_others(user_id=current_user.id))
    return redirect_to(url_for("accounts.security"), "Every other browser is signed out.")
