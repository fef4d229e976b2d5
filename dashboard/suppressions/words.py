"""The answer to "would a mail reach this person?", in words."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.message_templates.models import Category
from dashboard.suppressions.models import Suppression
from dashboard.suppressions.queries import standing_against


@dataclass(frozen=True, slots=True)
class Answer:
    """For one address: what stands against promotional and against other mail (None = nothing)."""

    address: str
    promotional: Suppression | None
    transactional: Suppression | None


def answer_about(address: str) -> Answer:
    """Look up a normal email address."""
    return Answer(
        address=address,
        promotional=standing_against("email", address, Category.PROMOTIONAL),
        transactional=standing_against("email", address, Category.TRANSACTIONAL),
    )
