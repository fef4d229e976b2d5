"""What the editor of a campaign offers: templates, versions, audiences, columns, providers, From addresses.

A choice is (value, label); values are public ids, "" stands for the default that its label names.
"""

from __future__ import annotations

from sqlalchemy import select

from dashboard.audiences.models import Audience, DatasetVersion
from dashboard.campaigns.coverage import address_columns
from dashboard.campaigns.models import Campaign
from dashboard.extensions import db
from dashboard.figures import number
from dashboard.ids import parse_public_id, public_id
from dashboard.message_templates.models import Channel, Template, TemplateVersion, VersionKind
from dashboard.providers.models import Provider, Route, Sender

Choice = tuple[str, str]
Grouped = dict[str, list[Choice]]
CHANNEL_WORDS = {Channel.EMAIL: "email", Channel.SMS: "SMS", Channel.PUSH: "push"}
_MOST = 500  # beyond that a select is no way to find anything


def template_choices(keep: int | None = None) -> list[Choice]:
    """Templates of every channel that have a published version, by name; `keep` stays whatever became of it."""
    fits = Template.published_version_id.is_not(None) & Template.archived_at.is_(None)
    rows = db.session.execute(
        select(Template.id, Template.name, Template.channel)
        .where(fits | (Template.id == keep))
        .order_by(Template.name)
        .limit(_MOST)
    )
    marks = {Channel.EMAIL: "", Channel.SMS: " (SMS)", Channel.PUSH: " (push)"}
    named = ((public_id("tpl", row.id), f"{row.name}{marks[Channel(row.channel)]}") for row in rows)
    return [("", "Choose a template"), *named]


def channel_of(template_id: int | None, otherwise: str) -> str:
    """The channel of a template, which a campaign follows; `otherwise` where none is chosen."""
    return db.session.scalar(select(Template.channel).where(Template.id == template_id)) or otherwise


def version_choices(template_id: int | None) -> list[Choice]:
    """The published versions of a template, newest first, after the one that follows it."""
    rows = db.session.execute(
        select(TemplateVersion.id, TemplateVersion.number, TemplateVersion.note)
        .where(TemplateVersion.template_id == template_id, TemplateVersion.kind == VersionKind.PUBLISHED)
        .order_by(TemplateVersion.number.desc())
        .limit(_MOST)
    )
    kept = [(public_id("tpv", row.id), f"Always v{row.number}{': ' + row.note if row.note else ''}") for row in rows]
    return [("", "The newest published version when it starts"), *kept]


def audience_choices(keep: int | None = None) -> list[Choice]:
    """Audiences by name with their number of records."""
    rows = db.session.execute(
        select(Audience.id, Audience.name, DatasetVersion.record_count)
        .outerjoin(DatasetVersion, DatasetVersion.id == Audience.current_version_id)
        .where(Audience.archived_at.is_(None) | (Audience.id == keep))
        .order_by(Audience.name)
        .limit(_MOST)
    )
    counted = [
        (public_id("adn", row.id), f"{row.name} ({number(row.record_count) if row.record_count else 'no'} records)")
        for row in rows
    ]
    return [("", "Choose an audience"), *counted]


def column_choices(audience_id: int | None, channel: str) -> list[Choice]:
    """Columns of an audience that can hold the address, with a sample; the channel's own where nothing is chosen.

    "" for `channel` stands for any."""
    audience = db.session.get(Audience, audience_id) if audience_id else None
    dataset = (
        db.session.get(DatasetVersion, audience.current_version_id)
        if audience and audience.current_version_id
        else None
    )
    if dataset is None:
        own = Channel(channel or Channel.EMAIL).address_column
        return [(own, own)]
    samples = {
        str(column.get("variable") or column.get("target")): str(column.get("sample") or "")
        for column in dataset.columns
    }
    return [
        (name, f"{name} (such as {samples[name][:40]})" if samples.get(name) else name)
        for name in address_columns(dataset, channel)
    ]


def zone_choices(audience_id: int | None) -> list[Choice]:
    """Columns of an audience that may hold its people's time zones, after "none"."""
    columns = [name for name, _ in column_choices(audience_id, Channel.EMAIL) if name != "email"]
    return [("", "No: the zone above counts for everybody"), *((name, name) for name in columns)]


def provider_choices(channel: str, category: str, keep: int | None = None) -> list[Choice]:
    """Providers in use, after the default of the category."""
    rows = db.session.execute(
        select(Provider.id, Provider.name, Provider.enabled)
        .where(Provider.channel == channel, Provider.archived_at.is_(None) | (Provider.id == keep))
        .order_by(Provider.name)
        .limit(_MOST)
    )
    default = _default_provider(channel, category)
    label = f"Default of {category} {CHANNEL_WORDS[Channel(channel)]} ({default or 'none is set'})"
    named = [(public_id("prv", row.id), row.name if row.enabled else f"{row.name} (disabled)") for row in rows]
    return [("", label), *named]


def sender_choices(channel: str) -> Grouped:
    """From addresses grouped by provider, after each provider's default one."""
    rows = db.session.execute(
        select(Sender.id, Sender.address, Sender.display_name, Provider.name)
        .join(Provider, Provider.id == Sender.provider_id)
        .where(Provider.channel == channel, Provider.archived_at.is_(None))
        .order_by(Provider.name, Sender.is_default.desc(), Sender.address)
        .limit(_MOST)
    )
    grouped: Grouped = {"Default": [("", "The provider's default sender")]}
    for row in rows:
        shown = f"{row.display_name} <{row.address}>" if row.display_name else row.address
        grouped.setdefault(row.name, []).append((public_id("snd", row.id), shown))
    return grouped


def chosen_id(prefix: str, value: str | None) -> int | None:
    """The id behind a choice's value; None for "" and for anything that is no id."""
    if not value:
        return None
    try:
        return parse_public_id(prefix, value)
    except ValueError:
        return None


def choice_of(prefix: str, identifier: int | None) -> str:
    """The value of a choice for an id; "" for None."""
    return public_id(prefix, identifier) if identifier else ""


def known_tags(limit: int = 200) -> list[str]:
    """Tags of the newest campaigns, for completion and for the filter."""
    lists = db.session.scalars(select(Campaign.tags).order_by(Campaign.id.desc()).limit(500))
    return sorted({tag for tags in lists for tag in tags})[:limit]


def _default_provider(channel: str, category: str) -> str | None:
    return db.session.scalar(
        select(Provider.name)
        .join(Route, Route.provider_id == Provider.id)
        .where(Route.channel == channel, Route.category == category)
        .order_by(Route.position)
        .limit(1)
    )
