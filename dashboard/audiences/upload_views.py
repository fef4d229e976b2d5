"""Bytes coming in: slices that can be resumed, and the one plain POST of browsers without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import RequestEntityTooLarge

from dashboard.audiences import adding, import_services, queries
from dashboard.audiences.forms import SourceForm, StartForm
from dashboard.audiences.models import AudienceImport
from dashboard.audiences.uploads import SLICE_BYTES, DiskFull, TooLarge
from dashboard.current import current_settings
from dashboard.extensions import csrf
from dashboard.forms import show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires
from dashboard.settings import MEBIBYTE

bp = Blueprint("uploads", __name__)
_KINDS = ("upload", "paste", "url")


def large_body(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """The view takes a whole audience file in one form. Stands below `requires`: nobody else's body is read.

    The CSRF check reads the form, so it has to wait until the limit of this request is raised.
    """

    @wraps(view)
    def guarded(*arguments: Any, **keywords: Any) -> ResponseReturnValue:
        limit = current_settings().upload_limit
        request.max_content_length = limit + MEBIBYTE
        try:
            if current_app.config["WTF_CSRF_ENABLED"]:
                csrf.protect()
            return view(*arguments, **keywords)
        except RequestEntityTooLarge:
            raise RequestEntityTooLarge(TooLarge(limit).message) from None

    csrf.exempt(guarded)
    return guarded


def source_asked_for() -> str:
    """The way in that the address names, "upload" otherwise."""
    asked = request.args.get("source", "")
    return asked if asked in _KINDS else "upload"


def rows_of(form: SourceForm) -> adding.Rows:
    """What a valid form brings."""
    if form.source.data == "url":
        return adding.Rows("url", url=text(form.url).strip())
    if form.source.data == "paste":
        return adding.Rows.pasted(text(form.pasted))
    return adding.Rows("upload", form.file.data.filename or "", form.file.data.stream)


def to_import(row: AudienceImport) -> ResponseReturnValue:
    return redirect_to(url_for("audiences.imports.show", import_id=row.id))


@bp.get('/<pid("adn"):audience_id>/imports/new')
@requires("audiences.write")
def new(audience_id: int) -> ResponseReturnValue:
    form = SourceForm(formdata=None, data={"source": source_asked_for()})
    return respond("audiences/new.html", form=form, audience=queries.audience(audience_id), limits=current_settings())


@bp.post('/<pid("adn"):audience_id>/imports/new')
@requires("audiences.write")
@large_body
def create(audience_id: int) -> ResponseReturnValue:
    form = SourceForm()
    if form.validate_on_submit():
        try:
            row = adding.add_rows(audience_id=audience_id, rows=rows_of(form), created_by=current_user.id)
            return to_import(row)
        except DomainError as problem:
            show_problem(form, problem)
    audience = queries.audience(audience_id)
    return respond("audiences/new.html", form=form, audience=audience, limits=current_settings(), status=422)


@bp.post("/start")
@requires("audiences.write")
def start_new() -> ResponseReturnValue:
    """The uploader begins: a new audience and its import, then slices."""
    return _start(None)


@bp.post('/<pid("adn"):audience_id>/imports/start')
@requires("audiences.write")
def start(audience_id: int) -> ResponseReturnValue:
    """The same for an audience that exists."""
    return _start(audience_id)


def _start(audience_id: int | None) -> ResponseReturnValue:
    form = StartForm()
    if not form.validate_on_submit():
        words = [str(error) for field in form for error in field.errors]
        return jsonify(error=" ".join(words)), 422
    try:
        row = adding.begin_upload(
            audience_id=audience_id,
            name=text(form.name),
            filename=text(form.filename),
            size=form.size.data or 0,
            created_by=current_user.id,
        )
    except DomainError as problem:
        return jsonify(error=problem.message), 413 if isinstance(problem, TooLarge) else 422
    return jsonify(
        upload_url=url_for("audiences.uploads.data", import_id=row.id),
        done_url=url_for("audiences.imports.show", import_id=row.id),
    ), 201


@bp.put('/imports/<pid("imp"):import_id>/data')
@requires("audiences.write")
def data(import_id: int) -> ResponseReturnValue:
    """One slice at ?offset=N; 409 with {"offset"} where the upload stands elsewhere."""
    request.max_content_length = SLICE_BYTES
    offset = request.args.get("offset", type=int)
    if offset is None or offset < 0:
        return jsonify(error="Say where the slice begins: ?offset=<bytes>."), 422
    try:
        row = import_services.receive_slice(import_id=import_id, offset=offset, source=request.stream)
    except Conflict as conflict:
        return jsonify(offset=conflict.current.received, error=conflict.message), 409
    except TooLarge as problem:
        return jsonify(error=problem.message), 413
    except DomainError as problem:
        return jsonify(error=problem.message), 507 if isinstance(problem, DiskFull) else 422
    return jsonify(offset=row.received)


@bp.post('/imports/<pid("imp"):import_id>/upload')
@requires("audiences.write")
@large_body
def upload(import_id: int) -> ResponseReturnValue:
    """The whole file for an upload that was begun before."""
    form = SourceForm()
    if not form.validate_on_submit():
        return redirect_to(url_for("audiences.imports.show", import_id=import_id), "Choose the file first.", "warn")
    row = import_services.receive_all(import_id=import_id, source=form.file.data.stream)
    return to_import(row)
