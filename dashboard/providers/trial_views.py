"""Trying a provider: its connection step by step, and a test message with its live result."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3

from dashboard.forms import show_problem, text
from dashboard.htmx import redirect_to, respond, trigger, wants_fragment
from dashboard.message_templates.recipients import recipients_of
from dashboard.problems import DomainError
from dashboard.providers import page, queries, services, trials
from dashboard.providers.forms import RateForm, TrialForm
from dashboard.security import requires

bp = Blueprint("trials", __name__)


@bp.post('/<pid("prv"):provider_id>/test-connection')
@requires("providers.write")
def test_connection(provider_id: int) -> ResponseReturnValue:
    report = services.test_connection(provider_id=provider_id)
    return _page(provider_id, "connection", report=report, health=page.health_page(queries.find(provider_id)))


@bp.get('/<pid("prv"):provider_id>/test-message')
@requires("templates.test")
def new(provider_id: int) -> ResponseReturnValue:
    own = recipients_of(queries.find(provider_id).channel).own(current_user)
    return _dialog(provider_id, _trial_form(provider_id, formdata=None, data={"address": own}))


@bp.post('/<pid("prv"):provider_id>/test-message')
@requires("templates.test")
def create(provider_id: int) -> ResponseReturnValue:
    form = _trial_form(provider_id)
    if not form.validate_on_submit():
        return _dialog(provider_id, form, status=422)
    try:
        job = trials.send_trial(
            provider_id=provider_id,
            address=text(form.address),
            sender_id=form.sender_id.data if form.sender_id else None,
            tester=current_user.full_name or current_user.username,
            tester_id=current_user.id,
        )
    except DomainError as problem:
        show_problem(form, problem)
        return _dialog(provider_id, form, status=422)
    if not wants_fragment():
        return redirect_to(url_for("providers.trials.show", provider_id=provider_id, job_id=job.id))
    progress = trials.trial_progress(provider_id, job.id)
    return trigger(_page(provider_id, "trial", progress=progress), "app:dialog-close")


@bp.get('/<pid("prv"):provider_id>/test-message/<pid("run"):job_id>')
@requires("providers.read")
def show(provider_id: int, job_id: int) -> ResponseReturnValue:
    progress = trials.trial_progress(provider_id, job_id)
    if wants_fragment():
        return _page(provider_id, "trial", progress=progress)
    return _page(provider_id, "trial", progress=progress, health=page.health_page(queries.find(provider_id)))


def _trial_form(provider_id: int, **values: Any) -> TrialForm:
    form = TrialForm(queries.find(provider_id).channel, **values)
    if form.sender_id:
        form.sender_id.choices = [SelectChoice(*choice) for choice in queries.sender_choices(provider_id)]
    return form


def _dialog(provider_id: int, form: TrialForm, status: int = 200) -> ResponseReturnValue:
    headers = {"HX-Retarget": "#dialog", "HX-Reswap": "innerHTML"}
    provider = queries.find(provider_id)
    return respond(
        "providers/trial.html",
        "dialog",
        status=status,
        headers=headers,
        provider=provider,
        form=form,
        fragment=wants_fragment(),
    )


def _page(provider_id: int, block: str, **more: Any) -> Response:
    provider = queries.find(provider_id)
    rate = RateForm.of(provider)
    return respond("providers/show.html", block, provider=provider, rate=rate, fragment=wants_fragment(), **more)
