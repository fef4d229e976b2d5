"""The answer to "would a message reach this person?", in words."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.message_templates.models import Category, Channel
from dashboard.suppressions.addresses import WORDS
from dashboard.suppressions.models import Suppression
from dashboard.suppressions.queries import standing_against


@dataclass(frozen=True, slots=True)
class Answer:
    """For one address: what stands against promotional and against other messages (None = nothing)."""

    channel: Channel
    address: str
    promotional: Suppression | None
    transactional: Suppression | None

    @property
    def lines(self) -> tuple[tuple[str, Suppression | None], ...]:
        """(kind of message, what stands against it)."""
        noun = WORDS[self.channel].noun
        return (f"promotional {noun}", self.promotional), (f"other {noun} (orders, codes)", self.transactional)


def answer_about(channel: str, address: str) -> Answer:
    """Look up an address in its normal form."""
    return Answer(
        channel=Channel(channel),
        address=address,
        promotional=standing_against(channel, address, Category.PROMOTIONAL),
        transactional=standing_against(channel, address, Category.TRANSACTIONAL),
    )
