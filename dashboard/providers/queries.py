"""Reading providers, their routes, and what hangs on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.extensions import db
from dashboard.jobs.models import ENDED_JOB_STATES, Job
from dashboard.message_templates.models import Category
from dashboard.problems import NotFound
from dashboard.providers.models import ChannelSwitch, Provider, ProviderIncident, Route, Sender
from worker.providers import registry

#: What the categories are for, under their names in the routing matrix.
CATEGORY_WORDS = {
    Category.TRANSACTIONAL: "Receipts, deliveries, password resets",
    Category.PROMOTIONAL: "Campaigns, newsletters",
    Category.OTP: "One-time codes",
}
CHANNEL_WORDS = {"email": "Email", "sms": "SMS", "push": "Push"}
_PLANNED = (CampaignState.SCHEDULED, CampaignState.LATE)


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of the routing matrix; `problem` says why messages of this kind are refused, "" where they pass."""

    channel: str
    category: str
    provider: Provider | None
    sender: str
    problem: str
    others: tuple[Leg, ...] = ()
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Leg:
    """A further provider of a route; `failing`: its breaker is open."""

    provider: Provider
    weight: int
    failing: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One category of the routing matrix with a cell for each channel that has an adapter."""

    category: str
    words: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider that could become a default; `problem` says why it cannot, "" where it can."""

    provider: Provider
    sender: str
    problem: str


@dataclass(frozen=True, slots=True)
class Duties:
    """What a provider is there for now: categories it is the default of, campaigns that will use it, open runs."""

    defaults: tuple[str, ...]
    campaigns: Sequence[Campaign]
    runs: Sequence[Job]

    def __bool__(self) -> bool:
        return bool(self.defaults or self.campaigns or self.runs)


def listed(*, archived: bool = False) -> Sequence[Provider]:
    """Every provider that is not archived, or every one that is, by name."""
    fits = Provider.archived_at.is_not(None) if archived else Provider.archived_at.is_(None)
    statement = select(Provider).where(fits).order_by(func.lower(Provider.name))
    return db.session.scalars(statement.options(selectinload(Provider.senders))).all()


def archived_count() -> int:
    return db.session.scalar(select(func.count(Provider.id)).where(Provider.archived_at.is_not(None))) or 0


def find(provider_id: int) -> Provider:
    """The provider; raises NotFound."""
    provider = db.session.get(Provider, provider_id)
    if provider is None:
        raise NotFound("There is no such provider. The link may be incomplete.")
    return provider


def provider_choices(channel: str) -> list[tuple[int, str]]:
    """(id, name) of the providers of a channel that may send."""
    rows = db.session.execute(
        select(Provider.id, Provider.name)
        .where(Provider.channel == channel, Provider.archived_at.is_(None), Provider.enabled.is_(True))
        .order_by(Provider.name)
    )
    return [(identifier, name) for identifier, name in rows]


def sender_choices(provider_id: int) -> list[tuple[int, str]]:
    """(id, address with name) of a provider's From addresses, the default one first."""
    rows = db.session.scalars(
        select(Sender).where(Sender.provider_id == provider_id).order_by(Sender.is_default.desc(), Sender.address)
    )
    return [(row.id, f"{row.display_name} <{row.address}>" if row.display_name else row.address) for row in rows]


def routes() -> dict[tuple[str, str], Provider]:
    """The default provider of every (channel, category) that has one."""
    rows = db.session.execute(
        select(Route.channel, Route.category, Provider)
        .join(Provider)
        .where(Route.position == 0)
        .options(selectinload(Provider.senders))
    ).all()
    return {(channel, category): provider for channel, category, provider in rows}


def channels() -> list[str]:
    """The channels that can be sent on here: those with an adapter, in the order email, SMS, push."""
    return list(dict.fromkeys(adapter.channel for adapter in registry.providers()))


def kind_words(channel: str, category: str) -> str:
    """ "promotional email", "OTP SMS"."""
    channel_words = "email" if channel == "email" else CHANNEL_WORDS[channel]
    return f"{'OTP' if category == Category.OTP else category} {channel_words}"


def routing() -> list[Row]:
    """The whole matrix, empty cells among them."""
    there, columns = _legs(), channels()
    return [
        Row(category, words, tuple(_cell(channel, category, there.get((channel, category), [])) for channel in columns))
        for category, words in CATEGORY_WORDS.items()
    ]


def switches() -> dict[str, ChannelSwitch]:
    """The channels that are switched off."""
    return {switch.channel: switch for switch in db.session.scalars(select(ChannelSwitch).where(ChannelSwitch.off))}


def failing() -> Sequence[Provider]:
    """The providers whose traffic goes elsewhere now, the longest first."""
    statement = select(Provider).where(Provider.breaker_opened_at.is_not(None), Provider.archived_at.is_(None))
    return db.session.scalars(statement.order_by(Provider.breaker_opened_at)).all()


def incidents(provider_id: int, limit: int = 20) -> Sequence[ProviderIncident]:
    """When a provider's traffic went elsewhere, and why, the newest first."""
    statement = select(ProviderIncident).where(ProviderIncident.provider_id == provider_id)
    return db.session.scalars(statement.order_by(ProviderIncident.id.desc()).limit(limit)).all()


def _legs() -> dict[tuple[str, str], list[Leg]]:
    rows = db.session.execute(
        select(Route.channel, Route.category, Route.weight, Provider)
        .join(Provider)
        .order_by(Route.position)
        .options(selectinload(Provider.senders))
    )
    found: dict[tuple[str, str], list[Leg]] = {}
    for channel, category, weight, provider in rows:
        leg = Leg(provider, weight, provider.breaker_opened_at is not None)
        found.setdefault((channel, category), []).append(leg)
    return found


def candidates(channel: str) -> list[Candidate]:
    """The providers of a channel for the choice of a default, those that cannot be it with the reason."""
    return [
        Candidate(provider, default_sender(provider), _why_not(provider))
        for provider in listed()
        if provider.channel == channel
    ]


def default_sender(provider: Provider) -> str:
    """The From address that is used where nobody chooses one, "" where there is none."""
    ordered = sorted(provider.senders, key=lambda sender: not sender.is_default)
    return ordered[0].address if ordered else ""


def following_campaigns(channel: str, category: str) -> int:
    """Planned campaigns that use whatever is the default of their category when they start."""
    return (
        db.session.scalar(
            select(func.count(Campaign.id)).where(
                Campaign.channel == channel,
                Campaign.category == category,
                Campaign.provider_id.is_(None),
                Campaign.state.in_(_PLANNED),
            )
        )
        or 0
    )


def duties_of(provider: Provider) -> Duties:
    """What is routed through a provider now, at most ten campaigns and runs each."""
    defaults = db.session.scalars(
        select(Route.category).where(Route.provider_id == provider.id, Route.position == 0).order_by(Route.category)
    )
    campaigns = db.session.scalars(
        select(Campaign)
        .where(Campaign.provider_id == provider.id, Campaign.state.in_(_PLANNED))
        .order_by(Campaign.next_run_at)
        .limit(10)
    )
    runs = db.session.scalars(
        select(Job)
        .where(Job.provider_id == provider.id, Job.state.not_in(ENDED_JOB_STATES))
        .order_by(Job.id.desc())
        .limit(10)
    )
    return Duties(tuple(defaults), campaigns.all(), runs.all())


def _cell(channel: str, category: str, legs: Sequence[Leg]) -> Cell:
    kind = kind_words(channel, category)
    provider = legs[0].provider if legs else None
    if provider is None:
        problem = f"No provider: {kind} is refused until you choose one."
    elif (why := _why_not(provider)) and all(_why_not(leg.provider) for leg in legs):
        problem = f"{why} {kind[0].upper()}{kind[1:]} is refused."
    else:
        problem = ""
    sender, weight = (default_sender(provider), legs[0].weight) if provider else ("", 0)
    return Cell(channel, category, provider, sender, problem, tuple(legs[1:]), weight)


def _why_not(provider: Provider) -> str:
    if provider.archived_at is not None:
        return "It is archived."
    if not provider.enabled:
        return "It is disabled."
    if provider.channel == "email" and not provider.senders:
        return "It has no From address."
    return ""
