"""Audiences: the list, one of them, its name, its end. Records, uploads and imports have modules of their own."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.audiences import adding, import_views, listing, queries, record_views, services, upload_views
from dashboard.audiences.forms import AudienceForm, DeleteForm, NewAudienceForm, split_tags
from dashboard.audiences.upload_views import large_body, rows_of, source_asked_for, to_import
from dashboard.current import current_settings
from dashboard.forms import show_conflict, show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires

bp = Blueprint("audiences", __name__, url_prefix="/audiences")
for topic in (upload_views, import_views, record_views):
    bp.register_blueprint(topic.bp)

SAMPLE = (
    "email,phone,first_name,city,order_number\r\n"
    "mira@example.com,+91 98765 43210,Mira,Pune,A-1001\r\n"
    "jonas@example.org,+49 151 23456789,Jonas,Köln,A-1002\r\n"
    "chloe@example.net,,Chloé,Lyon,A-1003\r\n"
)


@bp.get("")
@requires("audiences.read")
def index() -> ResponseReturnValue:
    context = listing.context(request.args)
    return respond("audiences/index.html", "results", push_url=True, title="Audiences", **context)


@bp.get("/sample.csv")
@requires("audiences.read")
def sample() -> ResponseReturnValue:
    """A small file that loads as it is."""
    headers = {"Content-Disposition": 'attachment; filename="sample-audience.csv"'}
    return Response("\ufeff" + SAMPLE, mimetype="text/csv", headers=headers)


@bp.get("/new")
@requires("audiences.write")
def new() -> ResponseReturnValue:
    form = NewAudienceForm(formdata=None, data={"source": source_asked_for()})
    return respond("audiences/new.html", form=form, audience=None, limits=current_settings())


@bp.post("/new")
@requires("audiences.write")
@large_body
def create() -> ResponseReturnValue:
    form = NewAudienceForm()
    if form.validate_on_submit():
        try:
            row = adding.create_from_rows(name=text(form.name), rows=rows_of(form), created_by=current_user.id)
            return to_import(row)
        except DomainError as problem:
            show_problem(form, problem)
    return respond("audiences/new.html", form=form, audience=None, limits=current_settings(), status=422)


@bp.get('/<pid("adn"):audience_id>')
@requires("audiences.read")
def show(audience_id: int) -> ResponseReturnValue:
    page = listing.reading(queries.audience(audience_id))
    return respond("audiences/show.html", page=page, audience=page.audience, title=page.audience.name)


@bp.get('/<pid("adn"):audience_id>/edit')
@requires("audiences.write")
def edit(audience_id: int) -> ResponseReturnValue:
    audience = queries.audience(audience_id)
    form = AudienceForm(formdata=None, obj=audience, data={"tags": ", ".join(audience.tags)})
    return respond("audiences/edit.html", form=form, audience=audience)


@bp.post('/<pid("adn"):audience_id>/edit')
@requires("audiences.write")
def update(audience_id: int) -> ResponseReturnValue:
    form = AudienceForm()
    status, differences = 422, None
    if form.validate_on_submit():
        try:
            services.update_audience(
                audience_id=audience_id,
                name=text(form.name),
                description=text(form.description),
                tags=split_tags(form.tags.data),
                version=form.version.data,
            )
            return redirect_to(url_for("audiences.show", audience_id=audience_id), "Saved.")
        except Conflict as conflict:
            status, differences = 409, show_conflict(form, conflict)
        except DomainError as problem:
            show_problem(form, problem)
    audience = queries.audience(audience_id)
    return respond("audiences/edit.html", status=status, form=form, audience=audience, differences=differences)


@bp.post('/<pid("adn"):audience_id>/archive')
@requires("audiences.write")
def archive(audience_id: int) -> ResponseReturnValue:
    where = url_for("audiences.show", audience_id=audience_id)
    try:
        audience = services.archive_audience(audience_id=audience_id)
    except DomainError as problem:
        return redirect_to(where, problem.message, "bad")
    return redirect_to(where, f"{audience.name} is archived. “Take out of the archive” brings it back.")


@bp.post('/<pid("adn"):audience_id>/unarchive')
@requires("audiences.write")
def unarchive(audience_id: int) -> ResponseReturnValue:
    audience = services.unarchive_audience(audience_id=audience_id)
    where = url_for("audiences.show", audience_id=audience_id)
    return redirect_to(where, f"{audience.name} is offered to campaigns again.")


@bp.post('/<pid("adn"):audience_id>/versions/<pid("dsv"):version_id>/use')
@requires("audiences.write")
def use_version(audience_id: int, version_id: int) -> ResponseReturnValue:
    version = services.use_version(audience_id=audience_id, version_id=version_id)
    where = url_for("audiences.show", audience_id=audience_id)
    return redirect_to(where, f"Version {version.number} is in use. Campaigns launched from now on take it.")


@bp.get('/<pid("adn"):audience_id>/delete')
@requires("audiences.write")
def confirm_delete(audience_id: int) -> ResponseReturnValue:
    page = listing.ending(queries.audience(audience_id))
    return respond("audiences/delete.html", "dialog", form=DeleteForm(formdata=None), page=page)


@bp.post('/<pid("adn"):audience_id>/delete')
@requires("audiences.write")
def delete(audience_id: int) -> ResponseReturnValue:
    form = DeleteForm()
    try:
        name = services.delete_audience(audience_id=audience_id, typed_name=text(form.name))
    except DomainError as problem:
        show_problem(form, problem)
        page = listing.ending(queries.audience(audience_id))
        return respond("audiences/delete.html", "dialog", status=422, form=form, page=page)
    return redirect_to(url_for("audiences.index"), f"{name} is deleted.")
