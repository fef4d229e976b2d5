"""Templates: the list, the editor, the archive. Versions, previews and test sends have modules of their own."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.forms import show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.message_templates import (
    conflicts,
    editing_views,
    editor,
    listing,
    preview_views,
    queries,
    send_test_views,
    services,
    version_views,
)
from dashboard.message_templates.forms import CloneForm, NewTemplateForm
from dashboard.message_templates.phone_starters import Starter
from dashboard.message_templates.preview_choice import PreviewChoice
from dashboard.message_templates.starters import starter, starters
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires

bp = Blueprint("templates", __name__, url_prefix="/templates")
for topic in (editing_views, preview_views, version_views, send_test_views):
    bp.register_blueprint(topic.bp)


@bp.get("")
@requires("templates.read")
def index() -> ResponseReturnValue:
    return respond(
        "message_templates/index.html",
        "results",
        push_url=True,
        title="Templates",
        **listing.context(request.args),
    )


@bp.get("/new")
@requires("templates.write")
def new() -> ResponseReturnValue:
    chosen = starter(request.args.get("starter", ""), request.args.get("channel", ""))
    data = {"starter": chosen.key, "category": chosen.category}
    return _new(NewTemplateForm(formdata=None, channel=chosen.content.channel, data=data), chosen)


@bp.post("/new")
@requires("templates.write")
def create() -> ResponseReturnValue:
    chosen = starter(request.form.get("starter", ""))
    form = NewTemplateForm(channel=chosen.content.channel)
    if form.validate_on_submit():
        try:
            template = services.create_template(
                name=text(form.name),
                category=text(form.category),
                starter_key=text(form.starter),
                created_by=current_user.id,
            )
            return redirect_to(url_for("templates.edit", template_id=template.id))
        except DomainError as problem:
            show_problem(form, problem)
    return _new(form, chosen, status=422)


def _new(form: NewTemplateForm, chosen: Starter, status: int = 200) -> ResponseReturnValue:
    channel = chosen.content.channel
    return respond("message_templates/new.html", form=form, channel=channel, starters=starters(channel), status=status)


@bp.get('/<pid("tpl"):template_id>')
@requires("templates.read")
def show(template_id: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    choice = PreviewChoice.read(request.args)
    page = listing.reading(template, choice, request.args.get("version", ""))
    return respond(
        "message_templates/show.html", message_template=template, choice=choice, page=page, title=template.name
    )


@bp.get('/<pid("tpl"):template_id>/edit')
@requires("templates.write")
def edit(template_id: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    if template.archived_at is not None:
        where = url_for("templates.show", template_id=template_id)
        return redirect_to(where, "It is archived. Take it out of the archive to edit it.", "warn")
    return editor.show(editor.opened(template), PreviewChoice.read(request.args))


@bp.post('/<pid("tpl"):template_id>/edit')
@requires("templates.write")
def update(template_id: int) -> ResponseReturnValue:
    editing = editor.posted(queries.template(template_id))
    choice = PreviewChoice.read(request.form)
    if not editing.form.validate():
        return editor.show(editing, choice, status=422)
    try:
        uploaded = editing.take_uploads()
        services.save_draft(
            template_id=template_id,
            draft=editing.draft(),
            version=editing.form.version.data,
            saved_by=current_user.id,
        )
    except Conflict:
        return conflicts.show(template_id, editing, choice)
    except DomainError as problem:
        show_problem(editing.form, problem)
        return editor.show(editing, choice, status=422)
    if request.form.get("then") == "publish":
        return redirect_to(url_for("templates.versions.confirm", template_id=template_id))
    return editor.saved(editing, bool(uploaded))


@bp.get('/<pid("tpl"):template_id>/clone')
@requires("templates.write")
def clone(template_id: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    form = CloneForm(formdata=None, data={"name": f"Copy of {template.name}"[:160]})
    return respond("message_templates/clone.html", "dialog", message_template=template, form=form)


@bp.post('/<pid("tpl"):template_id>/clone')
@requires("templates.write")
def create_clone(template_id: int) -> ResponseReturnValue:
    form = CloneForm()
    if form.validate_on_submit():
        try:
            copy = services.clone_template(template_id=template_id, name=text(form.name), cloned_by=current_user.id)
            return redirect_to(url_for("templates.edit", template_id=copy.id), f"This is {copy.name}.")
        except DomainError as problem:
            show_problem(form, problem)
    template = queries.template(template_id)
    return respond("message_templates/clone.html", "dialog", status=422, message_template=template, form=form)


@bp.post('/<pid("tpl"):template_id>/archive')
@requires("templates.write")
def archive(template_id: int) -> ResponseReturnValue:
    where = url_for("templates.show", template_id=template_id)
    try:
        template = services.archive_template(template_id=template_id, archived_by=current_user.id)
    except DomainError as problem:
        return redirect_to(where, problem.message, "bad")
    return redirect_to(where, f"{template.name} is archived. “Take out of the archive” brings it back.")


@bp.post('/<pid("tpl"):template_id>/unarchive')
@requires("templates.write")
def unarchive(template_id: int) -> ResponseReturnValue:
    template = services.unarchive_template(template_id=template_id, unarchived_by=current_user.id)
    return redirect_to(url_for("templates.show", template_id=template_id), f"{template.name} is back.")
