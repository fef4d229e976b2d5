"""Send to me, test send, and what became of them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.forms import show_problem
from dashboard.htmx import redirect_to, respond, trigger, wants_fragment
from dashboard.ids import parse_public_id
from dashboard.jobs.models import Job
from dashboard.message_templates import editor, queries, send_tests
from dashboard.message_templates.forms import TestSendForm, select_choices
from dashboard.message_templates.models import Template
from dashboard.message_templates.preview_choice import PreviewChoice
from dashboard.message_templates.recipients import recipients_of
from dashboard.problems import DomainError
from dashboard.providers.models import Provider
from dashboard.security import requires

bp = Blueprint("tests", __name__)
PAGE = "message_templates/tests.html"


@bp.get('/<pid("tpl"):template_id>/tests')
@requires("templates.read")
def index(template_id: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    return respond(PAGE, message_template=template, runs=send_tests.history(template))


@bp.get('/<pid("tpl"):template_id>/tests/new')
@requires("templates.test")
def new(template_id: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    choice = PreviewChoice.read(request.args)
    form = _form(template, formdata=None, data={"addresses": recipients_of(template.channel).own(current_user)})
    return respond("message_templates/send_test.html", "dialog", message_template=template, form=form, choice=choice)


@bp.post('/<pid("tpl"):template_id>/tests')
@requires("templates.test")
def create(template_id: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    choice = PreviewChoice.read(request.form)
    form = _form(template)
    if form.validate_on_submit():
        try:
            return _sent(template, _send(template, form.words, choice, form.provider.data))
        except DomainError as problem:
            show_problem(form, problem)
    headers = {"HX-Retarget": "#dialog", "HX-Reswap": "innerHTML"}
    return respond(
        "message_templates/send_test.html",
        "dialog",
        status=422,
        headers=headers,
        message_template=template,
        form=form,
        choice=choice,
    )


@bp.post('/<pid("tpl"):template_id>/tests/me')
@requires("templates.test")
def create_mine(template_id: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    choice = PreviewChoice.read(request.form)
    recipients = recipients_of(template.channel)
    addresses = [own] if (own := recipients.own(current_user)) else []
    try:
        return _sent(template, _send(template, addresses, choice, ""))
    except DomainError as problem:
        runs = send_tests.history(template)
        return respond(
            PAGE, "result", status=422, message_template=template, problem=problem, runs=runs, recipients=recipients
        )


@bp.get('/<pid("tpl"):template_id>/tests/<pid("run"):job_id>')
@requires("templates.read")
def progress(template_id: int, job_id: int) -> ResponseReturnValue:
    template = queries.template(template_id)
    current = send_tests.progress_of(template, job_id)
    runs = () if wants_fragment() else send_tests.history(template)
    return respond(PAGE, "result", message_template=template, progress=current, runs=runs)


def _form(template: Template, **values: Any) -> TestSendForm:
    form = TestSendForm(recipients=recipients_of(template.channel), **values)
    form.provider.choices = select_choices(send_tests.provider_choices(template.channel))
    return form


def _send(template: Template, addresses: list[str], choice: PreviewChoice, provider: str) -> Job:
    """A test of what is in the editor's form, or of what is saved where no text came along."""
    editing = editor.posted(template)
    return send_tests.send_test(
        template_id=template.id,
        content=editing.content,
        attachment_ids=editing.kept,
        addresses=addresses,
        data=editor.data_of(editing, choice),
        sent_by=current_user.id,
        provider_id=parse_public_id(Provider.PREFIX, provider) if provider else None,
    )


def _sent(template: Template, job: Job) -> ResponseReturnValue:
    if not wants_fragment():
        return redirect_to(url_for("templates.tests.progress", template_id=template.id, job_id=job.id))
    progress = send_tests.progress_of(template, job.id)
    return trigger(respond(PAGE, "result", message_template=template, progress=progress), "app:dialog-close")
