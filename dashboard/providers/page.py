"""What the pages of providers show: the cards of the list, and the parts of one provider's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.extensions import utc_now
from dashboard.providers import health, queries
from dashboard.providers.editing import stored_secrets
from dashboard.providers.health import ErrorGroup, Traffic
from dashboard.providers.minutes import Minute, last_hour
from dashboard.providers.models import Provider, ProviderIncident
from dashboard.providers.rates import rate_words
from dashboard.providers.slowing import slowed_words
from dashboard.timefmt import local
from worker.providers import registry
from worker.providers.base import Provider as Adapter


@dataclass(frozen=True, slots=True)
class Card:
    """One provider in the list; `state` is a row of dashboard.status, `adapter` None for a vendor that is gone."""

    provider: Provider
    adapter: type[Adapter] | None
    state: str
    traffic: Traffic
    sender: str


@dataclass(frozen=True, slots=True)
class HealthPage:
    """Everything of a provider's first tab. `hours` are (hour in words, messages), the newest last."""

    card: Card
    errors: list[ErrorGroup]
    duties: queries.Duties
    unreadable: bool
    hours: list[tuple[str, int]]
    minutes: list[Minute]
    incidents: Sequence[ProviderIncident]

    @property
    def slowed(self) -> str:
        """How it is slowed at the moment, in words; "" where it is not."""
        return slowed_words(self.card.provider.id)

    @property
    def rate(self) -> str:
        """How fast it may be fed, in words."""
        return rate_words(self.card.provider)


def adapter_of(provider: Provider) -> type[Adapter] | None:
    """The adapter of a provider; None where this version has none for its vendor any more."""
    return next((adapter for adapter in registry.providers() if adapter.vendor == provider.vendor), None)


def cards(*, archived: bool = False) -> list[Card]:
    """The providers of the list with their state and traffic: four statements, however many providers there are."""
    providers, now = queries.listed(archived=archived), utc_now()
    ids = [provider.id for provider in providers]
    traffic, used = health.traffic_of(health.sample_of(ids, now), now), health.used(ids)
    return [_card(provider, traffic.get(provider.id, Traffic()), provider.id in used) for provider in providers]


def health_page(provider: Provider) -> HealthPage:
    """The first tab of a provider."""
    now = utc_now()
    sample = health.sample_of([provider.id], now)
    traffic = health.traffic_of(sample, now).get(provider.id, Traffic())
    return HealthPage(
        card=_card(provider, traffic, bool(health.used([provider.id]))),
        errors=health.errors_of(provider.id, sample, now),
        duties=queries.duties_of(provider),
        unreadable=stored_secrets(provider)[1],
        hours=_hours(traffic, now),
        minutes=last_hour(provider.id),
        incidents=queries.incidents(provider.id),
    )


def _card(provider: Provider, traffic: Traffic, ever_used: bool) -> Card:
    return Card(
        provider=provider,
        adapter=adapter_of(provider),
        state=health.state_of(provider, traffic, ever_used=ever_used),
        traffic=traffic,
        sender=queries.default_sender(provider),
    )


def _hours(traffic: Traffic, now: datetime) -> list[tuple[str, int]]:
    """Each hour with its beginning and end in the zone in use, the oldest first."""
    start = local(now - timedelta(hours=health.HOURS))
    edges = [start + timedelta(hours=number) for number in range(health.HOURS + 1)]
    return [
        (f"{edges[number]:%a %H:%M} to {edges[number + 1]:%H:%M}", count) for number, count in enumerate(traffic.hours)
    ]
