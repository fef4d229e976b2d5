"""How a provider is slowed at the moment, in words."""

from __future__ import annotations

from datetime import UTC, datetime

from dashboard.current import current_settings
from dashboard.timefmt import local
from worker.engine.slowing import slowdowns_at


def slowed_words(provider_id: int) -> str:
    """ "Slowed to 40 % since 12:04: 451 4.7.1 Try later."; "" where it gets all it can take."""
    slow = slowdowns_at(current_settings().broker_url).look(provider_id)
    if slow is None:
        return ""
    since = local(datetime.fromtimestamp(slow.since, UTC))
    pause = f" It asked for a pause of {slow.hold:.0f} s more." if slow.hold >= 1 else ""
    return f"Slowed to {max(1, round(slow.factor * 100))} % since {since:%H:%M}: {slow.words}{pause}"
