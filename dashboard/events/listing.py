"""The catalogue of events with its filters, by group and subgroup."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

from flask import request, url_for

from dashboard.events import queries, words
from dashboard.events.queries import CatalogueFilter, EventLine
from dashboard.htmx import canonical_url
from dashboard.message_templates.queries import CHANNEL_CHOICES

STATES: Final = (("", "On and off"), ("on", "On"), ("off", "Off"))


def context(query: Mapping[str, str]) -> dict[str, Any]:
    """What the list shows for the query of its URL."""
    filters = CatalogueFilter(*(query.get(name, "") for name in ("q", "group", "state", "channel")))
    lines = queries.catalogue(filters)
    chips = _chips(filters)
    return {
        "groups": _grouped(lines),
        "subscribe_url": with_query(url_for("events.subscribe")),
        "count": len(lines),
        "most": queries.MOST,
        "templates": queries.template_names([line.event for line in lines]),
        "filters": filters,
        "chips": chips,
        "group_choices": [("", "All groups"), *((one, one) for one in queries.groups()), ("-", "Without a group")],
        "channel_choices": [("", "All channels"), *((key, f"{name} subscribed") for key, name in CHANNEL_CHOICES)],
        "channels": CHANNEL_CHOICES,
        "states": STATES,
        "anything": bool(lines) or queries.any_event(),
    }


def with_query(path: str) -> str:
    """Another path with the filters of this request, so that whoever changes something comes back to the same list."""
    return canonical_url().replace(request.path, path, 1)


def _grouped(lines: list[EventLine]) -> list[tuple[str, list[EventLine]]]:
    """("Orders · Refunds", its lines), in the order of the lines."""
    parts = groupby(lines, key=lambda line: (line.event.group, line.event.subgroup))
    return [(" · ".join(filter(None, names)) or "Without a group", list(found)) for names, found in parts]


def _chips(filters: CatalogueFilter) -> list[dict[str, str]]:
    shown = {
        "q": ("Text", filters.q),
        "group": ("Group", "None" if filters.group == "-" else filters.group),
        "state": ("State", dict(STATES).get(filters.state, filters.state)),
        "channel": ("Subscribed", words.CHANNELS.get(filters.channel, filters.channel)),
    }
    return [
        {"label": label, "value": value, "remove_url": canonical_url(**{name: None})}
        for name, (label, value) in shown.items()
        if getattr(filters, name)
    ]


def changed_words(changed: int, chosen: int, channel: str, subscribed: bool) -> str:
    """What became of several events that were ticked."""
    state = "subscribed" if subscribed else "not subscribed any more"
    if not changed:
        return f"{words.CHANNELS[channel]} was so already for all {chosen} of them."
    return f"{words.CHANNELS[channel]} is {state} for {changed} of {chosen} events."
