"""A run under way and afterwards: its progress, pause, resume, cancel, and failed messages once more."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from jinja2_fragments.flask import render_block

from dashboard.campaigns.forms import CancelForm, RetryForm, ThrottleForm, shown_pace
from dashboard.campaigns.page import CampaignPage, RunPage, run_of
from dashboard.campaigns.retrying import retry_failed
from dashboard.campaigns.states import get_campaign
from dashboard.forms import show_problem
from dashboard.htmx import redirect_to, respond, trigger, wants_fragment
from dashboard.jobs.services import cancel_job, pause_job, resume_job
from dashboard.jobs.throttling import set_throttle, throttle_words
from dashboard.messages.masking import shown
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires

bp = Blueprint("runs", __name__)


@bp.get('/<pid("cmp"):campaign_id>/progress')
@requires("campaigns.read")
def progress(campaign_id: int) -> ResponseReturnValue:
    page = CampaignPage(get_campaign(campaign_id))
    if not wants_fragment() or page.run is None:
        return redirect_to(url_for("campaigns.show", campaign_id=campaign_id))
    seen = request.args.get("seen", 0, type=int)
    moved = request.args.get("was", "") != page.state
    # Only what a screen reader should say aloud goes to #page-status: quarters, and changes of state.
    told = ("announcement",) if moved or page.run.progress.milestone > seen else ()
    response = respond("campaigns/show.html", "progress", out_of_band=told, page=page, campaign=page.campaign)
    # The tab's title tells how far it is while somebody looks at another one.
    response.set_data(render_block("campaigns/show.html", "page_title", page=page) + response.get_data(as_text=True))
    return trigger(response, "app:changed:campaign") if moved else response


@bp.get('/<pid("cmp"):campaign_id>/row')
@requires("campaigns.read")
def row(campaign_id: int) -> ResponseReturnValue:
    """The cell of the list that moves while the campaign runs."""
    if not wants_fragment():
        return redirect_to(url_for("campaigns.show", campaign_id=campaign_id))
    return respond("campaigns/row.html", "cell", page=CampaignPage(get_campaign(campaign_id)))


@bp.get('/<pid("cmp"):campaign_id>/runs/<pid("run"):job_id>')
@requires("campaigns.read")
def show(campaign_id: int, job_id: int) -> ResponseReturnValue:
    run = run_of(get_campaign(campaign_id), job_id)
    return respond("campaigns/run.html", run=run, campaign=run.campaign, shown=shown, title=f"Run {run.job.public_id}")


@bp.get('/<pid("cmp"):campaign_id>/pause')
@requires("campaigns.send")
def pause_dialog(campaign_id: int) -> ResponseReturnValue:
    return respond("campaigns/pause.html", "dialog", run=_current_run(campaign_id))


@bp.post('/<pid("cmp"):campaign_id>/pause')
@requires("campaigns.send")
def pause(campaign_id: int) -> ResponseReturnValue:
    where, run = url_for("campaigns.show", campaign_id=campaign_id), _current_run(campaign_id)
    try:
        pause_job(job_id=run.job.id)
    except DomainError as problem:
        return redirect_to(where, problem.message, "bad")
    return redirect_to(where, "It pauses. What was handed over already still arrives.")


@bp.post('/<pid("cmp"):campaign_id>/resume')
@requires("campaigns.send")
def resume(campaign_id: int) -> ResponseReturnValue:
    where, run = url_for("campaigns.show", campaign_id=campaign_id), _current_run(campaign_id)
    try:
        resume_job(job_id=run.job.id)
    except DomainError as problem:
        return redirect_to(where, problem.message, "bad")
    return redirect_to(where, "It goes on.")


@bp.get('/<pid("cmp"):campaign_id>/throttle')
@requires("campaigns.send")
def throttle_dialog(campaign_id: int) -> ResponseReturnValue:
    run = _current_run(campaign_id)
    form = ThrottleForm(formdata=None, data={"rate_per_minute": shown_pace(run.job.rate_per_minute)})
    return respond("campaigns/throttle.html", "dialog", run=run, form=form)


@bp.post('/<pid("cmp"):campaign_id>/throttle')
@requires("campaigns.send")
def throttle(campaign_id: int) -> ResponseReturnValue:
    run, form = _current_run(campaign_id), ThrottleForm()
    if form.validate():
        try:
            job = set_throttle(job_id=run.job.id, rate_per_minute=form.rate_per_minute.data or 0)
            words = f"It sends {throttle_words(job.rate_per_minute)} from now on."
            return redirect_to(url_for("campaigns.show", campaign_id=campaign_id), words)
        except DomainError as problem:
            show_problem(form, problem)
    return respond("campaigns/throttle.html", "dialog", status=422, run=run, form=form)


@bp.get('/<pid("cmp"):campaign_id>/cancel')
@requires("campaigns.send")
def cancel_dialog(campaign_id: int) -> ResponseReturnValue:
    return respond("campaigns/cancel.html", "dialog", run=_current_run(campaign_id), form=CancelForm(formdata=None))


@bp.post('/<pid("cmp"):campaign_id>/cancel')
@requires("campaigns.send")
def cancel(campaign_id: int) -> ResponseReturnValue:
    run, form = _current_run(campaign_id), CancelForm()
    if form.validate():
        try:
            cancel_job(job_id=run.job.id)
            return redirect_to(url_for("campaigns.show", campaign_id=campaign_id), "What is left is not sent.")
        except DomainError as problem:
            show_problem(form, problem)
    return respond("campaigns/cancel.html", "dialog", status=422, run=run, form=form)


@bp.get('/<pid("cmp"):campaign_id>/runs/<pid("run"):job_id>/retry')
@requires("campaigns.send")
def retry_dialog(campaign_id: int, job_id: int) -> ResponseReturnValue:
    run = run_of(get_campaign(campaign_id), job_id)
    ticked = [offer.group.key for offer in run.offers if offer.ticked]
    return respond("campaigns/retry.html", "dialog", run=run, form=RetryForm.read(run.campaign), ticked=ticked)


@bp.post('/<pid("cmp"):campaign_id>/runs/<pid("run"):job_id>/retry')
@requires("campaigns.send")
def retry(campaign_id: int, job_id: int) -> ResponseReturnValue:
    run, form, status = run_of(get_campaign(campaign_id), job_id), RetryForm(), 422
    groups = request.form.getlist("groups")
    try:
        job = retry_failed(
            campaign_id=campaign_id,
            job_id=job_id,
            groups=groups,
            newest_version=form.content.data == "newest",
            actor_id=current_user.id,
        )
        where = url_for("campaigns.show", campaign_id=campaign_id)
        return redirect_to(where, f"{job.record_count} messages are sent again.")
    except (Conflict, DomainError) as problem:
        status = 409 if isinstance(problem, Conflict) else 422
        show_problem(form, problem)
    return respond("campaigns/retry.html", "dialog", status=status, run=run, form=form, ticked=groups)


def _current_run(campaign_id: int) -> RunPage:
    campaign = get_campaign(campaign_id)
    return run_of(campaign, campaign.last_job_id)
