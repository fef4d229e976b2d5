"""What the list page and its export show: the filters in words, the choices, the columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from dashboard.extensions import utc_now
from dashboard.htmx import canonical_url
from dashboard.ids import public_id
from dashboard.messages import queries
from dashboard.messages.filters import CHANNELS, OBJECTS, RANGE_WORDS, RANGES, MessageFilters
from dashboard.messages.masking import shown
from dashboard.messages.models import Message, MessageState

STATES = [
    ("", "Any"), ("success", "Success"), ("error", "Error"),
    *((state.value, state.value.capitalize()) for state in MessageState),
]  # fmt: skip
EXPORT_HEADER = (
    "id", "created", "channel", "category", "recipient", "state", "code", "detail", "template", "template_version",
    "campaign", "event", "job", "provider", "provider_message_id", "attempts", "handed_over", "updated", "test",
)  # fmt: skip


def options(names: queries.Names) -> dict[str, list[tuple[str, str]]]:
    """Choices for the selects of the filter form."""
    return {
        "channel": [("", "Any"), *CHANNELS.items()],
        "state": STATES,
        "range": list(RANGE_WORDS.items()),
        "template": [("", "Any"), *((public_id("tpl", key), name) for key, name in names.templates.items())],
        "campaign": [("", "Any"), *((public_id("cmp", key), name) for key, name in names.campaigns.items())],
        "event": [("", "Any"), *((public_id("evt", key), name) for key, name in names.events.items())],
        "provider": [("", "Any"), *((public_id("prv", key), name) for key, name in names.providers.items())],
    }


def chips(filters: MessageFilters, names: queries.Names) -> list[dict[str, str]]:
    """The filters in use, each with the address of the list without it."""
    found = []
    if filters.address:
        found.append(("who", "Address", f"{shown(filters.address)}…"))
    if filters.channel:
        found.append(("channel", "Type", CHANNELS.get(filters.channel, filters.channel)))
    if filters.state:
        found.append(("state", "Status", dict(STATES).get(filters.state, filters.state)))
    if filters.code:
        found.append(("code", "Code", filters.code))
    if filters.first or filters.last:
        found.append(("from", "Days", _days(filters)))
    found += [(name, name.capitalize(), _name(name, number, names)) for name, number in filters.objects.items()]
    if filters.with_tests:
        found.append(("tests", "Tests", "shown too"))
    return [{"label": label, "value": value, "remove_url": _without(name)} for name, label, value in found]


def _days(filters: MessageFilters) -> str:
    first = filters.first.date().isoformat() if filters.first else "…"
    last = filters.last.date().isoformat() if filters.last else "…"
    return f"{first} to before {last}"


def _name(kind: str, number: int, names: queries.Names) -> str:
    known: dict[str, dict[int, str]] = {
        "template": names.templates, "campaign": names.campaigns, "event": names.events,
        "provider": names.providers,
    }  # fmt: skip
    return known.get(kind, {}).get(number) or public_id(OBJECTS[kind], number)


def _without(name: str) -> str:
    removed: dict[str, Any] = {name: None, "after": None, "before": None}
    if name == "from":
        removed["to"] = None
    return canonical_url(**removed)


def export_rows(filters: MessageFilters, show: Callable[[str], str] = shown) -> Iterator[list[Any]]:
    """Rows for `stream_csv`, in the order of EXPORT_HEADER; `show` gives an address as the reader may see it."""
    names = queries.choices()
    lookup: Callable[[Message], queries.Names] = lambda row: queries.names_for([row])  # noqa: E731
    versions: dict[int, int | None] = {}
    for row in queries.export(filters):
        if row.template_version_id not in versions:
            known = lookup(row)
            versions.update(known.versions)
            names.templates.update(known.templates)
        yield [
            row.public_id, row.created_at, row.channel, row.category, show(row.recipient), row.state, row.code,
            row.detail, names.templates.get(row.template_id), versions.get(row.template_version_id),
            names.campaigns.get(row.campaign_id or 0), names.events.get(row.event_id or 0),
            public_id("run", row.job_id), names.providers.get(row.provider_id), row.provider_message_id,
            row.attempts, row.handed_over_at, row.updated_at, row.is_test,
        ]  # fmt: skip


def api_query(filters: MessageFilters) -> str:
    """The query with which the API gives the same list; addresses stay out of what people copy."""
    pairs = [("channel", filters.channel), ("state", filters.state), ("code", filters.code)]
    pairs += [(name, public_id(OBJECTS[name], number)) for name, number in filters.objects.items()]
    if filters.range in RANGES:
        pairs.append(("since", (utc_now() - RANGES[filters.range]).isoformat(timespec="seconds")))
    if filters.first:
        pairs.append(("since", filters.first.isoformat()))
    if filters.last:
        pairs.append(("until", filters.last.isoformat()))
    if filters.with_tests:
        pairs.append(("tests", "true"))
    query = urlencode([(name, value) for name, value in pairs if value])
    return f"?{query}" if query else ""
