"""What a campaign would be sent with if it were started now: its choices, followed to the rows behind them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from dashboard.audiences.models import Audience, DatasetVersion
from dashboard.campaigns.models import Campaign
from dashboard.campaigns.recent_results import RecentResults
from dashboard.campaigns.sending_hours import hours_words
from dashboard.extensions import db
from dashboard.jobs.choosing import From, choose_provider, choose_sender
from dashboard.message_templates.models import Template, TemplateVersion, VersionKind
from dashboard.problems import DomainError
from dashboard.providers.models import Provider
from worker.rendering.channels import Compiled, compile_content, content_from
from worker.rendering.content import Content


@dataclass(frozen=True, slots=True)
class Plan:
    """The rows behind a campaign's choices; None where nothing is chosen or nothing fits.

    `provider_problem` and `sender_problem` say in words why there is no provider or From address.
    """

    campaign: Campaign
    template: Template | None
    template_version: TemplateVersion | None
    audience: Audience | None
    dataset: DatasetVersion | None
    provider: Provider | None
    sender: From | None
    provider_problem: str = ""
    sender_problem: str = ""

    @property
    def content(self) -> Content | None:
        """The chosen content without its attachments."""
        return _content(self.template_version) if self.template_version else None

    @property
    def hours(self) -> str:
        """The hours in which it may be sent, in words; "" for any."""
        return hours_words(self.campaign.send_window)

    @property
    def pinned(self) -> bool:
        """Whether the campaign keeps one template version, whatever is published later."""
        return self.campaign.template_version_id is not None


@dataclass(frozen=True, slots=True)
class CompletePlan:
    """A plan of which nothing is missing: a job can be made of it."""

    template: Template
    template_version: TemplateVersion
    audience: Audience
    dataset: DatasetVersion
    provider: Provider
    sender: From


def complete(plan: Plan) -> CompletePlan:
    """The plan without gaps; DomainError where there is one (preflight names it before)."""
    if plan.template is None or plan.template_version is None or plan.audience is None or plan.dataset is None:
        raise DomainError("Template and audience must be chosen and ready before it can start.", code="incomplete")
    if plan.provider is None or plan.sender is None:
        raise DomainError("A provider with a sender is needed before it can start.", code="incomplete")
    return CompletePlan(plan.template, plan.template_version, plan.audience, plan.dataset, plan.provider, plan.sender)


def plan_of(campaign: Campaign) -> Plan:
    """Follow the choices of a campaign; nothing is written and nothing is raised for what is missing."""
    template = db.session.get(Template, campaign.template_id) if campaign.template_id else None
    audience = db.session.get(Audience, campaign.audience_id) if campaign.audience_id else None
    provider, provider_problem = _provider(campaign)
    sender, sender_problem = _sender(campaign, provider)
    return Plan(
        campaign=campaign,
        template=template,
        template_version=_template_version(campaign, template),
        audience=audience,
        dataset=_dataset(audience),
        provider=provider,
        sender=sender,
        provider_problem=provider_problem,
        sender_problem=sender_problem,
    )


def _template_version(campaign: Campaign, template: Template | None) -> TemplateVersion | None:
    """The pinned version, else the published one; never a draft, never a version of another template."""
    if template is None:
        return None
    identifier = campaign.template_version_id or template.published_version_id
    return db.session.scalar(
        select(TemplateVersion).where(
            TemplateVersion.id == identifier,
            TemplateVersion.template_id == template.id,
            TemplateVersion.kind == VersionKind.PUBLISHED,
        )
    )


def _dataset(audience: Audience | None) -> DatasetVersion | None:
    if audience is None or audience.current_version_id is None:
        return None
    dataset = db.session.get(DatasetVersion, audience.current_version_id)
    return dataset if dataset is not None and dataset.ready else None


def _provider(campaign: Campaign) -> tuple[Provider | None, str]:
    try:
        return choose_provider(campaign.channel, campaign.category, campaign.provider_id), ""
    except DomainError as error:
        return None, error.message


def _sender(campaign: Campaign, provider: Provider | None) -> tuple[From | None, str]:
    if provider is None:
        return None, ""
    try:
        return choose_sender(provider, campaign.sender_id), ""
    except DomainError as error:
        return None, error.message


def _content(version: TemplateVersion) -> Content:
    return content_from(version.template.channel, version.content)


_compiled: RecentResults[Compiled] = RecentResults(size=32)


def compiled(version: TemplateVersion) -> Compiled:
    """A published version, compiled (5 ms per 10 kB, kept in the process). Raises TemplateSyntaxProblem."""
    return _compiled.get(version.id, lambda: compile_content(_content(version)))
