"""Help pages."""

from __future__ import annotations

from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.help import shortcuts as keys
from dashboard.htmx import respond
from dashboard.navigation import visible_items
from dashboard.security import requires

bp = Blueprint("help", __name__, url_prefix="/help")


@bp.get("/statuses")
@requires("home.read")
def statuses() -> ResponseReturnValue:
    return respond("help/statuses.html")


@bp.get("/shortcuts")
@requires("home.read")
def shortcuts() -> ResponseReturnValue:
    places = keys.places(visible_items(current_app, current_user))
    groups = [("Everywhere", keys.EVERYWHERE), ("Go to", places), ("Lists", keys.LISTS), ("Forms", keys.FORMS)]
    return respond("help/shortcuts.html", "dialog", groups=groups)
