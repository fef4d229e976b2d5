"""What a new installation needs before its first campaign. Nobody ticks a step: what exists ticks it.

What the demonstration filled in does not count, it has no author; so the list is a way through the desk for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from dashboard.accounts.models import User
from dashboard.audiences.models import Audience
from dashboard.extensions import db
from dashboard.jobs.models import Job, JobKind
from dashboard.message_templates.models import Template
from dashboard.providers.models import Provider, Route
from worker.providers import registry


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `permission` is what its page takes."""

    title: str
    words: str
    path: str
    permission: str
    done: bool


def first_steps() -> list[Step]:
    """The steps with their ticks; none any more once a person has launched a campaign."""
    if _any(select(Job.id).where(Job.campaign_id.is_not(None), Job.created_by.is_not(None))):
        return []
    real = Provider.vendor.not_in([adapter.vendor for adapter in registry.providers() if adapter.uses_inbox])
    return [
        Step(
            "Connect a mail server",
            "Until then the sandbox keeps every mail on this machine.",
            "/providers/new",
            "providers.write",
            _any(select(Provider.id).where(real, Provider.archived_at.is_(None))),
        ),
        Step(
            "Make it the default",
            "Each category of mail has one provider that is used unless a campaign names another.",
            "/providers",
            "providers.write",
            _any(select(Route.provider_id).join(Provider, Provider.id == Route.provider_id).where(real)),
        ),
        Step(
            "Write a template",
            "Start from one of ours; the preview shows real records.",
            "/templates/new",
            "templates.write",
            _any(select(Template.id).where(Template.created_by.is_not(None))),
        ),
        Step(
            "Send yourself a test",
            "From the template's page, to your own address.",
            "/templates",
            "templates.test",
            _any(select(Job.id).where(Job.kind == JobKind.TEST, Job.created_by.is_not(None))),
        ),
        Step(
            "Upload an audience",
            "A CSV file with one row for each recipient.",
            "/audiences/new",
            "audiences.write",
            _any(select(Audience.id).where(Audience.created_by.is_not(None))),
        ),
        Step("Invite a colleague", "Each with a role of their own.", "/users/new", "users.manage", _colleagues()),
        Step("Launch a campaign", "This list goes once you have.", "/campaigns/new", "campaigns.write", False),
    ]


def _any(statement: Select[Any]) -> bool:
    return db.session.scalar(statement.limit(1)) is not None


def _colleagues() -> bool:
    return (db.session.scalar(select(func.count()).select_from(User)) or 0) > 1
