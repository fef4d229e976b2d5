"""Who a template's messages would come from now."""

from __future__ import annotations

from dashboard.jobs.choosing import From, choose_provider, choose_sender
from dashboard.problems import DomainError


def default_sender(channel: str, category: str) -> From | None:
    """The default sender of a category's default provider; None while none is set up."""
    try:
        return choose_sender(choose_provider(channel, category, None), None)
    except DomainError:
        return None
