"""The settings page."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from dashboard.desk import queries, services
from dashboard.desk.forms import SettingsForm
from dashboard.forms import show_conflict, text
from dashboard.htmx import redirect_to, respond
from dashboard.problems import Conflict
from dashboard.security import requires
from dashboard.variables.models import READ_ONLY_VARIABLES

bp = Blueprint("settings", __name__, url_prefix="/settings")


@bp.get("")
@requires("settings.manage")
def index() -> ResponseReturnValue:
    present = queries.read_globals()
    return _page(SettingsForm(data={**present.values, "version": present.version}))


@bp.post("")
@requires("settings.manage")
def update() -> ResponseReturnValue:
    form = SettingsForm()
    if not form.validate_on_submit():
        return _page(form, status=422)
    try:
        values = {name: text(form[name]) for name in READ_ONLY_VARIABLES}
        changed = services.save_globals(values=values, version=form.version.data)
    except Conflict as conflict:
        return _page(form, differences=show_conflict(form, conflict), status=409)
    words = "Settings saved. New sends use them." if changed else "Nothing was changed."
    return redirect_to(url_for("settings.index"), words, "ok" if changed else "info")


def _page(form: SettingsForm, status: int = 200, **more: Any) -> ResponseReturnValue:
    rows = queries.environment_settings()
    return respond("desk/index.html", form=form, environment_settings=rows, status=status, **more)
