"""Published versions: publish, list, compare, restore, discard the draft."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.forms import show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.message_templates import publishing, queries, services
from dashboard.message_templates.forms import PublishForm, VersionedForm
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires

bp = Blueprint("versions", __name__)
CONFIRM_PAGE = "message_templates/confirm.html"


@bp.get('/<pid("tpl"):template_id>/versions')
@requires("templates.read")
def index(template_id: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    return respond("message_templates/versions.html", message_template=template, page=publishing.version_list(template))


@bp.get('/<pid("tpl"):template_id>/versions/<int:left>..<int:right>')
@requires("templates.read")
def compare(template_id: int, left: int, right: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    return respond(
        "message_templates/compare.html", message_template=template, page=publishing.compared(template, left, right)
    )


@bp.get('/<pid("tpl"):template_id>/versions/<int:left>..draft')
@requires("templates.read")
def compare_draft(template_id: int, left: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    return respond(
        "message_templates/compare.html", message_template=template, page=publishing.compared(template, left, None)
    )


@bp.get('/<pid("tpl"):template_id>/publish')
@requires("templates.write")
def confirm(template_id: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    form = PublishForm(formdata=None, data={"version": template.version})
    return respond("message_templates/publish.html", "dialog", form=form, page=publishing.review(template))


@bp.post('/<pid("tpl"):template_id>/publish')
@requires("templates.write")
def publish(template_id: int) -> ResponseReturnValue:
    form = PublishForm()
    status = 422
    if form.validate_on_submit():
        try:
            version = services.publish(
                template_id=template_id,
                version=form.version.data,
                note=text(form.note),
                published_by=current_user.id,
            )
            where = url_for("templates.show", template_id=template_id)
            return redirect_to(where, f"Version {version.number} is published: new sends use it.")
        except (DomainError, Conflict) as problem:
            show_problem(form, problem)
            status = 409 if isinstance(problem, Conflict) else 422
    page = publishing.review(queries.template(template_id))
    return respond("message_templates/publish.html", "dialog", status=status, form=form, page=page)


@bp.get('/<pid("tpl"):template_id>/versions/<int:number>/restore')
@requires("templates.write")
def confirm_restore(template_id: int, number: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    version = queries.version_number(template, number)
    draft = queries.draft_of(template)
    return respond(CONFIRM_PAGE, "dialog", message_template=template, restored=version, draft=draft)


@bp.post('/<pid("tpl"):template_id>/versions/<int:number>/restore')
@requires("templates.write")
def restore(template_id: int, number: int) -> ResponseReturnValue:
    form = VersionedForm()
    services.restore_version(
        template_id=template_id, number=number, version=form.version.data, restored_by=current_user.id
    )
    return redirect_to(
        url_for("templates.edit", template_id=template_id),
        f"The draft now has the content of version {number}. Publish it to send with it.",
    )


@bp.get('/<pid("tpl"):template_id>/discard')
@requires("templates.write")
def confirm_discard(template_id: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    return respond(CONFIRM_PAGE, "dialog", message_template=template, draft=queries.draft_of(template))


@bp.post('/<pid("tpl"):template_id>/discard')
@requires("templates.write")
def discard(template_id: int) -> ResponseReturnValue:
    form = VersionedForm()
    services.discard_draft(template_id=template_id, version=form.version.data, discarded_by=current_user.id)
    return redirect_to(url_for("templates.show", template_id=template_id), "The unpublished changes are gone.")
