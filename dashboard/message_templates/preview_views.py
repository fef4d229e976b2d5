"""The live preview: rendering what is typed, and the sandboxed documents that the frame shows."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.htmx import respond, wants_fragment
from dashboard.message_templates import editor, preview_documents, preview_store, queries
from dashboard.message_templates.preview_choice import PreviewChoice
from dashboard.security import PREVIEW_POLICY, PREVIEW_POLICY_WITH_IMAGES, requires

bp = Blueprint("previews", __name__)


@bp.post('/<pid("tpl"):template_id>/render')
@requires("templates.write")
def render(template_id: int) -> ResponseReturnValue:
    editing = editor.posted(queries.template(template_id))
    choice = PreviewChoice.read(request.form)
    measured = editor.measured(editing, choice) if "measure" in request.form else {}
    if not wants_fragment():
        return editor.show(editing, choice, **measured)
    context = editor.context(editing, choice, **measured)
    headers = {"HX-Replace-Url": editor.editor_url(editing.template, context["choice"])}
    return respond(editor.PAGE, "preview_result", headers=headers, out_of_band=["preview_values"], **context)


@bp.get('/<pid("tpl"):template_id>/preview')
@requires("templates.read")
def document(template_id: int) -> ResponseReturnValue:
    queries.template(template_id)
    choice = PreviewChoice.read(request.args)
    stored = preview_store.find(request.args.get("t", ""), owner=current_user.id)
    html = preview_documents.document(choice.view, stored) if stored else preview_documents.gone()
    response = Response(html, 200 if stored else 404, mimetype="text/html")
    response.headers["Content-Security-Policy"] = PREVIEW_POLICY_WITH_IMAGES if choice.images else PREVIEW_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
