"""Campaigns: the list, one campaign, making, copying and putting away. Other topics have modules of their own."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.campaigns import editing_views, launch_views, queries, run_views, sample_views, services
from dashboard.campaigns.choices import chosen_id, known_tags
from dashboard.campaigns.forms import CATEGORIES, CATEGORY_HINTS, ActionForm, DeleteForm, NewCampaignForm, split_tags
from dashboard.campaigns.page import CampaignPage
from dashboard.campaigns.states import get_campaign
from dashboard.forms import show_problem, text
from dashboard.htmx import canonical_url, redirect_to, respond, target
from dashboard.messages.masking import shown
from dashboard.paging import pager
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires

bp = Blueprint("campaigns", __name__, url_prefix="/campaigns")
for topic in (editing_views, launch_views, run_views, sample_views):
    bp.register_blueprint(topic.bp)

_REGIONS = {"campaign-head": "heading", "campaign-run": "last_run", "campaign-equation": "equation"}


def _filters() -> queries.Filters:
    values = request.args
    tab = values.get("tab", "all")
    return queries.Filters(
        tab=tab if tab in queries.TABS else "all",
        text=values.get("q", "").strip(),
        tag=values.get("tag", ""),
        category=values.get("category", ""),
        after=chosen_id("cmp", values.get("after")),
        before=chosen_id("cmp", values.get("before")),
    )


@bp.get("")
@requires("campaigns.read")
def index() -> ResponseReturnValue:
    filters = _filters()
    page = queries.list_campaigns(filters)
    return respond(
        "campaigns/index.html",
        "results",
        push_url=True,
        title="Campaigns",
        filters=filters,
        page=page,
        pager=pager(page, canonical_url, lambda row: row.campaign.public_id),
        counts=queries.tab_counts(),
        tabs=queries.TABS,
        tag_choices=[(tag, tag) for tag in known_tags()],
        categories=CATEGORIES,
        tab_url=lambda tab: canonical_url(tab=None if tab == "all" else tab, after=None, before=None),
    )


@bp.get("/new")
@requires("campaigns.write")
def new() -> ResponseReturnValue:
    given = {name: request.args.get(name, "") for name in ("template_id", "audience_id", "name", "category")}
    form = NewCampaignForm(formdata=None, data={key: value for key, value in given.items() if value})
    return respond("campaigns/new.html", form=form, hints=CATEGORY_HINTS)


@bp.post("/new")
@requires("campaigns.write")
def create() -> ResponseReturnValue:
    form = NewCampaignForm()
    if form.validate():
        try:
            campaign = services.create_campaign(
                name=text(form.name),
                description=text(form.description),
                tags=split_tags(form.tags.data),
                category=text(form.category),
                template_id=chosen_id("tpl", form.template_id.data),
                audience_id=chosen_id("adn", form.audience_id.data),
                actor_id=current_user.id,
            )
            return redirect_to(url_for("campaigns.editing.audience", campaign_id=campaign.id))
        except DomainError as problem:
            show_problem(form, problem)
    return respond("campaigns/new.html", status=422, form=form, hints=CATEGORY_HINTS)


@bp.get('/<pid("cmp"):campaign_id>')
@requires("campaigns.read")
def show(campaign_id: int) -> ResponseReturnValue:
    campaign = get_campaign(campaign_id)
    return respond(
        "campaigns/show.html",
        _REGIONS.get(target(), "main"),
        campaign=campaign,
        page=CampaignPage(campaign),
        shown=shown,
        title=campaign.name,
    )


@bp.post('/<pid("cmp"):campaign_id>/duplicate')
@requires("campaigns.write")
def duplicate(campaign_id: int) -> ResponseReturnValue:
    copy = services.duplicate_campaign(campaign_id=campaign_id, actor_id=current_user.id)
    where = url_for("campaigns.editing.audience", campaign_id=copy.id)
    return redirect_to(where, f"This is {copy.name}. It has no schedule yet.")


@bp.post('/<pid("cmp"):campaign_id>/archive')
@requires("campaigns.write")
def archive(campaign_id: int) -> ResponseReturnValue:
    where = url_for("campaigns.show", campaign_id=campaign_id)
    try:
        campaign = services.archive_campaign(campaign_id=campaign_id, version=ActionForm().version.data)
    except Conflict as problem:
        return redirect_to(where, problem.message, "bad")
    return redirect_to(url_for("campaigns.index"), f"{campaign.name} is archived. It can be restored there.")


@bp.post('/<pid("cmp"):campaign_id>/restore')
@requires("campaigns.write")
def restore(campaign_id: int) -> ResponseReturnValue:
    where = url_for("campaigns.show", campaign_id=campaign_id)
    try:
        campaign = services.restore_campaign(campaign_id=campaign_id, version=ActionForm().version.data)
    except Conflict as problem:
        return redirect_to(where, problem.message, "bad")
    return redirect_to(where, f"{campaign.name} is out of the archive.")


@bp.get('/<pid("cmp"):campaign_id>/delete')
@requires("campaigns.write")
def delete_dialog(campaign_id: int) -> ResponseReturnValue:
    campaign = get_campaign(campaign_id)
    return respond("campaigns/delete.html", "dialog", campaign=campaign, form=DeleteForm(formdata=None))


@bp.post('/<pid("cmp"):campaign_id>/delete')
@requires("campaigns.write")
def delete(campaign_id: int) -> ResponseReturnValue:
    campaign, form, status = get_campaign(campaign_id), DeleteForm(), 422
    try:
        services.delete_campaign(campaign_id=campaign_id, typed_name=text(form.typed_name))
        return redirect_to(url_for("campaigns.index"), "It is deleted.")
    except (Conflict, DomainError) as problem:
        status = 409 if isinstance(problem, Conflict) else 422
        show_problem(form, problem)
    return respond("campaigns/delete.html", "dialog", status=status, campaign=campaign, form=form)
