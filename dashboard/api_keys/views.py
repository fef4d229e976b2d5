"""The administrator's pages about API keys."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from dashboard.api_keys import queries, services
from dashboard.api_keys.forms import NewKeyForm, RotateForm
from dashboard.forms import show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.problems import DomainError
from dashboard.security import requires

bp = Blueprint("api_keys", __name__, url_prefix="/api-keys")


@bp.get("")
@requires("api_keys.manage")
def index() -> ResponseReturnValue:
    return respond("api_keys/index.html", keys=queries.list_keys(), shown=queries.SHOWN)


@bp.get("/new")
@requires("api_keys.manage")
def new() -> ResponseReturnValue:
    return respond("api_keys/new.html", form=_new_form(), scopes=queries.SCOPES)


@bp.post("")
@requires("api_keys.manage")
def create() -> ResponseReturnValue:
    form = _new_form()
    if form.validate_on_submit():
        try:
            key, token = services.create_key(
                name=text(form.name),
                scopes=form.chosen_scopes(),
                template_ids=[int(number) for number in form.template_ids.data or []],
                requests_per_minute=form.requests_per_minute.data or 0,
                expires_at=_end_of(form),
            )
            return respond("api_keys/secret.html", key=key, token=token, made=True, status=201)
        except DomainError as problem:
            show_problem(form, problem)
    return respond("api_keys/new.html", form=form, scopes=queries.SCOPES, status=422)


@bp.get('/<pid("key"):key_id>')
@requires("api_keys.manage")
def show(key_id: int) -> ResponseReturnValue:
    key = queries.get_key(key_id)
    return respond("api_keys/show.html", key=key, templates=queries.template_names(key.template_ids))


@bp.get('/<pid("key"):key_id>/rotate')
@requires("api_keys.manage")
def confirm_rotate(key_id: int) -> ResponseReturnValue:
    return respond("api_keys/rotate.html", "dialog", key=queries.get_key(key_id), form=RotateForm())


@bp.post('/<pid("key"):key_id>/rotate')
@requires("api_keys.manage")
def rotate(key_id: int) -> ResponseReturnValue:
    form = RotateForm()
    try:
        key, token = services.rotate_key(key_id=key_id, overlap=bool(form.overlap.data))
    except DomainError as problem:
        show_problem(form, problem)
        return respond("api_keys/rotate.html", "dialog", key=queries.get_key(key_id), form=form, status=422)
    return respond("api_keys/secret.html", "dialog", key=key, token=token, made=False)


@bp.get('/<pid("key"):key_id>/revoke')
@requires("api_keys.manage")
def confirm_revoke(key_id: int) -> ResponseReturnValue:
    return respond("api_keys/revoke.html", "dialog", key=queries.get_key(key_id))


@bp.post('/<pid("key"):key_id>/revoke')
@requires("api_keys.manage")
def revoke(key_id: int) -> ResponseReturnValue:
    key = services.revoke_key(key_id=key_id)
    return redirect_to(url_for("api_keys.show", key_id=key_id), f"The key {key.name} does not work any more.", "warn")


def _new_form() -> NewKeyForm:
    form = NewKeyForm()
    form.template_ids.choices = queries.template_choices()
    return form


def _end_of(form: NewKeyForm) -> datetime | None:
    """The end (UTC) of the day that was typed."""
    day = form.expires_on.data
    return None if day is None else datetime.combine(day, time(), tzinfo=UTC) + timedelta(days=1)
