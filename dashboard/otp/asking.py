"""What somebody asks for, and the codes that are drawn up for it before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any, Final

from sqlalchemy import Connection

from dashboard.api_keys.services import Caller
from dashboard.extensions import single_reads
from dashboard.ids import new_id, public_id
from dashboard.message_templates import queries as templates
from dashboard.message_templates.models import Category, Template
from dashboard.messages.models import MessageState
from dashboard.otp.codes import code_of, new_seed
from dashboard.otp.destinations import country_of, normalised
from dashboard.otp.models import OtpConfiguration
from dashboard.problems import DomainError
from dashboard.sends.orders import Addressee, Order, Part, Target, find_target, find_template, published_version

CODE: Final = "code"


@dataclass(frozen=True, slots=True)
class Means:
    """What a request chooses for one channel in place of the configuration's: template (id or slug), provider (id)."""

    template: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for codes. `ip` is the address of the person who wants in, not of the application."""

    caller: Caller
    email: str | None = None
    phone: str | None = None
    purpose: str = ""
    ip: str = ""
    length: int | None = None
    expiry_seconds: int | None = None
    same_code: bool | None = None
    means: Mapping[str, Means] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    user_id: int | None = None


@dataclass(slots=True)
class Draft:
    """One code on its way. `code` lives here only; `state` and what follows is filled in by its sending."""

    id: int
    group_id: int
    channel: str
    destination: str
    country: str
    length: int
    alphabet: str
    expiry_seconds: int
    seed: str
    part: Part
    target: Target
    expires_at: datetime | None = None
    resend_at: datetime | None = None
    message_id: int | None = None
    state: MessageState = MessageState.QUEUED
    code: str = ""
    detail: str = ""

    @property
    def secret(self) -> str:
        """The code itself."""
        return code_of(self.seed, self.length, self.alphabet)


def drafts_of(ask: Ask, configuration: OtpConfiguration) -> list[Draft]:
    """A draft for each channel that an address is given for, in the configuration's order. Raises DomainError."""
    if configuration.purpose_required and not ask.purpose:
        raise DomainError("This configuration binds codes to a purpose: name one.", field="purpose")
    given = {"email": ask.email, "sms": ask.phone}
    channels = [channel for channel in configuration.channels if given[channel]]
    if not channels:
        wanted = " or ".join("phone" if channel == "sms" else "email" for channel in configuration.channels)
        raise DomainError(f"No address for the channels of this configuration: give {wanted}.", code="no_address")
    same = configuration.same_code if ask.same_code is None else ask.same_code
    group, shared = new_id(), new_seed()
    with single_reads() as connection:
        parts = [part_for(channel, configuration, ask.means.get(channel, Means()), connection) for channel in channels]
    drafts = []
    for channel, (part, target) in zip(channels, parts, strict=True):
        destination = normalised(channel, given[channel] or "")
        drafts.append(
            Draft(
                id=new_id(),
                group_id=group,
                channel=channel,
                destination=destination,
                country=country_of(channel, destination),
                length=ask.length or configuration.length,
                alphabet=configuration.alphabet,
                expiry_seconds=ask.expiry_seconds or configuration.expiry_seconds,
                seed=shared if same else new_seed(),
                part=part,
                target=target,
            )
        )
    return drafts


def part_for(
    channel: str, configuration: OtpConfiguration, means: Means, connection: Connection
) -> tuple[Part, Target]:
    """Template and provider of one channel, and what they are now. Raises DomainError where there is none of them, or a
    template without the code."""
    template_id = configuration.sms_template_id if channel == "sms" else configuration.email_template_id
    provider_id = configuration.sms_provider_id if channel == "sms" else configuration.email_provider_id
    text = means.template or (public_id("tpl", template_id) if template_id else None)
    place = f"{channel}."
    if text is None:
        raise DomainError(f"The configuration has no template for {channel}.", field=f"{place}template")
    provider = means.provider or (public_id("prv", provider_id) if provider_id else None)
    part = Part(channel, text, provider, place)
    try:
        target = find_target(part, connection)
    except DomainError:
        check_template(find_template(text, f"{place}template"), channel, f"{place}template")  # rather what it says
        raise
    _check_kind(target.template, channel, f"{place}template")
    _check_use(target.template, target.version.id, f"{place}template")
    return part, target


def check_template(template: Template, channel: str, place: str) -> None:
    """Raises DomainError(field=place) for a template that cannot carry a code."""
    _check_kind(template, channel, place)
    _check_use(template, published_version(template, place).id, place)


def _check_kind(template: Template, channel: str, place: str) -> None:
    if template.channel != channel:
        raise DomainError(f"The template {template.slug} is for {template.channel}.", field=place, code="wrong_channel")
    if template.category != Category.OTP:
        words = f"The template {template.slug} is {template.category}. Codes need one of the category OTP."
        raise DomainError(words, field=place, code="wrong_category")


def _check_use(template: Template, version_id: int, place: str) -> None:
    if CODE not in templates.variables_of_id(version_id):
        words = f"The template {template.slug} does not use the variable code, so nobody would see it."
        raise DomainError(words, field=place, code="no_code")


def order_of(
    ask: Ask, drafts: Sequence[Draft], *, expires_at: datetime | None = None, just_drawn_up: bool = True
) -> Order:
    """The messages of some drafts that are sent together."""
    addresses = {draft.channel: draft.destination for draft in drafts}
    seconds = drafts[0].expiry_seconds
    values = {**ask.variables, "minutes": ceil(seconds / 60), "seconds": seconds, "purpose": ask.purpose}
    addressee = Addressee(
        email=addresses.get("email"),
        phone=addresses.get("sms"),
        variables=values,
        secrets={draft.channel: {CODE: draft.secret} for draft in drafts},
    )
    targets = tuple(draft.target for draft in drafts) if just_drawn_up else ()
    parts = tuple(draft.part for draft in drafts)
    return Order(ask.caller, parts, (addressee,), expires_at=expires_at, targets=targets)
