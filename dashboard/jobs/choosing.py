"""Who is to send a job: the provider somebody named, or the route of its kind, and the address it sends from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from dashboard.extensions import db
from dashboard.message_templates.models import Category, Channel
from dashboard.problems import DomainError
from dashboard.providers.models import ChannelSwitch, Provider, Route, Sender


@dataclass(frozen=True, slots=True)
class From:
    """Who a job's messages come from: a From address with its name, or a sender id of SMS."""

    address: str
    name: str


def choose_provider(channel: str, category: str, provider_id: int | None) -> Provider:
    """The provider asked for, or the first of the (channel, category) that works. DomainError says what to do.

    Those that fail just now come after those that do not; a draining one is given nothing new. While the channel is
    switched off there is none, but for one-time codes.
    """
    if provider_id is not None:
        _refuse_if_off(db.session.get(ChannelSwitch, channel), category)
        return _usable(db.session.get(Provider, provider_id), channel, category)
    rows = db.session.execute(
        _route(channel, category)
        .add_columns(ChannelSwitch)
        .outerjoin(ChannelSwitch, ChannelSwitch.channel == Route.channel)
    ).all()
    if not rows:
        return _usable(None, channel, category)
    _refuse_if_off(rows[0][2], category)
    providers = [row[0] for row in rows]
    taking = [provider for provider in providers if _is_taking(provider)]
    healthy = [provider for provider in taking if provider.breaker_opened_at is None]
    return _usable((healthy or taking or providers)[0], channel, category)


def _refuse_if_off(switch: ChannelSwitch | None, category: str) -> None:
    if switch is not None and switch.off and category != Category.OTP:
        words = f"The channel {switch.channel} is switched off: {switch.reason or 'no reason was given'}."
        raise DomainError(f"{words} An administrator can switch it on under Providers.", code="channel_off")


def choose_sender(provider: Provider, sender_id: int | None) -> From:
    """The sender asked for, or the provider's default one; push has none. DomainError where it has none."""
    if provider.channel == Channel.PUSH:
        return From(address="", name="")
    senders: list[Sender] = sorted(provider.senders, key=lambda sender: not sender.is_default)
    for sender in senders:
        if sender_id is None or sender.id == sender_id:
            return From(address=sender.address, name=sender.display_name)
    kind = "sender id" if provider.channel == Channel.SMS else "From address"
    raise DomainError(f"The provider {provider.name} has no such {kind}.", field="sender_id", code="no_sender")


def route_of(channel: str, category: str) -> list[tuple[Provider, int]]:
    """The providers of a kind of message with their weights, in order."""
    return [(provider, weight) for provider, weight in db.session.execute(_route(channel, category))]


def _route(channel: str, category: str) -> Select[Provider, int]:
    return (
        select(Provider, Route.weight)
        .join(Route, Route.provider_id == Provider.id)
        .where(Route.channel == channel, Route.category == category)
        .order_by(Route.position)
    )


def frozen_route(channel: str, category: str, wanted: From | None = None) -> list[dict[str, Any]]:
    """The route as a job keeps it: who may send, by which weight, from which address.

    A provider that has the wanted address sends from it, the others from their own default.
    """
    return [
        {"provider_id": provider.id, "weight": weight, "from_address": sender.address, "from_name": sender.name}
        for provider, weight, sender in standing_by(channel, category, wanted)
    ]


def standing_by(channel: str, category: str, wanted: From | None = None) -> list[tuple[Provider, int, From]]:
    """Those of the route that take something new, with their weights and who they send from."""
    return [
        (provider, weight, sender)
        for provider, weight in route_of(channel, category)
        if _is_taking(provider) and (sender := _sender_of(provider, wanted)) is not None
    ]


def _sender_of(provider: Provider, wanted: From | None) -> From | None:
    addresses: Sequence[Sender] = provider.senders
    for sender in addresses:
        if wanted is not None and sender.address == wanted.address:
            return wanted
    try:
        return choose_sender(provider, None)
    except DomainError:
        return None


def _is_taking(provider: Provider) -> bool:
    return provider.enabled and provider.archived_at is None and not provider.draining


def _usable(provider: Provider | None, channel: str, category: str) -> Provider:
    if provider is None or provider.archived_at is not None:
        raise DomainError(
            f"There is no default provider for {category} {channel}. Choose one under Providers.",
            field="provider_id",
            code="no_provider",
        )
    if not provider.enabled:
        raise DomainError(f"The provider {provider.name} is disabled.", field="provider_id", code="provider_disabled")
    if provider.draining:
        words = f"The provider {provider.name} is draining: it finishes its runs and takes no new ones."
        raise DomainError(words, field="provider_id", code="provider_draining")
    return provider
