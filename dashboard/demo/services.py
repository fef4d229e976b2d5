"""The demonstration of a new installation: templates, an audience, the sandbox, and one campaign that runs.

Every part is made by the services that people use. A part that is there already is left alone, so a start that was
killed in the middle is finished by the next one; and nothing is made in a database that somebody has begun to use.
"""

from __future__ import annotations

import logging

from sqlalchemy import select, update

from dashboard.audiences.models import Audience
from dashboard.audiences.services import load_rows
from dashboard.campaigns.models import Campaign
from dashboard.campaigns.services import create_campaign, launch_campaign
from dashboard.demo.content import COUNT, GLOBALS, HEADER, people
from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job
from dashboard.message_templates.models import Category, Template
from dashboard.message_templates.services import create_template, publish
from dashboard.message_templates.starters import STARTERS
from dashboard.providers.models import Provider
from dashboard.providers.routes import set_default
from dashboard.providers.services import From, create_provider
from dashboard.variables.models import Variable
from worker.providers import registry

logger = logging.getLogger(__name__)

PROVIDER = "Sandbox"
AUDIENCE = "Newsletter readers (demonstration)"
CAMPAIGN = "Spring sale (demonstration)"
_RATE = 150.0  # messages a second: half a minute, so that whoever has just signed in sees it move


def fill_in_demonstration() -> bool:
    """Make what is missing and run the campaign once; False where there is nothing to do."""
    if _in_use():
        return False
    _fill_in_globals()
    provider = _provider()
    _phone_providers()
    template = _templates()
    audience = _audience()
    campaign = _campaign(template, audience)
    launch_campaign(campaign_id=campaign.id, actor_id=None)
    logger.info("demonstration launched", extra={"campaign": campaign.public_id, "provider": provider.public_id})
    return True


def _in_use() -> bool:
    """Whether a job was ever made, or a campaign that is not ours."""
    if db.session.scalar(select(Job.id).limit(1)) is not None:
        return True
    return db.session.scalar(select(Campaign.id).where(Campaign.name != CAMPAIGN).limit(1)) is not None


def _fill_in_globals() -> None:
    with transaction():
        for name, value in GLOBALS.items():
            db.session.execute(update(Variable).where(Variable.name == name, Variable.value == "").values(value=value))


def _provider() -> Provider:
    found = db.session.scalars(select(Provider).where(Provider.name == PROVIDER)).first()
    if found is None:
        sender = From("desk@lumen.example.com", GLOBALS["company_name"], is_default=True)
        found = create_provider(name=PROVIDER, vendor="sandbox", settings={}, senders=[sender], rate_per_second=_RATE)
    for category in Category:
        set_default(channel="email", category=category, provider_id=found.id)
    return found


def _phone_providers() -> None:
    """A sandbox for SMS and one for push, each the default of every category."""
    for channel, senders in (("sms", [From("LUMENL", is_default=True)]), ("push", [])):
        adapter = next(adapter for adapter in registry.providers(channel) if adapter.uses_inbox)
        found = db.session.scalars(select(Provider).where(Provider.name == adapter.label)).first()
        if found is None:
            found = create_provider(name=adapter.label, vendor=adapter.vendor, settings={}, senders=senders)
        for category in Category:
            set_default(channel=channel, category=category, provider_id=found.id)


def _templates() -> Template:
    """Every starter as a published template; gives the promotional one."""
    for starter in STARTERS:
        template = db.session.scalars(select(Template).where(Template.name == starter.name)).first()
        if template is None:
            template = create_template(name=starter.name, category=starter.category, starter_key=starter.key)
        if template.published_version_id is None:
            publish(template_id=template.id, note="Part of the demonstration")
    return db.session.scalars(select(Template).where(Template.name == "Spring sale")).one()


def _audience() -> Audience:
    """The audience with all its rows; one that a killed start left half made is loaded again under another name."""
    found = db.session.scalars(
        select(Audience).where(Audience.name.startswith(AUDIENCE), Audience.current_version_id.is_not(None))
    ).first()
    if found is not None:
        return found
    begun = len(db.session.scalars(select(Audience.id).where(Audience.name.startswith(AUDIENCE))).all())
    name = f"{AUDIENCE} {begun + 1}" if begun else AUDIENCE
    logger.info("loading the demonstration audience", extra={"rows": COUNT})
    return load_rows(audience_name=name, header=HEADER, rows=people())


def _campaign(template: Template, audience: Audience) -> Campaign:
    found = db.session.scalars(select(Campaign).where(Campaign.name == CAMPAIGN)).first()
    if found is not None:
        return found
    return create_campaign(
        name=CAMPAIGN,
        actor_id=None,
        description="Runs once when a new installation starts, into the sandbox's inbox. Nothing leaves this machine.",
        tags=["demonstration"],
        template_id=template.id,
        audience_id=audience.id,
    )
