"""The documentation for people, and the OpenAPI document for programs."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from dashboard.api.reference import chapters
from dashboard.api.specification import specification
from dashboard.htmx import respond
from dashboard.security import public, requires

bp = Blueprint("api", __name__, url_prefix="/api")


@bp.get("/docs")
@requires("home.read")
def documentation() -> ResponseReturnValue:
    document = specification()
    return respond("api/docs.html", info=document["info"], chapters=chapters(document))


@bp.get("/openapi.json")
@public
def openapi() -> ResponseReturnValue:
    return jsonify(specification())
