"""What changes the editor's form without saving: rows, uploads, sample values, the other side of a conflict."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from dashboard.forms import show_problem
from dashboard.htmx import respond, target, trigger, wants_fragment
from dashboard.ids import parse_public_id
from dashboard.message_templates import attachments, conflicts, editor, previews, queries
from dashboard.message_templates.editor import Editing
from dashboard.message_templates.forms import Row
from dashboard.message_templates.literal_text import change_literals
from dashboard.message_templates.models import TemplateAttachment
from dashboard.message_templates.phone_forms import SmsForm
from dashboard.message_templates.preview_choice import PreviewChoice
from dashboard.problems import DomainError
from dashboard.security import requires
from worker.rendering.segments import GSM7_CHARACTERS, replaced
from worker.rendering.variables import variable_paths

bp = Blueprint("editing", __name__)

MOST_ROWS = 30
_CODE_POINT = re.compile(r"(10|0?[0-9a-f])?[0-9a-f]{1,4}")
#: The part of the form that htmx gets back, by the id it asks for.
_BLOCKS = {
    "headers": "headers",
    "entries": "entries",
    "attachments": "attachments",
    "sample-values": "sample",
    "sms-message": "sms_message",
}


@bp.post('/<pid("tpl"):template_id>/edit/rows')
@requires("templates.write")
def rows(template_id: int) -> ResponseReturnValue:
    editing = editor.posted(queries.template(template_id))
    choice = PreviewChoice.read(request.form)
    action, _, argument = request.form.get("change", "").partition(":")
    try:
        _ACTIONS.get(action, _nothing)(editing, argument)
        status = 200
    except DomainError as problem:
        show_problem(editing.form, problem)
        status = 422
    if action == "take":
        return conflicts.show(template_id, editing, choice, status=200)
    block = _BLOCKS.get(target())
    if block is None or not wants_fragment():
        return editor.show(editing, choice, status=status, added=action)
    return trigger(_block(editing, choice, block, action, status), "app:changed:preview", settled=True)


def _block(editing: Editing, choice: PreviewChoice, block: str, action: str, status: int) -> Response:
    return respond(
        editor.PAGE,
        block,
        status=status,
        message_template=editing.template,
        form=editing.form,
        attachments=queries.attachment_rows(editing.kept),
        attachment_limit=attachments.limit(),
        completion=previews.completion_list(editor.data_of(editing, choice)),
        added=action,
    )


def _add_row(editing: Editing, _argument: str) -> None:
    if len(editing.form.rows) >= MOST_ROWS:
        raise DomainError(f"{MOST_ROWS} rows are the most.")
    editing.form.rows.append(Row())


def _remove_row(editing: Editing, argument: str) -> None:
    if argument.isdecimal() and int(argument) < len(editing.form.rows):
        del editing.form.rows[int(argument)]


def _replace_all(editing: Editing, _argument: str) -> None:
    """Write something that GSM-7 has in place of every character that forces UCS-2."""
    if isinstance(editing.form, SmsForm):
        field = editing.form.text
        field.data = change_literals(field.data or "", lambda text: replaced(text, set(text) - GSM7_CHARACTERS))


def _replace_one(editing: Editing, argument: str) -> None:
    """The same for one character, given by its code point in hexadecimal."""
    if isinstance(editing.form, SmsForm) and _CODE_POINT.fullmatch(argument):
        field, character = editing.form.text, chr(int(argument, 16))
        field.data = change_literals(field.data or "", lambda text: replaced(text, {character}))


def _upload(editing: Editing, _argument: str) -> None:
    if not editing.take_uploads():
        raise DomainError("Choose a file first.", field="files")


def _remove_attachment(editing: Editing, argument: str) -> None:
    try:
        gone = parse_public_id(TemplateAttachment.PREFIX, argument)
    except ValueError:
        return
    editing.kept = [identifier for identifier in editing.kept if identifier != gone]


def _fill_sample(editing: Editing, _argument: str) -> None:
    """Give every variable of the template that nothing provides an entry to be filled in."""
    known = editor.data_of(editing, PreviewChoice()).values
    sample = editing.sample
    for use in variable_paths(editing.content):
        if use.root not in known and use.root not in sample:
            sample[use.root] = use.root.replace("_", " ")
    editing.form.sample.data = json.dumps(sample, indent=2, ensure_ascii=False)


def _nothing(_editing: Editing, _argument: str) -> None:
    """A button that is not known changes nothing."""


_ACTIONS: dict[str, Callable[[Editing, str], None]] = {
    "add_row": _add_row,
    "remove_row": _remove_row,
    "replace_all": _replace_all,
    "replace_one": _replace_one,
    "upload": _upload,
    "remove_attachment": _remove_attachment,
    "fill_sample": _fill_sample,
    "take": conflicts.take_theirs,
}
