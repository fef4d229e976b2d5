"""What an application orders, and what it takes to carry it out: template, version, provider and sender by channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from dashboard.api_keys.services import Caller
from dashboard.extensions import db
from dashboard.ids import parse_public_id
from dashboard.jobs.choosing import From, choose_provider, choose_sender
from dashboard.message_templates.models import Template, TemplateVersion
from dashboard.problems import DomainError, NotAllowed
from dashboard.providers.models import Provider

#: Where the address of a channel stands in a record.
ADDRESS_COLUMNS = {"email": "email", "sms": "phone", "push": "push_token"}


@dataclass(frozen=True, slots=True)
class Addressee:
    """One recipient: addresses by channel, variables, and the caller's own name for the message."""

    email: str | None = None
    phone: str | None = None
    push_token: str | None = None
    external_id: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One channel of an order. `place` is where the request named it; "" for `channel` takes the template's."""

    channel: str
    template: str
    provider: str | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A request for messages. `variables` hold for every recipient who has none of that name."""

    caller: Caller
    parts: tuple[Part, ...]
    addressees: tuple[Addressee, ...]
    variables: Mapping[str, Any] = field(default_factory=dict)
    send_at: datetime | None = None
    expires_at: datetime | None = None
    reference: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """A part with all that was found for it, and its facts apart from the database session."""

    template: Template
    version: TemplateVersion
    provider: Provider
    sender: From
    channel: str
    template_id: int
    version_number: int | None
    provider_id: int


def find_template(text: str, place: str = "template") -> Template:
    """The template behind an id or a slug. Raises DomainError(field=place)."""
    try:
        which = Template.id == parse_public_id("tpl", text)
    except ValueError:
        which = Template.slug == text
    template = db.session.scalars(select(Template).where(which)).first()
    if template is None:
        raise DomainError(f"There is no template {text}.", field=place, code="unknown_template")
    return template


def targets_of(order: Order) -> list[Target]:
    """What each part of an order takes. Raises DomainError at the part's place, or NotAllowed."""
    return [_target(order.caller, part) for part in order.parts]


def _target(caller: Caller, part: Part) -> Target:
    place = f"{part.place}template"
    template = find_template(part.template, place)
    if not caller.may_send(template.id):
        raise NotAllowed(f"This key may not send the template {template.slug}.")
    if part.channel and template.channel != part.channel:
        raise DomainError(
            f"The template {template.slug} is for {template.channel}, not for {part.channel}.",
            field=place,
            code="wrong_channel",
        )
    provider_id = _provider_id(part)
    try:
        provider = choose_provider(template.channel, template.category, provider_id)
        sender = choose_sender(provider, None)
    except DomainError as problem:
        raise DomainError(problem.message, field=f"{part.place}provider", code=problem.code) from problem
    if provider.channel != template.channel:
        raise DomainError(
            f"The provider {provider.name} is for {provider.channel}.",
            field=f"{part.place}provider",
            code="wrong_channel",
        )
    version = published_version(template, place)
    return Target(template, version, provider, sender, template.channel, template.id, version.number, provider.id)


def published_version(template: Template, place: str = "template") -> TemplateVersion:
    """The version in use. Raises DomainError where there is none, or the template is archived."""
    if template.archived_at is not None:
        raise DomainError(f"The template {template.slug} is archived.", field=place, code="archived")
    if template.published_version_id is None:
        raise DomainError(
            f"The template {template.slug} has no published version. Publish it first.",
            field=place,
            code="not_published",
        )
    return db.session.get_one(TemplateVersion, template.published_version_id)


def _provider_id(part: Part) -> int | None:
    if part.provider is None:
        return None
    try:
        return parse_public_id("prv", part.provider)
    except ValueError as error:
        raise DomainError(
            f"{part.provider} is no id of a provider.", field=f"{part.place}provider", code="unknown_provider"
        ) from error
