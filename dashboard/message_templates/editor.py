"""The editor's page: its form from a version or from what was posted, and everything that stands around it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import func, select

from dashboard.audiences.models import Audience
from dashboard.extensions import db
from dashboard.htmx import canonical_url, redirect_to, respond, wants_fragment
from dashboard.ids import parse_public_id
from dashboard.message_templates import attachments, content_rules, previews, queries
from dashboard.message_templates.attachments import Upload
from dashboard.message_templates.differences import FieldDifference
from dashboard.message_templates.email_form import EmailForm
from dashboard.message_templates.forms import Row, TemplateForm, tag_words
from dashboard.message_templates.models import Template, TemplateAttachment, TemplateVersion
from dashboard.message_templates.phone_forms import PushForm, SmsForm
from dashboard.message_templates.preview_choice import PreviewChoice
from dashboard.message_templates.preview_data import PreviewData, collect
from dashboard.message_templates.previews import Preview, Remark
from dashboard.message_templates.services import Draft
from dashboard.message_templates.sms_lengths import audience_lengths
from dashboard.timefmt import local
from worker.rendering.channels import content_from
from worker.rendering.content import Attachment, Content

PAGE = "message_templates/edit.html"
_FORMS: dict[str, type[TemplateForm]] = {"email": EmailForm, "sms": SmsForm, "push": PushForm}


@dataclass(slots=True)
class Editing:
    """What is being edited: the form, and the ids of the attachments that a save will link."""

    template: Template
    form: TemplateForm
    kept: list[int]

    @property
    def content(self) -> Content:
        """What was typed, without attachments."""
        return self.form.content()

    @property
    def sample(self) -> dict[str, Any]:
        """The sample values as typed, none where they are no JSON."""
        try:
            return content_rules.read_object(self.form.sample.data or "")
        except content_rules.JsonProblem:
            return {}

    def draft(self) -> Draft:
        """What a save stores."""
        form = self.form
        return Draft(
            name=form.name.data or "",
            category=form.category.data,
            content=self.content,
            description=form.description.data or "",
            tags=tag_words(form.tags.data or ""),
            sample=self.sample,
            attachment_ids=self.kept,
        )

    def take_uploads(self) -> list[TemplateAttachment]:
        """Stage the files that came with the form and keep them; DomainError(field="files") where one is refused."""
        uploads = [Upload(file.filename or "", file.read()) for file in self.form.uploads]
        if not uploads:
            return []
        rows = attachments.stage(template_id=self.template.id, uploads=uploads, beside=self.kept)
        self.kept += [row.id for row in rows]
        return rows


def opened(template: Template) -> Editing:
    """The editor as it opens: the draft, else what is published."""
    version = queries.working_version(template)
    return Editing(template, form_of(template, version), list(version.attachment_ids))


def posted(template: Template) -> Editing:
    """The editor as it was sent; where no text came along (a button on another page), as it was saved."""
    kind = form_class(template.channel)
    if kind.main not in request.form:
        return opened(template)
    return Editing(template, kind(), _kept(template))


def _kept(template: Template) -> list[int]:
    """Posted attachment ids that are this template's, in their order."""
    ids = []
    for text in request.form.getlist("kept"):
        try:
            ids.append(parse_public_id(TemplateAttachment.PREFIX, text))
        except ValueError:
            continue
    return [row.id for row in queries.attachment_rows(ids) if row.template_id == template.id]


def form_of(template: Template, version: TemplateVersion) -> TemplateForm:
    """The form of the template's channel, filled from a version."""
    content = queries.content_of(version, with_attachments=False)
    kind = form_class(template.channel)
    values: dict[str, Any] = {
        **kind.values_of(content),
        "version": template.version,
        "name": template.name,
        "description": template.description,
        "tags": ", ".join(template.tags),
        "category": template.category,
        "sample": json.dumps(template.sample, indent=2, ensure_ascii=False) if template.sample else "",
    }
    return kind(formdata=None, data=values, rows=kind.rows_of(content))


def form_class(channel: str) -> type[TemplateForm]:
    """The form of a channel's editor."""
    return _FORMS[channel]


# -- the preview beside it


def data_of(editing: Editing, choice: PreviewChoice) -> PreviewData:
    """The values that the preview and a test send use."""
    needed = {use.root for use in previews.uses_in(editing.content)}
    return collect(choice, editing.sample, needed)


def preview_of(editing: Editing, choice: PreviewChoice, data: PreviewData) -> Preview:
    """The preview of what is in the form, with the form's own refusals first."""
    return previews.make_preview(
        content=_with_names(editing),
        category=editing.form.category.data or editing.template.category,
        data=data,
        owner=current_user.id,
        strict=choice.strict,
        refused=_refusals(editing.form),
    )


def _with_names(editing: Editing) -> Content:
    """The content with its attachments' names and types; the bytes are not looked at."""
    rows = queries.attachment_rows(editing.kept)
    content = editing.content
    files = tuple(Attachment(row.filename, row.content_type, b"") for row in rows)
    return content_from(content.channel, content.to_dict(), files)


def _refusals(form: TemplateForm) -> list[Remark]:
    """What a save would refuse, as remarks: fields first, then header rows."""
    form.validate()
    refused = [
        Remark("blocking", name, str(form[name].label.text), str(message))
        for name, messages in form.errors.items()
        if name and name in form and name != "csrf_token"
        for message in messages
    ]
    return refused + [Remark("blocking", form.row_inputs[0], "Rows", message) for _, message in form.row_errors]


def measured(editing: Editing, choice: PreviewChoice) -> dict[str, Any]:
    """What the page says of the messages' lengths over the chosen audience; None where there is nothing to say."""
    found = audience_lengths(editing.content, choice.audience_id) if choice.audience_id is not None else None
    return {"lengths": found}


# -- answers


def context(
    editing: Editing, choice: PreviewChoice, differences: Sequence[FieldDifference] = (), **extra: Any
) -> dict[str, Any]:
    """Everything that the editor's template reads."""
    data = data_of(editing, choice)
    preview = preview_of(_apart(editing), choice, data)
    return {
        "message_template": editing.template,
        "editable": True,
        "state": queries.state_of(editing.template),
        "form": editing.form,
        "attachments": queries.attachment_rows(editing.kept),
        "attachment_limit": attachments.limit(),
        "choice": choice.at(data.place.row if data.place else None),
        "preview": preview,
        "audiences": audience_choices(),
        "completion": previews.completion_list(data),
        "differences": differences,
        "title": editing.template.name,
        **extra,
    }


def _apart(editing: Editing) -> Editing:
    """The same in a form of its own: checking it for the preview must not redden the fields of the one shown."""
    rows = [Row(row.name, row.value) for row in editing.form.rows]
    form = form_class(editing.template.channel)(formdata=None, data=editing.form.data, rows=rows, meta={"csrf": False})
    return Editing(editing.template, form, editing.kept)


def audience_choices() -> list[tuple[str, str]]:
    """(public id, name) of audiences with records, for the data select."""
    rows = db.session.scalars(
        select(Audience)
        .where(Audience.archived_at.is_(None), Audience.current_version_id.is_not(None))
        .order_by(func.lower(Audience.name))
        .limit(500)
    )
    return [(row.public_id, row.name) for row in rows]


def show(editing: Editing, choice: PreviewChoice, *, status: int = 200, **extra: Any) -> ResponseReturnValue:
    """The whole editor, for htmx in place of the one on the page."""
    headers = {"HX-Retarget": "#template-editor", "HX-Reswap": "outerHTML"}
    return respond(PAGE, "editor", status=status, headers=headers, **context(editing, choice, **extra))


def saved(editing: Editing, uploaded: bool) -> ResponseReturnValue:
    """After a save: the small state line for htmx, so that the cursor stays where it is; the page again without it."""
    template = editing.template
    if not wants_fragment():
        return redirect_to(url_for("templates.edit", template_id=template.id), "Draft saved.")
    values: dict[str, Any] = {
        "message_template": template,
        "state": queries.state_of(template),
        "saved_at": local(template.updated_at).strftime("%H:%M:%S"),
    }
    if uploaded:
        values |= {"attachments": queries.attachment_rows(editing.kept), "attachment_limit": attachments.limit()}
        return respond(PAGE, "save_state", out_of_band=["attachments"], form=editing.form, swapped=True, **values)
    return respond(PAGE, "save_state", **values)


def editor_url(template: Template, choice: PreviewChoice) -> str:
    """The editor's address with the preview's choice in it."""
    base = url_for("templates.edit", template_id=template.id)
    query = canonical_url(**choice.query()).partition("?")[2]
    return f"{base}?{query}" if query else base
