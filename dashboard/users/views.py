"""The administrator's pages about users."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.accounts.models import Role
from dashboard.accounts.throttle import locked_until
from dashboard.forms import show_conflict, show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires
from dashboard.users import queries, services
from dashboard.users.forms import NewUserForm, TypedNameForm, UserForm

bp = Blueprint("users", __name__, url_prefix="/users")


@bp.get("")
@requires("users.manage")
def index() -> ResponseReturnValue:
    filters = queries.Filters(
        q=request.args.get("q", ""), role=request.args.get("role", ""), state=request.args.get("state", "")
    )
    users = queries.list_users(filters)
    return respond(
        "users/index.html", "results", push_url=True, title="Users", users=users, filters=filters, shown=queries.SHOWN
    )


@bp.get("/new")
@requires("users.manage")
def new() -> ResponseReturnValue:
    return respond("users/new.html", form=NewUserForm(), roles=queries.ROLES)


@bp.post("")
@requires("users.manage")
def create() -> ResponseReturnValue:
    form = NewUserForm()
    if form.validate_on_submit():
        try:
            user, password = services.create_user(
                username=text(form.username),
                full_name=text(form.full_name),
                email=text(form.email),
                role=Role(form.role.data),
            )
            return respond("users/password.html", user=user, password=password, made=True, status=201)
        except DomainError as problem:
            show_problem(form, problem)
    return respond("users/new.html", form=form, roles=queries.ROLES, status=422)


@bp.get('/<pid("usr"):user_id>')
@requires("users.manage")
def show(user_id: int) -> ResponseReturnValue:
    return _page(user_id, UserForm(obj=queries.get_user(user_id)))


@bp.post('/<pid("usr"):user_id>')
@requires("users.manage")
def update(user_id: int) -> ResponseReturnValue:
    form = UserForm()
    if not form.validate_on_submit():
        return _page(user_id, form, status=422)
    try:
        services.update_user(
            user_id=user_id,
            version=form.version.data,
            full_name=text(form.full_name),
            email=text(form.email),
            role=Role(form.role.data),
        )
    except Conflict as conflict:
        return _page(user_id, form, differences=show_conflict(form, conflict), status=409)
    except DomainError as problem:
        show_problem(form, problem)
        return _page(user_id, form, status=422)
    return redirect_to(url_for("users.show", user_id=user_id), "User saved.")


@bp.get('/<pid("usr"):user_id>/suspend')
@requires("users.manage")
def confirm_suspend(user_id: int) -> ResponseReturnValue:
    return respond("users/suspend.html", "dialog", user=queries.get_user(user_id))


@bp.post('/<pid("usr"):user_id>/suspend')
@requires("users.manage")
def suspend(user_id: int) -> ResponseReturnValue:
    user = queries.get_user(user_id)
    try:
        services.suspend_user(user_id=user_id)
    except DomainError as problem:
        return respond("users/suspend.html", "dialog", user=user, problem=problem, status=422)
    return redirect_to(url_for("users.show", user_id=user_id), f"{user.username} is suspended and signed out.", "warn")


@bp.post('/<pid("usr"):user_id>/reactivate')
@requires("users.manage")
def reactivate(user_id: int) -> ResponseReturnValue:
    user = services.reactivate_user(user_id=user_id)
    return redirect_to(url_for("users.show", user_id=user_id), f"{user.username} may sign in again.")


@bp.post('/<pid("usr"):user_id>/unlock')
@requires("users.manage")
def unlock(user_id: int) -> ResponseReturnValue:
    user = services.unlock_user(user_id=user_id)
    return redirect_to(url_for("users.show", user_id=user_id), f"{user.username} may try to sign in again.")


@bp.get('/<pid("usr"):user_id>/reset-password')
@requires("users.manage")
def confirm_reset_password(user_id: int) -> ResponseReturnValue:
    return respond("users/reset_password.html", "dialog", user=queries.get_user(user_id))


@bp.post('/<pid("usr"):user_id>/reset-password')
@requires("users.manage")
def reset_password(user_id: int) -> ResponseReturnValue:
    try:
        user, password = services.reset_password(user_id=user_id)
    except DomainError as problem:
        user = queries.get_user(user_id)
        return respond("users/reset_password.html", "dialog", user=user, problem=problem, status=422)
    return respond("users/password.html", "dialog", user=user, password=password, made=False)


@bp.get('/<pid("usr"):user_id>/reset-second-factor')
@requires("users.manage")
def confirm_reset_second_factor(user_id: int) -> ResponseReturnValue:
    return respond("users/reset_second_factor.html", "dialog", user=queries.get_user(user_id), form=TypedNameForm())


@bp.post('/<pid("usr"):user_id>/reset-second-factor')
@requires("users.manage")
def reset_second_factor(user_id: int) -> ResponseReturnValue:
    form, user = TypedNameForm(), queries.get_user(user_id)
    if form.validate_on_submit():
        try:
            services.reset_second_factor(user_id=user_id, typed_name=text(form.typed_name))
            return redirect_to(url_for("users.show", user_id=user_id), "Two-factor sign-in is reset.", "warn")
        except DomainError as problem:
            show_problem(form, problem)
    return respond("users/reset_second_factor.html", "dialog", user=user, form=form, status=422)


def _page(user_id: int, form: UserForm, status: int = 200, **more: Any) -> ResponseReturnValue:
    user = queries.get_user(user_id)
    return respond(
        "users/show.html",
        user=user,
        form=form,
        roles=queries.ROLES,
        locked_until=locked_until(user.username),
        actions=queries.last_actions(user_id),
        status=status,
        **more,
    )
