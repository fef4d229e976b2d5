"""The audit log: who did what, when and from where."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, current_app, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.audit import queries
from dashboard.audit.forms import read_filters
from dashboard.audit.models import AuditEntry
from dashboard.csv_export import stream_csv
from dashboard.htmx import canonical_url, respond
from dashboard.ids import parse_public_id
from dashboard.paging import Pager, Slice, pager
from dashboard.problems import DomainError
from dashboard.security import requires

bp = Blueprint("audit", __name__)

_COLUMNS = ("at", "user", "action", "object", "object id", "summary", "before", "after", "request id", "address")


@bp.get("/audit")
@requires("audit.read")
def index() -> ResponseReturnValue:
    try:
        page = queries.page(read_filters(request.args), after=_cursor("after"), before=_cursor("before"))
    except DomainError as problem:
        return _list(Slice([], has_newer=False, has_older=False), problem)
    return _list(page)


@bp.get('/audit/<pid("aud"):entry_id>')
@requires("audit.read")
def show(entry_id: int) -> ResponseReturnValue:
    entry = queries.get_entry(entry_id)
    return respond(
        "audit/show.html",
        entry=entry,
        differences=queries.differences(entry),
        object_id=queries.object_public_id(entry),
        object_url=object_url(entry),
    )


@bp.get("/audit.csv")
@requires("audit.read")
def export() -> ResponseReturnValue:
    return stream_csv("audit.csv", _COLUMNS, map(_csv_row, queries.export(read_filters(request.args))))


def object_url(entry: AuditEntry) -> str:
    """The page of what an entry is about, "" where there is none."""
    endpoint, argument = queries.OBJECT_PAGES.get(entry.object_kind, ("", ""))
    if not endpoint or entry.object_id is None or endpoint not in current_app.view_functions:
        return ""
    values: dict[str, Any] = {argument: entry.object_id}
    return url_for(endpoint, **values)


def _list(page: Slice[AuditEntry], problem: DomainError | None = None) -> ResponseReturnValue:
    return respond(
        "audit/index.html",
        "results",
        push_url=True,
        title="Audit log",
        out_of_band=("export",),
        page=page,
        pager=_pager(page),
        problem=problem,
        arguments=request.args,
        actions=queries.known_actions(),
        names=queries.known_names(),
        object_url=object_url,
        export_url=canonical_url(after=None, before=None).replace("/audit", "/audit.csv", 1),
        status=422 if problem else 200,
    )


def _pager(page: Slice[AuditEntry]) -> Pager:
    return pager(page, canonical_url, lambda entry: entry.public_id)


def _cursor(name: str) -> int | None:
    try:
        return parse_public_id(AuditEntry.PREFIX, request.args.get(name, ""))
    except ValueError:
        return None


def _csv_row(entry: AuditEntry) -> list[object]:
    sides = [json.dumps(side, ensure_ascii=False) if side is not None else "" for side in (entry.before, entry.after)]
    about = [entry.object_kind, queries.object_public_id(entry), entry.summary]
    return [entry.at, entry.user_name, entry.action, *about, *sides, entry.request_id, entry.remote_address]
