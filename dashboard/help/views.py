"""Help pages."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.help import shortcuts as keys
from dashboard.htmx import respond
from dashboard.navigation import visible_items
from dashboard.security import requires
from dashboard.status import STATUSES

bp = Blueprint("help", __name__, url_prefix="/help")

#: Objects whose words are explained only where their part of the desk exists; a run has the words of a campaign.
_PARTS: Final = {"job": "", "otp": "otp", "export": "exports"}


@bp.get("/statuses")
@requires("home.read")
def statuses() -> ResponseReturnValue:
    kinds = [kind for kind in STATUSES if kind not in _PARTS or _PARTS[kind] in current_app.blueprints]
    return respond("help/statuses.html", kinds=kinds)


@bp.get("/shortcuts")
@requires("home.read")
def shortcuts() -> ResponseReturnValue:
    places = keys.places(visible_items(current_app, current_user))
    groups = [("Everywhere", keys.EVERYWHERE), ("Go to", places), ("Lists", keys.LISTS), ("Forms", keys.FORMS)]
    return respond("help/shortcuts.html", "dialog", groups=groups)
