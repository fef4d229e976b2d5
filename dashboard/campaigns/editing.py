"""Changing the choices of a campaign, one step of the editor at a time.

A draft may hold anything that fits together; a change must not keep a scheduled campaign from starting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from dashboard.audiences.models import Audience, DatasetVersion
from dashboard.audit.services import record
from dashboard.campaigns.choices import channel_of
from dashboard.campaigns.coverage import Verdict, address_columns
from dashboard.campaigns.models import Campaign, CampaignState, ScheduleKind
from dashboard.campaigns.plan import plan_of
from dashboard.campaigns.preflight import Check, quick_checks
from dashboard.campaigns.repeating import check_cron, next_run
from dashboard.campaigns.sending_hours import read_hours
from dashboard.campaigns.starting import start_of
from dashboard.campaigns.states import EDITABLE_STATES, get_campaign
from dashboard.campaigns.wall_clock import first_moment_from, parse_wall, read_wall, zone_of
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.throttling import check_throttle
from dashboard.message_templates.models import Category, Channel, Template, TemplateVersion, VersionKind
from dashboard.problems import Conflict, DomainError, check_version
from dashboard.providers.models import Provider, Sender


def change_details(
    *, campaign_id: int, actor_id: int | None, version: int | None, name: str, description: str, tags: Sequence[str]
) -> Campaign:
    """Name, description and tags; in every state, since they say nothing about what is sent."""
    if not name.strip():
        raise DomainError("Give it a name that you will recognise in the list.", field="name", code="required")
    values = {"name": name.strip(), "description": description.strip(), "tags": list(tags)}
    with transaction():
        campaign = get_campaign(campaign_id)
        _apply(campaign, values, actor_id, version)
    return campaign


def choose_audience(
    *,
    campaign_id: int,
    actor_id: int | None,
    version: int | None,
    audience_id: int | None,
    recipient_column: str,
) -> Campaign:
    """Who gets it, and which column holds the address. DomainError at the field that does not fit."""
    with transaction():
        campaign = _editable(campaign_id)
        before = _blocking(campaign)
        if audience_id is not None:
            _check_audience(audience_id, recipient_column, campaign.address_channel)
        _apply(campaign, {"audience_id": audience_id, "recipient_column": recipient_column}, actor_id, version)
        _refuse_new(campaign, before)
    return campaign


def choose_content(
    *,
    campaign_id: int,
    actor_id: int | None,
    version: int | None,
    category: str,
    template_id: int | None,
    template_version_id: int | None,
    provider_id: int | None,
    sender_id: int | None,
    resend_unknown: bool,
) -> Campaign:
    """What is sent, by whom, and what happens to messages in doubt after a crash.

    `template_version_id` None takes the version that is published at the start, `provider_id` None the default of the
    category, `sender_id` None the provider's default From address. DomainError at the field that does not fit.
    """
    values: dict[str, Any] = {
        "category": category,
        "template_id": template_id,
        "template_version_id": template_version_id,
        "provider_id": provider_id,
        "sender_id": sender_id,
        "resend_unknown": resend_unknown,
    }
    with transaction():
        campaign = _editable(campaign_id)
        before = _blocking(campaign)
        if category not in (Category.PROMOTIONAL, Category.TRANSACTIONAL):
            raise DomainError("Campaigns are promotional or transactional.", field="category", code="bad_category")
        _check_template(template_id, template_version_id)
        values |= _following(campaign, template_id)
        _check_provider(provider_id, sender_id, values["channel"])
        _apply(campaign, values, actor_id, version)
        _refuse_new(campaign, before)
    return campaign


def choose_schedule(
    *,
    campaign_id: int,
    actor_id: int | None,
    version: int | None,
    kind: str,
    zone: str = "",
    local: str = "",
    fold: int | None = None,
    cron: str = "",
    last_day: datetime | None = None,
    hours: Mapping[str, Any] | None = None,
    rate_per_minute: float | None = None,
) -> Campaign:
    """When it starts: `now`, `once` at a local time, or by `cron` until the end of `last_day` (a naive date).

    A doubled local time needs `fold` (0 the first, 1 the second). A scheduled campaign moves to the new time at
    once. `hours` are what `sending_hours.read_hours` takes, `rate_per_minute` is a throttle (0: none); None leaves
    them. DomainError at the field that does not fit.
    """
    now = utc_now()
    with transaction():
        campaign = _editable(campaign_id)
        values = schedule_values(kind=kind, zone=zone, local=local, fold=fold, cron=cron, last_day=last_day, now=now)
        if hours is not None:
            values["send_window"] = read_hours(**hours)
        if rate_per_minute is not None:
            check_throttle(rate_per_minute)
            values["rate_per_minute"] = rate_per_minute
        _apply(campaign, values, actor_id, version)
        if campaign.state == CampaignState.SCHEDULED:
            if kind == ScheduleKind.NOW:
                words = "It is scheduled. Take it from the schedule first, or use Launch now."
                raise DomainError(words, field="schedule_kind", code="still_scheduled")
            campaign.next_run_at = start_of(campaign, now).moment
    return campaign


def schedule_values(
    *, kind: str, zone: str, local: str, fold: int | None, cron: str, last_day: datetime | None, now: datetime
) -> dict[str, Any]:
    """The columns of a checked schedule. DomainError at the field that does not fit."""
    values: dict[str, Any] = {
        "schedule_kind": ScheduleKind(kind).value,
        "schedule_local": "",
        "schedule_fold": 0,
        "cron": "",
        "cron_until": None,
    }
    if kind == ScheduleKind.NOW:
        return values
    place = zone_of(zone)
    values["schedule_zone"] = zone
    if kind == ScheduleKind.ONCE:
        clock = read_wall(parse_wall(local), place)
        if clock.doubled and fold is None:
            words = "The clocks go back, so this time comes twice that night. Choose which of the two you mean."
            raise DomainError(words, field="schedule_fold", code="doubled_time")
        values |= {"schedule_local": clock.wall.strftime("%Y-%m-%dT%H:%M"), "schedule_fold": fold or 0}
        start_of(Campaign(**values), now)
        return values
    values["cron"] = check_cron(cron)
    if last_day is not None:
        end = last_day.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=23, minutes=59)
        values["cron_until"] = first_moment_from(end, place)
        if next_run(values["cron"], zone, after=now, until=values["cron_until"]) is None:
            raise DomainError("It would never run before that day ends.", field="cron_until", code="no_run")
    return values


def _editable(campaign_id: int) -> Campaign:
    campaign = get_campaign(campaign_id)
    if campaign.state not in EDITABLE_STATES:
        words = f"It is {campaign.state}: what is sent to whom cannot change any more. Duplicate it instead."
        raise Conflict(words, current=campaign)
    return campaign


def _apply(campaign: Campaign, values: Mapping[str, Any], actor_id: int | None, version: int | None) -> None:
    """Set what changed and write it down; nothing is written where nothing changed."""
    changed = {name: value for name, value in values.items() if getattr(campaign, name) != value}
    if not changed:
        return
    check_version(campaign, version)
    before = {name: _plain(getattr(campaign, name)) for name in changed}
    for name, value in changed.items():
        setattr(campaign, name, value)
    campaign.updated_by, campaign.updated_at = actor_id, utc_now()
    summary = f"Changed {', '.join(name.removesuffix('_id').replace('_', ' ') for name in changed)}"
    record(
        "campaign.update",
        campaign,
        summary=summary,
        before=before,
        after={name: _plain(value) for name, value in changed.items()},
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _blocking(campaign: Campaign) -> dict[str, Check]:
    """What would keep a campaign that waits for its time from starting, by code; nothing for any other."""
    if campaign.state != CampaignState.SCHEDULED:
        return {}
    checks = quick_checks(plan_of(campaign), utc_now(), at_once=True)
    return {check.code: check for check in checks if check.verdict is Verdict.BLOCKING}


def _refuse_new(campaign: Campaign, before: Mapping[str, Check]) -> None:
    """What waits for its time must not be changed into something that could not start then."""
    for code, check in _blocking(campaign).items():
        if code not in before:
            words = f"{check.title}. {check.evidence} It waits for its time, so it must stay ready to start."
            raise DomainError(words, field=check.field or None, code=code)


def _check_audience(audience_id: int, recipient_column: str, channel: str) -> None:
    audience = db.session.get(Audience, audience_id)
    if audience is None or audience.archived_at is not None:
        raise DomainError("This audience is gone. Choose another one.", field="audience_id", code="no_audience")
    dataset = db.session.get(DatasetVersion, audience.current_version_id) if audience.current_version_id else None
    if dataset is not None and recipient_column not in address_columns(dataset, channel):
        words = f"{audience.name} has no column {recipient_column}. Choose the one that holds the addresses."
        raise DomainError(words, field="recipient_column", code="no_recipient_column")


def _check_template(template_id: int | None, template_version_id: int | None) -> None:
    template = db.session.get(Template, template_id) if template_id else None
    if template_id and (template is None or template.archived_at is not None):
        raise DomainError("This template is gone. Choose another one.", field="template_id", code="no_template")
    if template_version_id is None:
        return
    fits = select(TemplateVersion.id).where(
        TemplateVersion.id == template_version_id,
        TemplateVersion.template_id == template_id,
        TemplateVersion.kind == VersionKind.PUBLISHED,
    )
    if db.session.scalar(fits) is None:
        words = "That version belongs to another template. Choose a version of this one."
        raise DomainError(words, field="template_version_id", code="no_version")


def _following(campaign: Campaign, template_id: int | None) -> dict[str, Any]:
    """The channel follows the template, and the column of addresses the channel: what held those of another one, even
    by a name of its own, holds none of this one."""
    channel = Channel(channel_of(template_id, campaign.channel))
    values: dict[str, Any] = {"channel": channel.value, "recipient_column": campaign.recipient_column}
    of_another = campaign.recipient_column in {other.address_column for other in Channel}
    if of_another or channel != campaign.channel:
        values["recipient_column"] = channel.address_column
    return values


def _check_provider(provider_id: int | None, sender_id: int | None, channel: str) -> None:
    provider = db.session.get(Provider, provider_id) if provider_id else None
    if provider_id and (provider is None or provider.archived_at is not None):
        raise DomainError("This provider is gone. Choose another one.", field="provider_id", code="no_provider")
    if provider is not None and provider.channel != channel:
        words = f"{provider.name} sends {provider.channel}, and the template is {channel}. Choose another provider."
        raise DomainError(words, field="provider_id", code="other_channel")
    sender = db.session.get(Sender, sender_id) if sender_id else None
    if sender_id and sender is None:
        raise DomainError("This sender is gone. Choose another one.", field="sender_id", code="no_sender")
    if sender is not None and provider is not None and sender.provider_id != provider.id:
        words = f"{sender.address} belongs to another provider. Choose an address of {provider.name}."
        raise DomainError(words, field="sender_id", code="no_sender")
