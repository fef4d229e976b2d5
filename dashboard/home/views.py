"""Home: is anything wrong, and what is running? And the tray of long work in the top bar."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort
from flask.typing import ResponseReturnValue

from dashboard.campaigns.queries import running_jobs, upcoming
from dashboard.home import queries
from dashboard.home.first_steps import first_steps
from dashboard.home.problems import problems
from dashboard.home.tiles import TILES, tile
from dashboard.htmx import respond, target
from dashboard.security import requires

bp = Blueprint("home", __name__)


@bp.get("/")
@requires("home.read")
def index() -> ResponseReturnValue:
    if target() == "attention":
        return respond("home/index.html", "attention", problems=problems(running_jobs()))
    if target() == "live":
        return respond("home/index.html", "live", upcoming=upcoming(), **_running())
    found = _running() | {"tiles": TILES, "steps": first_steps(), "upcoming": upcoming()}
    return respond("home/index.html", problems=problems(found["running"]), **found)


@bp.get("/tiles/<name>")
@requires("home.read")
def show_tile(name: str) -> ResponseReturnValue:
    if name not in TILES:
        abort(404)
    return respond("home/tile.html", "tile", tile=tile(name))


@bp.get("/jobs/tray")
@requires("home.read")
def tray() -> ResponseReturnValue:
    return respond("home/tray.html", "tray", ended=queries.ended_runs(), loaded=queries.ended_imports(), **_running())


def _running() -> dict[str, Any]:
    return {"running": running_jobs(), "imports": queries.running_imports()}
