"""Reports: six questions about what was sent, as a page and as a CSV file."""

from __future__ import annotations

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue

from dashboard.csv_export import stream_csv
from dashboard.extensions import utc_now
from dashboard.htmx import respond
from dashboard.messages.listing import options
from dashboard.messages.queries import choices
from dashboard.reports import pages, queries
from dashboard.reports.charts import parts_of
from dashboard.reports.filters import RANGES, ReportFilters
from dashboard.security import requires
from dashboard.timefmt import current_zone

bp = Blueprint("reports", __name__, url_prefix="/reports")


def _filters() -> ReportFilters:
    zone = current_zone()
    return ReportFilters.from_query(request.args, zone=zone, today=utc_now().astimezone(zone).date())


@bp.get("")
@requires("reports.read")
def index() -> ResponseReturnValue:
    return _page("days")


@bp.get("/<name>")
@requires("reports.read")
def show(name: str) -> ResponseReturnValue:
    return _page(_known(name))


def _page(name: str) -> ResponseReturnValue:
    filters, sort = _filters(), pages.sort_of(request.args.get("sort", ""))
    totals = queries.totals(filters)
    response = respond(
        "reports/show.html", "results", push_url=True, title="Reports", name=name, filters=filters,
        questions=pages.QUESTIONS, ranges=RANGES, options=options(choices()), query=request.args, pages=pages,
        totals=totals, parts=parts_of(totals), parts_of=parts_of, before=queries.totals(filters.before()),
        **pages.content(name, filters, sort),
    )  # fmt: skip
    if "HX-Push-Url" in response.headers:
        ordered = {} if sort == pages.DEFAULT_SORT else {"sort": sort}
        response.headers["HX-Push-Url"] = f"{request.path}?{filters.query(**ordered)}"
    return response


def _known(name: str) -> str:
    if name not in pages.QUESTIONS:
        abort(404)
    return name


@bp.get("/<name>.csv")
@requires("reports.read")
def export(name: str) -> ResponseReturnValue:
    filters, name = _filters(), _known(name)
    filename = f"{name}-{filters.first.isoformat()}-{filters.last.isoformat()}.csv"
    return stream_csv(filename, pages.csv_header(name), pages.csv_rows(name, filters))
