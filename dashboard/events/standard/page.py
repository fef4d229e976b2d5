"""What the page of the standard set shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from dashboard.events.models import Event
from dashboard.events.standard.adopting import adopted
from dashboard.events.standard.catalogue import STANDARD
from dashboard.events.standard.pieces import StandardEvent
from dashboard.events.words import channel_names
from dashboard.jobs.services import freeze_globals
from worker.rendering.channels import compile_content


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the set, the event that was made of it, and the global variables."""

    standard: StandardEvent
    event: Event | None
    company: Mapping[str, str]

    @property
    def channels(self) -> str:
        """ "Email, SMS"."""
        return channel_names(self.standard.channels)

    @property
    def previews(self) -> list[tuple[str, str]]:
        """(channel, what a customer sees first) of each text, with the samples."""
        values = {**self.company, **self.standard.payload, "unsubscribe_url": "https://example.com/u/7"}
        return [
            (content.channel, compile_content(content).render(values).preview) for content in self.standard.contents
        ]


def lines() -> list[tuple[str, list[Line]]]:
    """The set by group."""
    there, company = adopted(), freeze_globals()
    found = [Line(one, there.get(one.key), company) for one in STANDARD]
    return [(name, list(some)) for name, some in groupby(found, key=lambda line: line.standard.group)]


def adopted_words(events: Sequence[Event], published: bool) -> str:
    """What became of a choice."""
    if not events:
        return "They were there already. Nothing changed."
    names = f"{events[0].name} is" if len(events) == 1 else f"{len(events)} events are"
    rest = "Look at the texts, then switch on what you need." if published else "Publish their templates next."
    return f"{names} there, switched off. {rest}"
