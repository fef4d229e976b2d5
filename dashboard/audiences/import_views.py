"""One import as a page that may be left and come back to: its columns, its check, its load."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.audiences import adding, import_pages, import_services
from dashboard.audiences.forms import DialectForm, MappingForm
from dashboard.forms import text
from dashboard.htmx import redirect_to, respond
from dashboard.problems import Conflict, DomainError, NotFound
from dashboard.security import requires
from worker.imports.files import files_of

bp = Blueprint("imports", __name__)


def _page(import_id: int, *, status: int = 200, **forms: Any) -> ResponseReturnValue:
    page = import_pages.page(import_services.get_import(import_id), **forms)
    return respond(page.template, "phase", status=status, title=page.title, page=page)


def _back(import_id: int, problem: DomainError | Conflict) -> ResponseReturnValue:
    return redirect_to(url_for("audiences.imports.show", import_id=import_id), problem.message, "bad")


@bp.get('/imports/<pid("imp"):import_id>')
@requires("audiences.read")
def show(import_id: int) -> ResponseReturnValue:
    return _page(import_id)


@bp.post('/imports/<pid("imp"):import_id>/dialect')
@requires("audiences.write")
def dialect(import_id: int) -> ResponseReturnValue:
    """Read the file in another way and guess its columns again."""
    form = DialectForm()
    row = import_services.get_import(import_id)
    if not form.validate_on_submit():
        return _page(import_id, status=422, dialect_form=form)
    try:
        import_services.save_dialect(import_id=import_id, dialect=form.dialect(row), version=form.version.data)
    except (Conflict, DomainError) as problem:
        return _back(import_id, problem)
    return _page(import_id)


@bp.post('/imports/<pid("imp"):import_id>/check')
@requires("audiences.write")
def check(import_id: int) -> ResponseReturnValue:
    form = MappingForm()
    header = import_services.get_import(import_id).guesses.get("header", [])
    if not form.validate_on_submit() or not form.check(header):
        return _page(import_id, status=422, mapping_form=form)
    try:
        import_services.start_check(
            import_id=import_id,
            columns=form.chosen(header),
            duplicates=text(form.duplicates),
            duplicate_by=text(form.duplicate_by),
            mode=text(form.mode),
            default_country=text(form.default_country),
            version=form.version.data,
        )
    except (Conflict, DomainError) as problem:
        return _back(import_id, problem)
    return redirect_to(url_for("audiences.imports.show", import_id=import_id))


@bp.post('/imports/<pid("imp"):import_id>/check-again')
@requires("audiences.write")
def check_again(import_id: int) -> ResponseReturnValue:
    try:
        import_services.check_again(import_id=import_id)
    except DomainError as problem:
        return _back(import_id, problem)
    return redirect_to(url_for("audiences.imports.show", import_id=import_id))


@bp.post('/imports/<pid("imp"):import_id>/reopen')
@requires("audiences.write")
def reopen(import_id: int) -> ResponseReturnValue:
    """Back to the columns."""
    try:
        import_services.reopen_mapping(import_id=import_id)
    except DomainError as problem:
        return _back(import_id, problem)
    return redirect_to(url_for("audiences.imports.show", import_id=import_id))


@bp.post('/imports/<pid("imp"):import_id>/load')
@requires("audiences.write")
def load(import_id: int) -> ResponseReturnValue:
    try:
        import_services.start_load(import_id=import_id, started_by=current_user.id)
    except DomainError as problem:
        return _back(import_id, problem)
    return redirect_to(url_for("audiences.imports.show", import_id=import_id))


@bp.get('/imports/<pid("imp"):import_id>/cancel')
@requires("audiences.write")
def confirm_cancel(import_id: int) -> ResponseReturnValue:
    row = import_services.get_import(import_id)
    return respond("audiences/import_cancel.html", "dialog", row=row, title="Cancel the import")


@bp.post('/imports/<pid("imp"):import_id>/cancel')
@requires("audiences.write")
def cancel(import_id: int) -> ResponseReturnValue:
    try:
        row = import_services.cancel_import(import_id=import_id)
    except DomainError as problem:
        return _back(import_id, problem)
    return redirect_to(url_for("audiences.show", audience_id=row.audience_id), "The import is cancelled.")


@bp.post('/imports/<pid("imp"):import_id>/fetch-again')
@requires("audiences.write")
def fetch_again(import_id: int) -> ResponseReturnValue:
    try:
        row = adding.fetch_again(import_id=import_id, created_by=current_user.id)
    except DomainError as problem:
        return _back(import_id, problem)
    return redirect_to(url_for("audiences.imports.show", import_id=row.id))


@bp.get('/imports/<pid("imp"):import_id>/rejects.csv')
@requires("audiences.read")
def rejects(import_id: int) -> ResponseReturnValue:
    """The rejected rows, made to be repaired in a spreadsheet and uploaded again."""
    row = import_services.get_import(import_id)
    path = files_of(import_id).rejects
    if not row.report.get("rejected") or not path.exists():
        raise NotFound("This import has no rejected rows to download.")
    name = f"rejects of {row.filename.removesuffix('.csv')}.csv"
    return send_file(path.resolve(), mimetype="text/csv", as_attachment=True, download_name=name, max_age=0)
