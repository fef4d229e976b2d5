"""The editor: one address per step, each saved on its own, in any order."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.campaigns import editing, step_pages, steps
from dashboard.campaigns.choices import chosen_id
from dashboard.campaigns.forms import AudienceForm, ContentForm, DetailsForm, ScheduleForm, split_tags
from dashboard.campaigns.models import Campaign
from dashboard.campaigns.states import get_campaign
from dashboard.forms import show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires

bp = Blueprint("editing", __name__)


@bp.get('/<pid("cmp"):campaign_id>/edit')
@requires("campaigns.write")
def start(campaign_id: int) -> ResponseReturnValue:
    return redirect_to(url_for("campaigns.editing.audience", campaign_id=campaign_id))


@bp.get('/<pid("cmp"):campaign_id>/edit/audience')
@requires("campaigns.write")
def audience(campaign_id: int) -> ResponseReturnValue:
    campaign = steps.editable(campaign_id)
    return step_pages.show_audience(campaign, AudienceForm.read(campaign, request.args))


@bp.post('/<pid("cmp"):campaign_id>/edit/audience')
@requires("campaigns.write")
def save_audience(campaign_id: int) -> ResponseReturnValue:
    campaign = steps.editable(campaign_id)
    form = AudienceForm.read(campaign, request.form)
    change = partial(
        editing.choose_audience,
        campaign_id=campaign_id,
        actor_id=current_user.id,
        version=form.version.data,
        audience_id=chosen_id("adn", form.audience_id.data),
        recipient_column=text(form.recipient_column),
    )
    return steps.save("audience", form, change, partial(step_pages.show_audience, campaign, form))


@bp.get('/<pid("cmp"):campaign_id>/edit/content')
@requires("campaigns.write")
def content(campaign_id: int) -> ResponseReturnValue:
    campaign = steps.editable(campaign_id)
    return step_pages.show_content(campaign, ContentForm.read(campaign, request.args))


@bp.post('/<pid("cmp"):campaign_id>/edit/content')
@requires("campaigns.write")
def save_content(campaign_id: int) -> ResponseReturnValue:
    campaign = steps.editable(campaign_id)
    form = ContentForm.read(campaign, request.form)
    change = partial(_change_content, campaign_id, form)
    return steps.save("content", form, change, partial(step_pages.show_content, campaign, form))


def _change_content(campaign_id: int, form: ContentForm) -> Campaign:
    return editing.choose_content(
        campaign_id=campaign_id,
        actor_id=current_user.id,
        version=form.version.data,
        category=text(form.category),
        template_id=chosen_id("tpl", form.template_id.data),
        template_version_id=chosen_id("tpv", form.template_version_id.data),
        provider_id=chosen_id("prv", form.provider_id.data),
        sender_id=chosen_id("snd", form.sender_id.data),
        resend_unknown=form.resend_unknown.data == "yes",
    )


@bp.get('/<pid("cmp"):campaign_id>/edit/schedule')
@requires("campaigns.write")
def schedule(campaign_id: int) -> ResponseReturnValue:
    campaign = steps.editable(campaign_id)
    return step_pages.show_schedule(campaign, ScheduleForm.read(campaign, request.args))


@bp.post('/<pid("cmp"):campaign_id>/edit/schedule')
@requires("campaigns.write")
def save_schedule(campaign_id: int) -> ResponseReturnValue:
    campaign = steps.editable(campaign_id)
    form = ScheduleForm.read(campaign, request.form)
    change = partial(_change_schedule, campaign_id, form)
    return steps.save("schedule", form, change, partial(step_pages.show_schedule, campaign, form))


def _change_schedule(campaign_id: int, form: ScheduleForm) -> Campaign:
    return editing.choose_schedule(
        campaign_id=campaign_id,
        actor_id=current_user.id,
        version=form.version.data,
        **step_pages.schedule_of(form),
        hours=step_pages.hours_of(form),
        rate_per_minute=form.rate_per_minute.data or 0,
    )


@bp.get('/<pid("cmp"):campaign_id>/edit/review')
@requires("campaigns.write")
def review_step(campaign_id: int) -> ResponseReturnValue:
    return step_pages.show_review(steps.editable(campaign_id))


@bp.get('/<pid("cmp"):campaign_id>/details')
@requires("campaigns.write")
def details(campaign_id: int) -> ResponseReturnValue:
    campaign = get_campaign(campaign_id)
    return respond("campaigns/details.html", "dialog", campaign=campaign, form=DetailsForm.read(campaign))


@bp.post('/<pid("cmp"):campaign_id>/details')
@requires("campaigns.write")
def save_details(campaign_id: int) -> ResponseReturnValue:
    campaign, form, differences = get_campaign(campaign_id), DetailsForm(), None
    status = 422
    if form.validate():
        try:
            editing.change_details(
                campaign_id=campaign_id,
                actor_id=current_user.id,
                version=form.version.data,
                name=text(form.name),
                description=text(form.description),
                tags=split_tags(form.tags.data),
            )
            return redirect_to(step_pages.way_back(campaign_id), "Saved.")
        except Conflict as problem:
            status, differences = 409, steps.take_over(form, problem.current)
        except DomainError as problem:
            show_problem(form, problem)
    return respond(
        "campaigns/details.html", "dialog", status=status, campaign=campaign, form=form, differences=differences
    )
