"""The suppression list: look, add, check one address, lift, export."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.csv_export import stream_csv
from dashboard.forms import show_problem, text
from dashboard.htmx import canonical_url, redirect_to, respond
from dashboard.ids import parse_public_id
from dashboard.paging import pager
from dashboard.problems import DomainError, NotFound
from dashboard.search.services import recall, remember
from dashboard.security import requires
from dashboard.suppressions import queries, services
from dashboard.suppressions.addresses import WORDS, beginning, normal
from dashboard.suppressions.forms import AddForm, CheckForm, FindForm, LiftForm
from dashboard.suppressions.models import Suppression, SuppressionReason, SuppressionScope
from dashboard.suppressions.words import answer_about

bp = Blueprint("suppressions", __name__, url_prefix="/suppressions")


def _filters() -> queries.Filters:
    return queries.Filters(
        address=beginning(recall(request.args.get("who", "")) or ""),
        channel=request.args.get("channel", ""),
        scope=request.args.get("scope", ""),
        reason=request.args.get("reason", ""),
    )


def _cursor(name: str) -> int | None:
    try:
        return parse_public_id("sup", request.args.get(name, ""))
    except ValueError:
        return None


@bp.get("/")
@requires("suppressions.read")
def index() -> ResponseReturnValue:
    filters = _filters()
    page = queries.page(filters, after=_cursor("after"), before=_cursor("before"))
    return respond(
        "suppressions/index.html",
        "results",
        push_url=True,
        title="Suppressions",
        out_of_band=("export",),
        page=page,
        pager=pager(page, canonical_url, lambda row: row.public_id),
        count=queries.count(filters),
        filters=filters,
        find=FindForm(address=filters.address),
        check=CheckForm(formdata=None),
        anything=queries.anything_listed(),
        channels=[(channel.value, words.addresses) for channel, words in WORDS.items()],
        reasons=[(reason.value, reason.value.capitalize()) for reason in SuppressionReason],
        export_url=canonical_url(after=None, before=None).replace("/suppressions/", "/suppressions/export.csv", 1),
    )


@bp.post("/find")
@requires("suppressions.read")
def find() -> ResponseReturnValue:
    return redirect_to(url_for("suppressions.index", who=remember(text(FindForm().address)) or None))


@bp.get("/new")
@requires("suppressions.write")
def new() -> ResponseReturnValue:
    return respond("suppressions/new.html", form=AddForm(), results=None)


@bp.post("/")
@requires("suppressions.write")
def create() -> ResponseReturnValue:
    form = AddForm()
    if not form.validate_on_submit():
        return respond("suppressions/new.html", form=form, results=None, status=422)
    results = services.suppress_lines(
        text=text(form.addresses),
        scope=SuppressionScope(form.scope.data),
        note=text(form.note),
        channel=form.channel.data,
    )
    if all(result.ok for result in results):
        return redirect_to(url_for("suppressions.index"), f"{len(results)} on the list.")
    return respond("suppressions/new.html", form=form, results=results, status=422)


@bp.post("/check")
@requires("suppressions.read")
def check() -> ResponseReturnValue:
    form = CheckForm()
    answer = None
    if form.validate_on_submit():
        try:
            answer = answer_about(form.channel.data, normal(form.channel.data, text(form.address)))
        except DomainError as problem:
            show_problem(form, problem)
    return respond("suppressions/check.html", form=form, answer=answer, status=200 if answer else 422)


@bp.get('/<pid("sup"):suppression_id>/lift')
@requires("suppressions.write")
def confirm_lift(suppression_id: int) -> ResponseReturnValue:
    return respond("suppressions/lift.html", "dialog", form=LiftForm(), row=_load(suppression_id))


@bp.post('/<pid("sup"):suppression_id>/lift')
@requires("suppressions.write")
def lift(suppression_id: int) -> ResponseReturnValue:
    form, row = LiftForm(), _load(suppression_id)
    if form.validate_on_submit():
        services.lift(suppression_id=suppression_id, reason=text(form.reason))
        return redirect_to(url_for("suppressions.index"), "Lifted. The address may be written to again.")
    return respond("suppressions/lift.html", "dialog", form=form, row=row, status=422)


@bp.get("/export.csv")
@requires("suppressions.read")
def export() -> ResponseReturnValue:
    found = queries.export(_filters())
    rows = ([row.channel, row.address, row.scope, row.reason, row.note, row.created_at] for row in found)
    return stream_csv("suppressions.csv", ["channel", "address", "scope", "reason", "note", "since"], rows)


def _load(suppression_id: int) -> Suppression:
    row = queries.find(suppression_id)
    if row is None:
        raise NotFound("This entry is not on the list any more.")
    return row
