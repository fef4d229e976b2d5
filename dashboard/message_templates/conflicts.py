"""Two people at once: what was typed beside what somebody else saved meanwhile, and taking their side of a field."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from dashboard.accounts.models import User
from dashboard.extensions import db
from dashboard.message_templates import editor, queries
from dashboard.message_templates.differences import FieldDifference, content_differences, word_pieces
from dashboard.message_templates.editor import Editing
from dashboard.message_templates.models import Template
from dashboard.message_templates.preview_choice import PreviewChoice

_FACTS = (("name", "Name"), ("description", "Description"), ("tags", "Tags"), ("category", "Category"))
_NEVER_TAKEN = ("version", "csrf_token", "files")


def differences(mine: Editing) -> tuple[FieldDifference, ...]:
    """What differs between what is saved now (old) and what was typed (new), field by field."""
    theirs = editor.opened(mine.template)
    found = [
        FieldDifference(name, label, pieces=word_pieces(theirs.form[name].data or "", mine.form[name].data or ""))
        for name, label in _FACTS
        if (theirs.form[name].data or "") != (mine.form[name].data or "")
    ]
    found += content_differences(theirs.content, mine.content)
    if theirs.sample != mine.sample:
        pieces = word_pieces(theirs.form.sample.data or "", mine.form.sample.data or "")
        found.append(FieldDifference("sample", "Sample values", pieces=pieces))
    return tuple(found)


def take_theirs(mine: Editing, name: str) -> None:
    """Replace one field of what was typed by what is saved now."""
    theirs = editor.opened(mine.template)
    if name in ("headers", "data"):
        mine.form.rows = theirs.form.rows
    elif name in mine.form and name not in _NEVER_TAKEN:
        mine.form[name].data = theirs.form[name].data
        if name == "text" and "text_mode" in mine.form:
            mine.form["text_mode"].data = theirs.form["text_mode"].data


def show(template_id: int, mine: Editing, choice: PreviewChoice, *, status: int = 409) -> ResponseReturnValue:
    """The editor with both sides of every field that differs; saving it again keeps what is typed."""
    template = queries.template(template_id)
    mine.template = template
    mine.form.version.data = template.version
    mine.form.version.raw_data = None  # the input shows what was posted otherwise
    return editor.show(
        mine, choice, status=status, conflict=True, differences=differences(mine), other=last_editor(template)
    )


def last_editor(template: Template) -> str:
    """Who saved last, "" where nobody is known."""
    user = db.session.get(User, template.updated_by) if template.updated_by else None
    return user.full_name or user.username if user else ""
