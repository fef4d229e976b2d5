"""The routes: an ordered list of providers for each kind of message, drains, and the master switch of a channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete

from dashboard.audit.services import record
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.choosing import route_of
from dashboard.message_templates.models import Channel
from dashboard.problems import DomainError, NotFound, check_version
from dashboard.providers.models import ChannelSwitch, Provider, Route
from dashboard.providers.sender_ids import sender_words

MOST_IN_A_ROUTE = 8
HEAVIEST = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One provider of a route; `weight` 0 to 100 is its share among those that have one."""

    provider_id: int
    weight: int = 0


def set_route(*, channel: str, category: str, entries: Sequence[Entry]) -> None:
    """Replace the route of a kind; none refuses its messages. DomainError names what is wrong with it.

    Jobs made before keep the route that they were made with.
    """
    with transaction():
        providers = [_fit(entry, channel) for entry in entries]
        if len({provider.id for provider in providers}) < len(providers):
            raise DomainError("A provider can stand in a route once.", field="providers")
        if len(providers) > MOST_IN_A_ROUTE:
            raise DomainError(f"A route has at most {MOST_IN_A_ROUTE} providers.", field="providers")
        before = described(channel, category)
        db.session.execute(delete(Route).where(Route.channel == channel, Route.category == category))
        for position, entry in enumerate(entries):
            db.session.add(
                Route(
                    channel=channel,
                    category=category,
                    position=position,
                    provider_id=entry.provider_id,
                    weight=entry.weight,
                )
            )
        db.session.flush()
        record(
            "route.set",
            providers[0] if providers else None,
            summary=f"Route of {category} {channel}",
            before={"providers": before},
            after={"providers": described(channel, category)},
        )


def set_default(*, channel: str, category: str, provider_id: int | None) -> None:
    """Put a provider first; those of the route stand by behind it. None leaves the kind without any."""
    if provider_id is None:
        set_route(channel=channel, category=category, entries=[])
        return
    others = [entry for entry in entries_of(channel, category) if entry.provider_id != provider_id]
    set_route(channel=channel, category=category, entries=[Entry(provider_id), *others][:MOST_IN_A_ROUTE])


def entries_of(channel: str, category: str) -> list[Entry]:
    """The route as it is now."""
    return [Entry(provider.id, weight) for provider, weight in route_of(channel, category)]


def described(channel: str, category: str) -> str:
    """The route in words: "Main (90), Second (10), Standby"."""
    stops = route_of(channel, category)
    return ", ".join(f"{provider.name} ({weight})" if weight else provider.name for provider, weight in stops)


def set_draining(*, provider_id: int, draining: bool) -> Provider:
    """Let a provider finish what it has and take nothing new, or let it take new jobs again."""
    with transaction():
        provider = db.session.get(Provider, provider_id)
        if provider is None:
            raise NotFound("There is no such provider.")
        provider.draining = draining
        check_version(provider, None)
        verb = "Drains" if draining else "Takes new runs again:"
        record("provider.drain" if draining else "provider.undrain", provider, summary=f"{verb} {provider.name}")
    return provider


def switch_channel(*, channel: str, off: bool, reason: str, by: str) -> None:
    """The master switch: while a channel is off, nothing but one-time codes goes out on it. DomainError."""
    if channel not in set(Channel):
        raise NotFound("There is no such channel.")
    if off and not reason.strip():
        raise DomainError("Say why, for those who meet the closed door.", field="reason")
    with transaction():
        switch = db.session.get(ChannelSwitch, channel)
        if switch is None:
            switch = ChannelSwitch(channel=channel)
            db.session.add(switch)
        switch.off, switch.reason, switch.changed_by, switch.changed_at = off, reason.strip(), by, utc_now()
        record("channel.off" if off else "channel.on", None, summary=f"{channel}: {reason.strip() or 'on again'}")


def _fit(entry: Entry, channel: str) -> Provider:
    provider = db.session.get(Provider, entry.provider_id)
    if provider is None or provider.archived_at is not None:
        raise DomainError("A provider of the route is gone. Choose another one.", field="providers")
    if not provider.enabled:
        raise DomainError(f"{provider.name} is disabled. Enable it first.", field="providers")
    if provider.channel != channel:
        raise DomainError(f"{provider.name} sends {provider.channel}, not {channel}.", field="providers")
    words = sender_words(channel)
    if words is not None and not provider.senders:
        raise DomainError(f"{provider.name} has no {words.one}. Add one first.", field="providers")
    if not 0 <= entry.weight <= HEAVIEST:
        raise DomainError(f"A weight is a whole number from 0 to {HEAVIEST}.", field="providers")
    return provider
