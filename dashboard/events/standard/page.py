"""What the page of the standard set shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from dashboard.events.models import Event
from dashboard.events.standard.adopting import adopted
from dashboard.events.standard.catalogue import STANDARD
from dashboard.events.standard.pieces import StandardEvent
from worker.rendering.channels import compile_content


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the set, and the event that was made of it."""

    standard: StandardEvent
    event: Event | None

    @property
    def previews(self) -> list[tuple[str, str]]:
        """(channel, what a customer sees first) of each text, with the samples."""
        values = {**self.standard.payload, "unsubscribe_url": "https://example.com/u/7"}
        return [
            (content.channel, compile_content(content).render(values).preview) for content in self.standard.contents
        ]


def lines() -> list[tuple[str, list[Line]]]:
    """The set by group."""
    there = adopted()
    found = [Line(one, there.get(one.key)) for one in STANDARD]
    return [(name, list(some)) for name, some in groupby(found, key=lambda line: line.standard.group)]


def adopted_words(events: Sequence[Event], published: bool) -> str:
    """What became of a choice."""
    if not events:
        return "They were there already. Nothing changed."
    names = f"{events[0].name} is" if len(events) == 1 else f"{len(events)} events are"
    rest = "Look at the texts, then switch on what you need." if published else "Publish their templates next."
    return f"{names} there, switched off. {rest}"
