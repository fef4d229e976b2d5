"""The search of the top bar: an id opens its page, an address the log, everything else a page of what was found.

What was typed never stands in a URL: it may be somebody's address or name. A token does (`services.remember`).
"""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.forms import text
from dashboard.htmx import redirect_to, respond
from dashboard.search import queries
from dashboard.search.destinations import destination, explain
from dashboard.search.forms import SearchForm
from dashboard.search.services import recall, remember
from dashboard.search.terms import read_term
from dashboard.security import requires

bp = Blueprint("search", __name__, url_prefix="/search")


@bp.post("")
@requires("home.read")
def find() -> ResponseReturnValue:
    form = SearchForm()
    if not form.validate_on_submit():
        return respond("search/index.html", form=form, status=422)
    term = text(form.term)
    found = destination(term)
    if found.path:
        return redirect_to(found.path, found.words, "info")
    return redirect_to(url_for("search.index", term=remember(term)))


@bp.get("")
@requires("home.read")
def index() -> ResponseReturnValue:
    token = request.args.get("term", "")
    words = recall(token)
    form = SearchForm(formdata=None, data={"term": words or ""})
    if not words:
        return respond("search/index.html", form=form, forgotten=bool(token))
    return respond(
        "search/index.html",
        form=form,
        words=words,
        explanation=explain(read_term(words)),
        named=queries.named(words),
        messages=queries.with_provider_id(words),
        looked_through=queries.LOOKED_THROUGH,
        recipients_url=url_for("messages.index", who=token, range="all"),
    )
