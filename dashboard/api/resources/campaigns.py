"""Campaigns: made, launched, scheduled."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, StrictBool, StrictInt

from dashboard.api.identifiers import Name, PublicId, Tags, Version, found_id, named_id
from dashboard.api.paging import Paged, cursor_of, limit_field
from dashboard.api.resource import Input, Output, Reply, caller, needs, resource
from dashboard.api.runs import RunOut, run_out
from dashboard.api_keys.models import Scope
from dashboard.campaigns import editing, queries, services
from dashboard.campaigns.models import Campaign
from dashboard.campaigns.states import get_campaign
from dashboard.extensions import transaction
from dashboard.ids import public_id
from dashboard.sends.orders import find_template

api = resource("Campaigns", "A template for an audience, now or at its time; each start is a job.")


class CampaignPath(Input):
    campaign: PublicId


class CampaignsIn(Input):
    q: str = Field("", max_length=200)
    tag: str = Field("", max_length=40)
    category: str = Field("", max_length=20)
    tab: str = Field("all", pattern="^[a-z_]{1,20}$", description="all, or one of the tabs of the page.")
    after: str | None = Field(None, max_length=40)
    limit: int = limit_field()


class CampaignIn(Input):
    """What a campaign sends to whom."""

    name: Name
    description: str = Field("", max_length=2000)
    tags: Tags = []
    category: Literal["transactional", "promotional"] = "promotional"
    template: str | None = Field(None, max_length=200, description="Id or slug.")
    audience: PublicId | None = None
    recipient_column: str = Field("email", min_length=1, max_length=80)
    provider: PublicId | None = None
    resend_unknown: StrictBool = Field(True, description="Send again what a crash left in doubt.")


class CampaignUpdateIn(CampaignIn):
    version: Version = None


class ScheduleIn(Input):
    """When it starts: once at a local time, or by cron."""

    kind: Literal["once", "cron"]
    zone: str = Field(min_length=1, max_length=64, description="IANA time zone.")
    local: str = Field("", max_length=19, description="For once: such as 2026-11-24T09:00 in the zone.")
    fold: StrictInt | None = Field(None, ge=0, le=1, description="Which one of a doubled hour.")
    cron: str = Field("", max_length=120, description="For cron: five fields.")


class CampaignOut(Output):
    """A campaign."""

    id: str
    name: str
    description: str
    tags: list[str]
    channel: str
    category: str
    state: str
    template: str | None
    audience: str | None
    recipient_column: str
    provider: str | None
    resend_unknown: bool
    schedule: str
    next_run_at: datetime | None
    problem: str
    last_job: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class CampaignsOut(Paged):
    items: list[CampaignOut]


class RunsOut(Paged):
    items: list[RunOut]


@api.get("/campaigns", responses={200: CampaignsOut})
@needs(Scope.CAMPAIGNS, Scope.REPORTS)
def index(query: CampaignsIn) -> Reply:
    """List campaigns, newest first"""
    filters = queries.Filters(
        tab=query.tab, text=query.q, tag=query.tag, category=query.category, after=cursor_of("cmp", query.after)
    )
    page = queries.list_campaigns(filters, query.limit)
    last = page.rows[-1].campaign.public_id if page.rows and page.has_older else None
    return CampaignsOut(items=[_out(row.campaign) for row in page.rows], next=last)


@api.post("/campaigns", responses={201: CampaignOut})
@needs(Scope.CAMPAIGNS)
def create(body: CampaignIn) -> Reply:
    """Create a campaign

    It is a draft until it is launched or scheduled.
    """
    with transaction():
        made = services.create_campaign(
            name=body.name, actor_id=caller().created_by, description=body.description, tags=body.tags
        )
        _choose(made, body)
    return _out(made), 201


@api.get("/campaigns/<campaign>", responses={200: CampaignOut})
@needs(Scope.CAMPAIGNS, Scope.REPORTS)
def show(path: CampaignPath) -> Reply:
    """A campaign"""
    return _out(_load(path))


@api.put("/campaigns/<campaign>", responses={200: CampaignOut})
@needs(Scope.CAMPAIGNS)
def update(path: CampaignPath, body: CampaignUpdateIn) -> Reply:
    """Change a campaign that has not started"""
    with transaction():
        campaign = editing.change_details(
            campaign_id=_load(path).id,
            actor_id=caller().created_by,
            version=body.version,
            name=body.name,
            description=body.description,
            tags=body.tags,
        )
        _choose(campaign, body)
    return _out(campaign)


@api.post("/campaigns/<campaign>/schedule", responses={200: CampaignOut})
@needs(Scope.CAMPAIGNS)
def schedule(path: CampaignPath, body: ScheduleIn) -> Reply:
    """Schedule a campaign"""
    campaign, actor = _load(path), caller().created_by
    with transaction():
        editing.choose_schedule(
            campaign_id=campaign.id,
            actor_id=actor,
            version=None,
            kind=body.kind,
            zone=body.zone,
            local=body.local,
            fold=body.fold,
            cron=body.cron,
        )
        services.schedule_campaign(campaign_id=campaign.id, actor_id=actor)
    return _out(campaign)


@api.post("/campaigns/<campaign>/unschedule", responses={200: CampaignOut})
@needs(Scope.CAMPAIGNS)
def unschedule(path: CampaignPath) -> Reply:
    """Take a campaign from the schedule"""
    return _out(services.unschedule_campaign(campaign_id=_load(path).id))


@api.post("/campaigns/<campaign>/launch", responses={202: RunOut})
@needs(Scope.CAMPAIGNS)
def launch(path: CampaignPath) -> Reply:
    """Launch a campaign now

    409 where it runs already. The answer is the job; ask /jobs/{job} for its numbers.
    """
    return run_out(services.launch_campaign(campaign_id=_load(path).id, actor_id=caller().created_by)), 202


@api.post("/campaigns/<campaign>/archive", responses={200: CampaignOut})
@needs(Scope.CAMPAIGNS)
def archive(path: CampaignPath) -> Reply:
    """Archive a campaign"""
    return _out(services.archive_campaign(campaign_id=_load(path).id))


@api.get("/campaigns/<campaign>/jobs", responses={200: RunsOut})
@needs(Scope.CAMPAIGNS, Scope.REPORTS)
def jobs(path: CampaignPath) -> Reply:
    """The runs of a campaign, newest first"""
    return RunsOut(items=[run_out(job) for job, _ in queries.runs_of(_load(path).id)], next=None)


def _choose(campaign: Campaign, body: CampaignIn) -> None:
    """Audience and content as the body has them; a step that does not fit is refused with its field."""
    actor = caller().created_by
    template = find_template(body.template) if body.template else None
    editing.choose_audience(
        campaign_id=campaign.id,
        actor_id=actor,
        version=None,
        audience_id=named_id("adn", body.audience, "audience"),
        recipient_column=body.recipient_column,
    )
    editing.choose_content(
        campaign_id=campaign.id,
        actor_id=actor,
        version=None,
        category=body.category,
        template_id=template.id if template else None,
        template_version_id=None,
        provider_id=named_id("prv", body.provider, "provider"),
        sender_id=None,
        resend_unknown=body.resend_unknown,
    )


def _load(path: CampaignPath) -> Campaign:
    return get_campaign(found_id("cmp", path.campaign, "campaign"))


def _public(prefix: str, number: int | None) -> str | None:
    return None if number is None else public_id(prefix, number)


def _out(campaign: Campaign) -> CampaignOut:
    return CampaignOut(
        id=campaign.public_id,
        name=campaign.name,
        description=campaign.description,
        tags=campaign.tags,
        channel=campaign.channel,
        category=campaign.category,
        state=campaign.state,
        template=_public("tpl", campaign.template_id),
        audience=_public("adn", campaign.audience_id),
        recipient_column=campaign.recipient_column,
        provider=_public("prv", campaign.provider_id),
        resend_unknown=campaign.resend_unknown,
        schedule=campaign.schedule_kind,
        next_run_at=campaign.next_run_at,
        problem=campaign.problem,
        last_job=_public("run", campaign.last_job_id),
        version=campaign.version,
        created_at=campaign.created_at,
        updated_at=campaign.updated_at,
    )
