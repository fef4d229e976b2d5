"""The records of an audience: pages of them, one found by its address, one alone."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.audiences import listing, queries
from dashboard.audiences.forms import FindForm
from dashboard.forms import text
from dashboard.htmx import redirect_to, respond
from dashboard.search.services import recall, remember
from dashboard.security import requires

bp = Blueprint("records", __name__)


@bp.get('/<pid("adn"):audience_id>/records')
@requires("audiences.read")
def index(audience_id: int) -> ResponseReturnValue:
    audience = queries.audience(audience_id)
    context = listing.records_of(
        audience,
        version=request.args.get("version", ""),
        first=request.args.get("first", 0, type=int),
        term=recall(request.args.get("who", "")) or "",
    )
    return respond("audiences/records.html", "results", push_url=True, title=f"Records of {audience.name}", **context)


@bp.post('/<pid("adn"):audience_id>/records/find')
@requires("audiences.read")
def find(audience_id: int) -> ResponseReturnValue:
    """Addresses do not belong into a URL: the term goes in as a token."""
    token = remember(text(FindForm().term)) or None
    version = request.args.get("version") or None
    return redirect_to(url_for("audiences.records.index", audience_id=audience_id, who=token, version=version))


@bp.get('/<pid("adn"):audience_id>/records/<int:record_no>')
@requires("audiences.read")
def show(audience_id: int, record_no: int) -> ResponseReturnValue:
    audience = queries.audience(audience_id)
    page = listing.one_record(audience, request.args.get("version", ""), record_no)
    return respond("audiences/record.html", page=page, audience=audience, title=f"Record {record_no + 1}")
