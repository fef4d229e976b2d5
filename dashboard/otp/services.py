"""Configurations of one-time codes; every change is written to the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from dashboard.audit.services import record
from dashboard.extensions import db, transaction, utc_now
from dashboard.message_templates.models import Template
from dashboard.otp import queries
from dashboard.otp.asking import check_template
from dashboard.otp.codes import LENGTHS
from dashboard.otp.models import Alphabet, Delivery, OtpConfiguration, OtpRequest, Resend
from dashboard.problems import DomainError, check_version
from dashboard.providers.models import Provider

CHANNELS: Final = ("sms", "email")
#: What may be set, with the least and the most of numbers.
RANGES: Final = {
    "expiry_seconds": (30, 86_400),
    "resend_wait_seconds": (0, 3600),
    "max_attempts": (1, 10),
    "lockout_seconds": (0, 86_400),
    "destination_limit": (0, 1000),
    "ip_limit": (0, 100_000),
    "prefix_limit": (0, 100_000),
}
FIELDS: Final = (
    "name", "length", "alphabet", "resend", "channels", "delivery", "same_code", "purpose_required",
    "email_template_id", "sms_template_id", "email_provider_id", "sms_provider_id", *RANGES,
)  # fmt: skip


def unsaved() -> OtpConfiguration:
    """One with usual values, to begin a form with."""
    columns = OtpConfiguration.__table__.columns
    plain = {name: columns[name].default.arg for name in FIELDS if getattr(columns[name].default, "is_scalar", False)}
    return OtpConfiguration(name="", version=1, **{**plain, "channels": list(CHANNELS)})


def create_configuration(values: Mapping[str, Any]) -> OtpConfiguration:
    """A new configuration from values named as in FIELDS; the first one is the default. Raises DomainError."""
    with transaction():
        first = db.session.scalar(select(func.count()).select_from(OtpConfiguration)) == 0
        row = OtpConfiguration(name="", is_default=first)
        _apply(row, values)
        db.session.add(row)
        _flush()
        record("otp.create", row, summary=row.name, after=_facts(row))
    return row


def update_configuration(
    *, configuration_id: int, values: Mapping[str, Any], version: int | None = None
) -> OtpConfiguration:
    """Change it; codes under way keep what they were made with. Raises DomainError, Conflict, NotFound."""
    with transaction():
        row = queries.configuration(configuration_id)
        check_version(row, version)
        before = _facts(row)
        _apply(row, values)
        row.updated_at = utc_now()
        _flush()
        record("otp.update", row, summary=row.name, before=before, after=_facts(row))
    return row


def make_default(*, configuration_id: int) -> OtpConfiguration:
    """Use it where a request names none. Raises NotFound."""
    with transaction():
        row = queries.configuration(configuration_id)
        db.session.execute(update(OtpConfiguration).values(is_default=OtpConfiguration.id == configuration_id))
        db.session.refresh(row)
        record("otp.default", row, summary=row.name)
    return row


def delete_configuration(*, configuration_id: int) -> str:
    """Delete it and return its name. DomainError for the default one while there are others, or a used one."""
    with transaction():
        row = queries.configuration(configuration_id)
        used = select(OtpRequest.id).where(OtpRequest.configuration_id == configuration_id).limit(1)
        if row.is_default:
            raise DomainError("Make another one the default first: requests that name none use it.", code="in_use")
        if db.session.scalar(used) is not None:
            raise DomainError("Codes were sent with it, and their history needs it.", code="in_use")
        record("otp.delete", row, summary=row.name, before=_facts(row))
        db.session.delete(row)
    return row.name


def _apply(row: OtpConfiguration, values: Mapping[str, Any]) -> None:
    for name in FIELDS:
        if name in values:
            setattr(row, name, values[name])
    row.name = row.name.strip()
    if not row.name:
        raise DomainError("Give it a name.", field="name")
    _check_choices(row)
    for name, (least, most) in RANGES.items():
        value = getattr(row, name)
        if value is not None and not least <= value <= most:
            raise DomainError(f"Choose {least} to {most:,}.", field=name)
    for channel in CHANNELS:
        _check_channel(row, channel)


def _check_choices(row: OtpConfiguration) -> None:
    if row.length is not None and row.length not in LENGTHS:
        raise DomainError("A code has 4, 6 or 8 characters.", field="length")
    for name, choices in (("alphabet", Alphabet), ("resend", Resend), ("delivery", Delivery)):
        value = getattr(row, name)
        if value is not None and value not in {one.value for one in choices}:
            raise DomainError(f"Choose {' or '.join(one.value for one in choices)}.", field=name)
    channels = row.channels
    if channels is not None and (not channels or len(set(channels)) < len(channels) or set(channels) - set(CHANNELS)):
        raise DomainError("Choose SMS, email or both.", field="channels")


def _check_channel(row: OtpConfiguration, channel: str) -> None:
    template_id, provider_id = getattr(row, f"{channel}_template_id"), getattr(row, f"{channel}_provider_id")
    if template_id is not None:
        template = db.session.get(Template, template_id)
        if template is None:
            raise DomainError("There is no such template.", field=f"{channel}_template_id", code="unknown_template")
        check_template(template, channel, f"{channel}_template_id")
    if provider_id is not None:
        provider = db.session.get(Provider, provider_id)
        if provider is None or provider.channel != channel:
            raise DomainError(f"Choose a provider for {channel}.", field=f"{channel}_provider_id")


def _facts(row: OtpConfiguration) -> dict[str, Any]:
    facts = {name: getattr(row, name) for name in FIELDS}
    return {name: str(value) if name.endswith("_id") and value else value for name, value in facts.items()}


def _flush() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        raise DomainError("There is already a configuration of this name.", field="name", code="taken") from error
