"""Starting: launch now, wait for a time, and what a person decides about a start that is late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.campaigns import launching, services
from dashboard.campaigns.forms import ActionForm, LaunchForm
from dashboard.campaigns.models import Campaign
from dashboard.campaigns.states import AlreadyThere, get_campaign
from dashboard.campaigns.step_pages import in_zones
from dashboard.forms import show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires

bp = Blueprint("starting", __name__)


@bp.get('/<pid("cmp"):campaign_id>/launch')
@requires("campaigns.send")
def launch_dialog(campaign_id: int) -> ResponseReturnValue:
    campaign = get_campaign(campaign_id)
    return _dialog(campaign, launching.sheet_of(campaign, at_once=True), LaunchForm.read(campaign), at_once=True)


@bp.post('/<pid("cmp"):campaign_id>/launch')
@requires("campaigns.send")
def launch(campaign_id: int) -> ResponseReturnValue:
    return _confirmed(campaign_id, services.launch_campaign, at_once=True)


@bp.get('/<pid("cmp"):campaign_id>/schedule')
@requires("campaigns.send")
def schedule_dialog(campaign_id: int) -> ResponseReturnValue:
    campaign = get_campaign(campaign_id)
    return _dialog(campaign, launching.sheet_of(campaign, at_once=False), LaunchForm.read(campaign), at_once=False)


@bp.post('/<pid("cmp"):campaign_id>/schedule')
@requires("campaigns.send")
def schedule(campaign_id: int) -> ResponseReturnValue:
    return _confirmed(campaign_id, services.schedule_campaign, at_once=False)


@bp.post('/<pid("cmp"):campaign_id>/unschedule')
@requires("campaigns.send")
def unschedule(campaign_id: int) -> ResponseReturnValue:
    return _decided(campaign_id, services.unschedule_campaign, "It is off the schedule.")


@bp.post('/<pid("cmp"):campaign_id>/drop')
@requires("campaigns.send")
def drop(campaign_id: int) -> ResponseReturnValue:
    return _decided(campaign_id, services.do_not_send, "It was not sent. It is a draft again.")


@bp.post('/<pid("cmp"):campaign_id>/skip')
@requires("campaigns.send")
def skip(campaign_id: int) -> ResponseReturnValue:
    return _decided(campaign_id, services.skip_run, "This run is left out. It waits for the next one.")


def _decided(campaign_id: int, decide: Callable[..., Campaign], message: str) -> ResponseReturnValue:
    """Run a service for a button that carries the version; refusals are told on the campaign's page."""
    where = url_for("campaigns.show", campaign_id=campaign_id)
    try:
        decide(campaign_id=campaign_id, version=ActionForm().version.data)
    except (Conflict, DomainError) as problem:
        return redirect_to(where, problem.message, "bad")
    return redirect_to(where, message)


def _confirmed(campaign_id: int, start: Callable[..., Any], *, at_once: bool) -> ResponseReturnValue:
    """Check what was typed against what is true now, then start or schedule it."""
    campaign, form, status = get_campaign(campaign_id), LaunchForm(), 422
    where = url_for("campaigns.show", campaign_id=campaign_id)
    sheet = launching.sheet_of(campaign, at_once=at_once)
    try:
        launching.confirm(sheet, text(form.typed_count))
        start(campaign_id=campaign_id, actor_id=current_user.id, version=form.version.data)
        return redirect_to(where, "It is on its way." if at_once else "It is scheduled.")
    except AlreadyThere as there:
        return redirect_to(where, there.message, "info")
    except Conflict as conflict:
        status = 409
        form.version.data, form.version.raw_data = conflict.current.version, None
        show_problem(form, conflict)
    except DomainError as problem:
        show_problem(form, problem)
    return _dialog(campaign, sheet, form, at_once=at_once, status=status)


def _dialog(
    campaign: Campaign, sheet: launching.Sheet, form: LaunchForm, *, at_once: bool, status: int = 200
) -> ResponseReturnValue:
    return respond(
        "campaigns/launch.html",
        "dialog",
        status=status,
        campaign=campaign,
        sheet=sheet,
        form=form,
        at_once=at_once,
        moments=in_zones(sheet.at, campaign.schedule_zone),
    )
